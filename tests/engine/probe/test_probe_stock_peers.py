"""The probe passes with servers and proxies that no one here wrote, and tells nobody else a password."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from servers.bench import HOST, Bench, proxy
from servers.probing import APPLIANCE, Outcome, Trial
from servers.proxies import PASSWORD as PROXY_PASSWORD
from servers.proxies import PLAIN_PASSWORD, PLAIN_USER
from servers.proxies import USER as PROXY_USER
from servers.web import PASSWORD


@pytest.fixture
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """The peers, and a stack for what a test opens."""
    async with AsyncExitStack() as stack:
        yield Bench(request, tmp_path, stack)


def direct(bench: Bench) -> dict[str, object]:
    """No proxy."""
    return {}


def squid(bench: Bench) -> dict[str, object]:
    """Squid for everyone."""
    return {"proxy": proxy("http", bench.squid.open)}


def squid_with_password(bench: Bench) -> dict[str, object]:
    """Squid with Basic authentication, and a password of all kinds of characters."""
    return {"proxy": proxy("http", bench.squid.auth, PROXY_USER), "proxy_password": PROXY_PASSWORD}


def squid_over_tls(bench: Bench) -> dict[str, object]:
    """Squid behind TLS of its own, with authentication."""
    return {"proxy": proxy("https", bench.squid.tls, PROXY_USER), "proxy_password": PROXY_PASSWORD}


def tinyproxy(bench: Bench) -> dict[str, object]:
    """Tinyproxy for everyone."""
    return {"proxy": proxy("http", bench.tinyproxy())}


def dante_socks5_with_password(bench: Bench) -> dict[str, object]:
    """Dante by SOCKS5, with an account of this machine."""
    who = bench.account
    return {"proxy": proxy("socks5", bench.dante(strict=True).port, who.name), "proxy_password": who.password}


def dante_socks5(bench: Bench) -> dict[str, object]:
    """Dante by SOCKS5 for everyone."""
    return {"proxy": proxy("socks5", bench.dante().port)}


def dante_socks4(bench: Bench) -> dict[str, object]:
    """Dante by SOCKS4."""
    return {"proxy": proxy("socks4", bench.dante().port)}


WAYS = pytest.mark.parametrize(
    "way",
    [
        direct,
        squid,
        squid_with_password,
        squid_over_tls,
        tinyproxy,
        dante_socks5_with_password,
        dante_socks5,
        dante_socks4,
    ],
    ids=lambda way: way.__name__,
)


async def passes(trial: Trial) -> Outcome:
    """Run the probe, and see everything pass."""
    outcome = await trial.run()
    assert outcome.report.passed, outcome.report.failures
    assert outcome.passed("log_server")
    assert outcome.passed("status_server")
    end = outcome.ended("log_server.proxy").outcome
    assert end == ("passed" if trial.proxy else "skipped")
    return outcome


@WAYS
async def test_nginx_with_dav_is_a_log_server(bench, way):
    """An admin can use plain nginx as log server, by every kind of proxy."""
    outcome = await passes(await bench.ssl(bench.web.port, **way(bench)))
    assert outcome.ended("log_server.clock").detail.endswith(("s ahead", "s behind"))
    assert (bench.web.root / "logs" / APPLIANCE / "probe").exists()


@WAYS
async def test_openssh_is_a_log_server(bench, way):
    """An admin can use any OpenSSH server as log server, by every kind of proxy; no file stays there."""
    trial = await bench.ssh(bench.openssh.port, who=bench.account, **way(bench))
    await trial.approve_host_key()
    outcome = await passes(trial)
    key = outcome.ended("log_server.host_key").host_key
    assert key is not None
    assert (key.state, key.fingerprint) == ("approved", bench.openssh.fingerprint())
    assert key.endpoint == f"[{HOST}]:{bench.openssh.port}"
    assert outcome.ended("log_server.clock").outcome == "passed"
    assert list((bench.account.home / "logs" / APPLIANCE).iterdir()) == []


async def test_an_unknown_host_key_comes_with_what_is_to_be_judged(bench):
    """The admin sees type and fingerprint of an unknown key, as ssh-keygen prints them, and decides."""
    outcome = await (await bench.ssh(bench.openssh.port, who=bench.account)).run()
    key = outcome.ended("log_server.host_key").host_key
    assert key is not None
    assert (key.state, key.algorithm) == ("unknown", "ssh-ed25519")
    assert key.fingerprint == bench.openssh.fingerprint()


async def test_no_password_before_the_host_key_is_right(bench):
    """Whoever poses as the log server learns neither user name nor password: sshd's own log has no logon."""
    trial = await bench.ssh(bench.openssh.port, who=bench.account)
    before = bench.openssh.log.read_text()
    await trial.run()
    told = bench.openssh.log.read_text().removeprefix(before)
    assert "Connection from" in told
    assert bench.account.name not in told
    assert "password" not in told


@pytest.mark.parametrize("bad", ["tls-expired", "tls-wrong-name", "tls-unknown-issuer", "tls-self-signed"])
async def test_no_password_before_the_certificate_is_right(bench, bad):
    """Whoever poses as a server with a certificate of his own never gets a request, let alone a password."""
    port = bench.web.bad_ports[bad]
    outcome = await (await bench.ssl(port, status_port=port)).run()
    assert {failed.code for failed in outcome.report.failures} == {bad}
    assert bench.web.seen(port) == []


async def test_no_text_of_a_probe_has_a_password_in_it(bench):
    """What is shown and logged of a failed test can be shown to anybody."""
    via = proxy("http", bench.tinyproxy(strict=True), PLAIN_USER)
    trial = await bench.ssl(bench.web.port, proxy=via, proxy_password=PLAIN_PASSWORD)
    outcome = await trial.run()
    said = "".join(event.to_json().decode() for event in outcome.events) + repr(trial.revision)
    assert PASSWORD not in said
    assert PLAIN_PASSWORD not in said
