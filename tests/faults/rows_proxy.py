"""Faults of the proxy, each by a proxy that no one here wrote where one can do it."""

from servers import misbehaving as bad
from servers.bench import Bench, Row, proxy, row
from servers.limits import hasty
from servers.probing import Trial
from servers.proxies import PASSWORD, PLAIN_PASSWORD, PLAIN_USER, USER

__all__ = ["ROWS"]

ROWS: list[Row] = []


@row(ROWS, "proxy", "proxy-auth")
async def squid_wants_credentials(bench: Bench) -> Trial:
    """407: none given."""
    return await bench.ssl(bench.web.port, proxy=proxy("http", bench.squid.auth))


@row(ROWS, "proxy", "proxy-auth")
async def squid_wants_other_credentials(bench: Bench) -> Trial:
    """407: wrong ones given."""
    via = proxy("http", bench.squid.auth, USER)
    return await bench.ssl(bench.web.port, proxy=via, proxy_password="wrong")


@row(ROWS, "proxy", "proxy-auth")
async def https_proxy_wants_other_credentials(bench: Bench) -> Trial:
    """407 inside TLS to the proxy."""
    via = proxy("https", bench.squid.tls, USER)
    return await bench.ssl(bench.web.port, proxy=via, proxy_password="wrong")


@row(ROWS, "proxy", "proxy-auth")
async def tinyproxy_wants_credentials(bench: Bench) -> Trial:
    """Tinyproxy's own way: 407 for none, 401 for wrong ones."""
    via = proxy("http", bench.tinyproxy(strict=True), PLAIN_USER)
    return await bench.ssl(bench.web.port, proxy=via, proxy_password="wrong")


@row(ROWS, "proxy", "proxy-auth")
async def dante_refuses_the_password(bench: Bench) -> Trial:
    """RFC 1929 status other than 0."""
    via = proxy("socks5", bench.dante(strict=True).port, bench.account.name)
    return await bench.ssl(bench.web.port, proxy=via, proxy_password="wrong")


@row(ROWS, "proxy", "proxy-forbidden")
async def squid_as_installed_forbids_ssh(bench: Bench) -> Trial:
    """CONNECT to 443 and 563 only."""
    return await bench.ssh(bench.openssh.port, proxy=proxy("http", bench.squid.stock))


@row(ROWS, "proxy", "proxy-forbidden")
async def tinyproxy_forbids_the_port(bench: Bench) -> Trial:
    """403 Access violation."""
    via = proxy("http", bench.tinyproxy(strict=True), PLAIN_USER)
    return await bench.ssl(bench.web.port, proxy=via, proxy_password=PLAIN_PASSWORD)


@row(ROWS, "proxy", "proxy-forbidden")
async def dante_forbids_by_rule(bench: Bench) -> Trial:
    """SOCKS5 code 2: not allowed by ruleset."""
    dante = bench.dante()
    return await bench.ssl(dante.blocked, proxy=proxy("socks5", dante.port))


@row(ROWS, "proxy", "proxy-name-unknown", names="nosuch.invalid")
async def squid_does_not_know_the_name(bench: Bench) -> Trial:
    """503 with X-Squid-Error."""
    return await bench.ssl(443, host="nosuch.invalid", proxy=proxy("http", bench.squid.open))


@row(ROWS, "proxy", "proxy-name-unknown", names="nosuch.invalid")
async def dante_does_not_know_the_name(bench: Bench) -> Trial:
    """SOCKS5 code 4: host unreachable."""
    return await bench.ssl(443, host="nosuch.invalid", proxy=proxy("socks5", bench.dante().port))


@row(ROWS, "proxy", "proxy-target-failed", names="nosuch.invalid")
async def tinyproxy_does_not_know_the_name(bench: Bench) -> Trial:
    """500 Unable to connect, whatever the reason."""
    return await bench.ssl(443, host="nosuch.invalid", proxy=proxy("http", bench.tinyproxy()))


@row(ROWS, "proxy", "proxy-target-refused")
async def the_target_refuses_squid(bench: Bench) -> Trial:
    """503."""
    return await bench.ssl(bench.closed_port(), proxy=proxy("http", bench.squid.open))


@row(ROWS, "proxy", "proxy-target-failed")
async def the_target_refuses_tinyproxy(bench: Bench) -> Trial:
    """500 Unable to connect."""
    return await bench.ssl(bench.closed_port(), proxy=proxy("http", bench.tinyproxy()))


@row(ROWS, "proxy", "proxy-target-refused")
async def the_target_refuses_dante(bench: Bench) -> Trial:
    """SOCKS5 code 5."""
    return await bench.ssh(bench.closed_port(), proxy=proxy("socks5", bench.dante().port))


@row(ROWS, "proxy", "proxy-socks4-rejected")
async def the_target_refuses_dante_by_socks4(bench: Bench) -> Trial:
    """SOCKS4 code 91, for everything."""
    return await bench.ssl(bench.closed_port(), proxy=proxy("socks4", bench.dante().port))


@row(ROWS, "proxy", "proxy-refused")
async def nothing_listens_at_the_proxy(bench: Bench) -> Trial:
    """A dead proxy."""
    return await bench.ssl(bench.web.port, proxy=proxy("http", bench.closed_port()))


@row(ROWS, "proxy", "proxy-timeout")
async def the_proxy_is_a_black_hole(bench: Bench) -> Trial:
    """No answer to the SYN."""
    return await bench.ssl(
        bench.web.port, proxy=proxy("http", bench.black_hole()), limits=hasty("connect", seconds=2.0)
    )


@row(ROWS, "proxy", "proxy-silent")
async def the_http_proxy_says_nothing(bench: Bench) -> Trial:
    """Connected, and then silence."""
    told = await bench.misbehaving(bad.say_nothing)
    return await bench.ssl(bench.web.port, proxy=proxy("http", told.port), limits=hasty("reply"))


@row(ROWS, "proxy", "proxy-silent")
async def the_socks5_proxy_says_nothing(bench: Bench) -> Trial:
    """The same by SOCKS5, on the way to SSH."""
    told = await bench.misbehaving(bad.say_nothing)
    return await bench.ssh(bench.openssh.port, proxy=proxy("socks5", told.port), limits=hasty("reply"))


@row(ROWS, "proxy", "proxy-closed")
async def the_proxy_hangs_up(bench: Bench) -> Trial:
    """Closed without a word."""
    told = await bench.misbehaving(bad.close_after_hearing)
    return await bench.ssl(bench.web.port, proxy=proxy("http", told.port))


@row(ROWS, "proxy", "proxy-captive")
async def a_captive_portal(bench: Bench) -> Trial:
    """302 Found, with escapes in the reason phrase."""
    told = await bench.misbehaving(bad.answer(b"HTTP/1.1 302 Found\x1b[2J\r\nLocation: http://x/\r\n\r\n"))
    return await bench.ssl(bench.web.port, proxy=proxy("http", told.port))


@row(ROWS, "proxy", "proxy-busy")
async def the_proxy_is_busy(bench: Bench) -> Trial:
    """429, with the time to come back."""
    told = await bench.misbehaving(bad.answer(b"HTTP/1.1 429 Later\r\nRetry-After: 1\r\n\r\n"))
    return await bench.ssl(bench.web.port, proxy=proxy("http", told.port))


@row(ROWS, "proxy", "proxy-slow")
async def the_proxy_found_us_slow(bench: Bench) -> Trial:
    """408."""
    told = await bench.misbehaving(bad.answer(b"HTTP/1.1 408 Slow\r\n\r\n"))
    return await bench.ssl(bench.web.port, proxy=proxy("http", told.port))


@row(ROWS, "proxy", "proxy-request-refused")
async def the_proxy_refuses_oddly(bench: Bench) -> Trial:
    """418."""
    told = await bench.misbehaving(bad.answer(b"HTTP/1.1 418 Teapot\r\n\r\n"))
    return await bench.ssl(bench.web.port, proxy=proxy("http", told.port))


@row(ROWS, "proxy", "proxy-auth-method")
async def the_proxy_wants_digest_from_basic(bench: Bench) -> Trial:
    """407 with a Digest realm that is called basic."""
    reply = b'HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm="basic"\r\n\r\n'
    told = await bench.misbehaving(bad.answer(reply))
    return await bench.ssl(bench.web.port, proxy=proxy("http", told.port))


@row(ROWS, "proxy", "proxy-tls-not-spoken")
async def an_http_proxy_taken_for_an_https_one(bench: Bench) -> Trial:
    """WRONG_VERSION_NUMBER, at the proxy."""
    via = proxy("https", bench.squid.open, USER)
    return await bench.ssl(bench.web.port, proxy=via, proxy_password=PASSWORD)


@row(ROWS, "proxy", "proxy-not-spoken")
async def an_ssh_server_taken_for_a_proxy(bench: Bench) -> Trial:
    """What answers is no proxy."""
    return await bench.ssl(bench.web.port, proxy=proxy("http", bench.openssh.port))
