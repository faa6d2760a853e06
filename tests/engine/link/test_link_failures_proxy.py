"""What proxies refuse, for real: each fault gives its code, through the proxies that admins have."""

import socket
from collections.abc import Iterator

import pytest
from ways import Ways, credentials, fails, proxy

from servers import misbehaving as bad
from servers.limits import PATIENT, hasty
from servers.process import reserved_port
from servers.proxies import PASSWORD, PLAIN_USER, USER, Dante, Squid
from servers.web import Web
from tm_tui.link.dialer import dial
from tm_tui.link.failures import translate
from tm_tui.link.types import Endpoint, Limits, Proxy

NOWHERE = Endpoint("nosuch.invalid", 443)
WRONG = credentials(USER, "wrong")


@pytest.fixture
def closed() -> Iterator[Endpoint]:
    """A port on which nobody listens."""
    with reserved_port() as port:
        yield Endpoint("127.0.0.1", port)


@pytest.fixture
def black_hole() -> Iterator[Endpoint]:
    """A port that drops whoever calls: its queue of callers is full."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for caller in (first, second):
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield Endpoint("127.0.0.1", listener.getsockname()[1])


async def expect(ways: Ways, code: str, target: Endpoint, via: Proxy, limits: Limits = PATIENT) -> str:
    """Dial, and see it fail in stage proxy with `code`; return the cause."""
    with fails(code, "proxy") as caught:
        (await dial(target, via, ways.trust, limits=limits, observe=ways.observe)).close()
    assert ways.passed() == ["name"]
    assert via.endpoint.authority in caught.value.cause or code in {
        "proxy-credentials-length",
        "proxy-socks4-ipv6",
        "proxy-host-unknown",
        "proxy-no-resolver",
        "local-resources",
    }
    return caught.value.cause


@pytest.mark.parametrize("who", [None, WRONG])
async def test_squid_wants_other_credentials(
    ways: Ways, squid_proxy: Squid, closed: Endpoint, who: object
) -> None:
    """Missing or wrong credentials at squid (407) are named as such, not as a network fault."""
    await expect(ways, "proxy-auth", closed, proxy("http", squid_proxy.auth, who))  # type: ignore[arg-type]


@pytest.mark.parametrize("who", [None, credentials(PLAIN_USER, "wrong")])
async def test_tinyproxy_wants_other_credentials(
    ways: Ways, tiny_proxy_with_password: int, closed: Endpoint, who: object
) -> None:
    """Tinyproxy says 407 for missing and 401 for wrong credentials; both are the proxy's password."""
    await expect(ways, "proxy-auth", closed, proxy("http", tiny_proxy_with_password, who))  # type: ignore[arg-type]


@pytest.mark.parametrize("known", [True, False])
async def test_dante_wants_other_credentials(
    ways: Ways, dante_with_password: Dante, local_account: object, closed: Endpoint, known: bool
) -> None:
    """A SOCKS5 proxy that refuses the password, or wants one and got none, says so."""
    who = credentials(local_account.name, "wrong") if known else None  # type: ignore[attr-defined]
    await expect(ways, "proxy-auth", closed, proxy("socks5", dante_with_password.port, who))


async def test_a_proxy_with_another_way_of_logging_on(ways: Ways, closed: Endpoint) -> None:
    """A proxy that takes Kerberos only is told apart from a wrong password."""
    reply = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n"
    async with bad.server(bad.answer(reply)) as told:
        await expect(ways, "proxy-auth-method", closed, proxy("http", told.port))


@pytest.mark.parametrize("name", ["ü" * 200, "name"])
async def test_credentials_too_long_for_socks5(
    ways: Ways, dante_for_all: Dante, closed: Endpoint, name: str
) -> None:
    """What SOCKS5 cannot carry is refused here, with the limit named, not cut."""
    who = credentials(name, "p" * 256)
    cause = await expect(ways, "proxy-credentials-length", closed, proxy("socks5", dante_for_all.port, who))
    assert "255" in cause


async def test_squid_forbids_ports_by_its_own_rules(ways: Ways, squid_proxy: Squid, closed: Endpoint) -> None:
    """Squid as installed lets CONNECT reach 443 only: the remedy says so."""
    await expect(ways, "proxy-forbidden", closed, proxy("http", squid_proxy.stock))


async def test_tinyproxy_forbids_a_port(ways: Ways, tiny_proxy_with_password: int, closed: Endpoint) -> None:
    """Tinyproxy's ConnectPort rule is told apart from a network fault."""
    who = credentials(PLAIN_USER, "proxypassword")
    await expect(ways, "proxy-forbidden", closed, proxy("http", tiny_proxy_with_password, who))


async def test_dante_forbids_by_rule(ways: Ways, dante_for_all: Dante) -> None:
    """Dante's rules are told apart from a network fault."""
    target = Endpoint("127.0.0.1", dante_for_all.blocked)
    await expect(ways, "proxy-forbidden", target, proxy("socks5", dante_for_all.port))


async def test_squid_does_not_know_the_name(ways: Ways, squid_proxy: Squid) -> None:
    """Squid's X-Squid-Error tells an unknown name from a dead server."""
    cause = await expect(ways, "proxy-name-unknown", NOWHERE, proxy("http", squid_proxy.open))
    assert "nosuch.invalid" in cause


async def test_dante_does_not_know_the_name(ways: Ways, dante_for_all: Dante) -> None:
    """A name that the SOCKS5 proxy cannot look up is told so."""
    await expect(ways, "proxy-name-unknown", NOWHERE, proxy("socks5", dante_for_all.port))


async def test_the_target_refuses_squid(ways: Ways, squid_proxy: Squid, closed: Endpoint) -> None:
    """The proxy works and the server refuses: the admin looks at the right machine."""
    cause = await expect(ways, "proxy-target-refused", closed, proxy("http", squid_proxy.open))
    assert closed.authority in cause


async def test_the_target_refuses_dante(ways: Ways, dante_for_all: Dante, closed: Endpoint) -> None:
    """The same through SOCKS5."""
    await expect(ways, "proxy-target-refused", closed, proxy("socks5", dante_for_all.port))


@pytest.mark.parametrize("target", [NOWHERE, None])
async def test_tinyproxy_does_not_say_why(
    ways: Ways, tiny_proxy: int, closed: Endpoint, target: Endpoint | None
) -> None:
    """Tinyproxy answers 500 to an unknown name and to a dead server: no guess is sold as knowledge."""
    await expect(ways, "proxy-target-failed", target or closed, proxy("http", tiny_proxy))


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_the_proxy_finds_no_way(
    ways: Ways, squid_proxy: Squid, dante_for_all: Dante, kind: str
) -> None:
    """No route behind the proxy is told apart from no route to it."""
    port = squid_proxy.open if kind == "http" else dante_for_all.port
    await expect(ways, "proxy-target-unreachable", Endpoint("224.0.0.1", 443), proxy(kind, port))


async def test_the_proxy_waits_in_vain(ways: Ways, squid_proxy: Squid, black_hole: Endpoint) -> None:
    """A firewall behind the proxy that swallows everything is told as the proxy's time running out."""
    await expect(ways, "proxy-target-timeout", black_hole, proxy("http", squid_proxy.open))


async def test_socks4_gives_no_reasons(ways: Ways, dante_for_all: Dante, closed: Endpoint) -> None:
    """SOCKS4 has one refusal for everything, and the text admits it."""
    await expect(ways, "proxy-socks4-rejected", closed, proxy("socks4", dante_for_all.port))


async def test_socks4_knows_no_ipv6(ways: Ways, dante_for_all: Dante) -> None:
    """An IPv6 address cannot go through SOCKS4, and that is said before anything is sent."""
    target = Endpoint("2001:db8::1", 443)
    await expect(ways, "proxy-socks4-ipv6", target, proxy("socks4", dante_for_all.port))


@pytest.mark.parametrize("kind", ["http", "https", "socks4", "socks5"])
async def test_nothing_listens_at_the_proxy(ways: Ways, closed: Endpoint, kind: str) -> None:
    """A dead proxy is the proxy's fault, not the server's."""
    await expect(ways, "proxy-refused", NOWHERE, proxy(kind, closed.port))


async def test_the_proxy_is_a_black_hole(ways: Ways, black_hole: Endpoint) -> None:
    """A proxy address behind a firewall ends within the limit."""
    await expect(
        ways, "proxy-timeout", NOWHERE, proxy("http", black_hole.port), hasty("connect", seconds=2.0)
    )


async def test_no_route_to_the_proxy(ways: Ways) -> None:
    """A proxy outside every network is named as unreachable."""
    await expect(ways, "proxy-unreachable", NOWHERE, proxy("http", 8080, host="224.0.0.1"))


async def test_the_proxy_has_no_known_name(ways: Ways) -> None:
    """A misspelt proxy name is not mistaken for a misspelt server name."""
    cause = await expect(ways, "proxy-host-unknown", NOWHERE, proxy("http", 8080, host=f"{'a' * 64}.example"))
    assert "aaa.example" in cause


def test_a_local_firewall_before_the_proxy() -> None:
    """The appliance's own firewall (EPERM, given here as errno) is not blamed on the proxy."""
    found = translate(PermissionError(1, "no"), "proxy", NOWHERE, proxy("http", 8080))
    assert found.code == "proxy-blocked"


@pytest.mark.parametrize("kind", ["http", "socks4", "socks5"])
async def test_the_proxy_hangs_up(ways: Ways, closed: Endpoint, kind: str) -> None:
    """A proxy that closes without a word is told so."""
    async with bad.server(bad.close_after_hearing) as told:
        await expect(ways, "proxy-closed", closed, proxy(kind, told.port))


@pytest.mark.parametrize("kind", ["http", "socks4", "socks5"])
async def test_the_proxy_says_nothing(ways: Ways, closed: Endpoint, kind: str) -> None:
    """A proxy that takes the connection and never answers ends within the limit, and leaves nothing open."""
    async with bad.server(bad.say_nothing) as told:
        await expect(ways, "proxy-silent", closed, proxy(kind, told.port), hasty("reply"))
        await told.all_gone.wait()


@pytest.mark.parametrize("kind", ["http", "socks4", "socks5"])
async def test_something_else_listens_at_the_proxy(ways: Ways, closed: Endpoint, kind: str) -> None:
    """An SSH server at the proxy's address is no proxy."""
    async with bad.server(bad.greet(b"SSH-2.0-OpenSSH_9.2\r\n\x1b[2J")) as told:
        await expect(ways, "proxy-not-spoken", closed, proxy(kind, told.port))


async def test_a_web_server_listens_at_the_proxy(ways: Ways, web: Web, closed: Endpoint) -> None:
    """A web server at the proxy's address is no proxy."""
    await expect(ways, "proxy-no-connect", closed, proxy("http", web.plain_port))


async def test_an_http_proxy_taken_for_a_tls_one(ways: Ways, squid_proxy: Squid, closed: Endpoint) -> None:
    """Type HTTPS at an HTTP port: the remedy is the type, not the certificate."""
    who = credentials(USER, PASSWORD)
    await expect(ways, "proxy-tls-not-spoken", closed, proxy("https", squid_proxy.open, who))


async def test_a_captive_portal_at_the_proxy(ways: Ways, closed: Endpoint) -> None:
    """A portal's redirect is named; its escapes never reach the screen."""
    async with bad.server(bad.answer(b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n")) as told:
        await expect(ways, "proxy-captive", closed, proxy("http", told.port))


async def test_a_reply_in_pieces_and_a_banner_behind_it(ways: Ways) -> None:
    """A reply that comes byte by byte is read whole, and the server's first words behind it are kept."""
    reply = b"HTTP/1.1 100 Wait\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\n\r\nSSH-2.0-here\r\n"
    async with bad.server(bad.answer(reply, pieces=1)) as told:
        sock = await dial(Endpoint("127.0.0.1", 22), proxy("http", told.port), ways.trust, limits=PATIENT)
        with sock.makefile("rb") as file:
            sock.setblocking(True)
            sock.settimeout(60)
            import asyncio

            assert await asyncio.to_thread(file.readline) == b"SSH-2.0-here\r\n"
        sock.close()


@pytest.mark.parametrize("password", ["/#%:@", "umläut €", "p" * 1024, "a b\tc", ""])
async def test_any_password_reaches_the_proxy_unchanged(ways: Ways, password: str) -> None:
    """Passwords with characters that mean something in URLs work."""
    import base64

    async with bad.server(bad.answer(b"HTTP/1.1 200 OK\r\n\r\n")) as told:
        via = proxy("http", told.port, credentials("üser", password))
        (await dial(Endpoint("127.0.0.1", 22), via, ways.trust, limits=PATIENT)).close()
        line = next(
            x for x in bytes(told.received).split(b"\r\n") if x.lower().startswith(b"proxy-authorization")
        )
        assert base64.b64decode(line.split()[-1]).decode() == f"üser:{password}"
