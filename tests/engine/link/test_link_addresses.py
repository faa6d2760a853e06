"""A name with several addresses: one that takes the connection and says nothing gives way to the next."""

import asyncio
import socket
import ssl
from collections.abc import Callable

import pytest
from ways import Ways, credentials, fails, proxy

from servers import misbehaving as bad
from servers.certificates import Certificates
from servers.limits import hasty
from servers.probing import server_context
from servers.ssh_lab import lab
from tm_tui.link.dialer import dial
from tm_tui.link.host_keys import HostKey
from tm_tui.link.https import call, https_client
from tm_tui.link.sftp import fetch_host_key
from tm_tui.link.types import Endpoint

NAME = "tmsp.test"
LAB = credentials("lab", "lab-password")
FAIR = hasty("connect", "handshake", "reply", seconds=15.0)
"""A third of it is what an address gets before the next one is tried."""
DEAD = [bad.close_at_once, bad.close_after_hearing, bad.say_nothing]
Named = Callable[..., None]


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Named:
    """Hold the resolver: NAME has the given ports of this machine as its addresses, in this order."""

    def name(*ports: int) -> None:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    return name


@pytest.fixture
def tls(certificates: Certificates) -> ssl.SSLContext:
    """A good server's context, for `localhost` too."""
    return server_context(certificates)


@pytest.mark.parametrize("dead", DEAD)
async def test_tls_at_the_second_address(
    ways: Ways, named: Named, tls: ssl.SSLContext, dead: bad.Behaviour
) -> None:
    """A web server of which one machine hangs is reached at the other, in the same request."""
    reply = bad.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    async with bad.server(dead) as first, bad.server(reply, tls) as second:
        named(first.port, second.port)
        async with https_client(ways.to(443, host="localhost", limits=FAIR)) as client:
            assert (await call(client, "GET", "/")).body == b"hi"
        assert (first.accepted, second.accepted) == (1, 1)
        async with asyncio.timeout(60):
            await first.all_gone.wait()


@pytest.mark.parametrize("dead", DEAD)
async def test_ssh_at_the_second_address(ways: Ways, named: Named, dead: bad.Behaviour) -> None:
    """The same for a log server over SSH: the key exchange belongs to the try of an address."""
    async with lab() as server, bad.server(dead) as first:
        key = await fetch_host_key(ways.to(server.port, LAB))
        link = ways.to(22, LAB, host=NAME, limits=FAIR)
        ways.host_keys.approve(HostKey.of(link.endpoint, key.algorithm, key.blob))
        named(first.port, server.port)
        assert (await fetch_host_key(link)).blob == key.blob
        assert first.accepted == 1
        async with asyncio.timeout(60):
            await first.all_gone.wait()


@pytest.mark.parametrize("dead", DEAD)
@pytest.mark.parametrize("kind", ["http", "https", "socks4", "socks5"])
async def test_a_proxy_at_the_second_address(
    ways: Ways, named: Named, tls: ssl.SSLContext, kind: str, dead: bad.Behaviour
) -> None:
    """The same for a proxy: its reply belongs to the try of an address."""

    async def grant(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if kind.startswith("http"):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        elif kind == "socks4":
            await reader.readexactly(9)
            writer.write(b"\0\x5a" + bytes(6))
        else:
            await reader.readexactly(3)
            writer.write(b"\5\0")
            await reader.readexactly(10)
            writer.write(b"\5\0\0\1" + bytes(6))
        writer.write(b"banner")
        await bad.say_nothing(reader, writer)

    async with bad.server(dead) as first, bad.server(grant, tls if kind == "https" else None) as second:
        named(first.port, second.port)
        via = proxy(kind, 8080, host="localhost")
        sock = await dial(Endpoint("192.0.2.1", 443), via, ways.trust, limits=FAIR)
        assert await asyncio.get_running_loop().sock_recv(sock, 6) == b"banner"
        sock.close()
        assert first.accepted == 1


async def test_an_answer_is_an_answer(ways: Ways, named: Named, certificates: Certificates) -> None:
    """A server that shows a wrong certificate is told of; no other address is tried to get around it."""
    wrong = server_context(certificates, "tls-expired")
    async with bad.server(bad.say_nothing, wrong) as first, bad.server(bad.say_nothing) as second:
        named(first.port, second.port)
        async with https_client(ways.to(443, host="localhost", limits=FAIR)) as client:
            with fails("tls-expired", "tls"):
                await call(client, "GET", "/")
        assert second.accepted == 0


@pytest.mark.parametrize(
    ("behave", "code"), [(bad.close_at_once, "tls-closed"), (bad.say_nothing, "tls-timeout")]
)
async def test_nobody_answers(ways: Ways, named: Named, behave: bad.Behaviour, code: str) -> None:
    """When all fail, the one is told of that came the furthest; the stages are told once each."""
    async with bad.server(behave) as first, bad.server(behave) as second:
        named(1, first.port, second.port)
        link = ways.to(443, host=NAME, limits=hasty("handshake"))
        async with https_client(link, observe=ways.observe) as client:
            with fails(code, "tls"):
                await call(client, "GET", "/")
        assert (first.accepted, second.accepted) == (1, 1)
    assert [(stage, what) for stage, what, _ in ways.seen] == [
        ("name", "started"),
        ("name", "passed"),
        ("tcp", "started"),
        ("tcp", "passed"),
        ("tls", "started"),
    ]


async def test_a_slow_first_address_is_not_given_up(ways: Ways, named: Named) -> None:
    """While the second is tried, the first may still answer: a slow machine is no dead one."""
    asked = asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asked.wait()
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await bad.say_nothing(reader, writer)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await bad.say_nothing(reader, writer)

    async with bad.server(late) as first, bad.server(silent) as second:
        named(first.port, second.port)
        via = proxy("http", 8080, host="localhost")
        sock = await dial(Endpoint("192.0.2.1", 443), via, ways.trust, limits=FAIR)
        assert sock.getpeername()[1] == first.port
        sock.close()
        async with asyncio.timeout(60):
            await second.all_gone.wait()
