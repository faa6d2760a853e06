"""The bridge to a TLS proxy carries everything, and ends with either end."""

import asyncio
import os
import ssl

import pytest
from ways import Ways, fails, proxy

from servers import misbehaving as bad
from servers.certificates import Certificates
from servers.limits import hasty
from tm_tui.link import proxy_tls
from tm_tui.link.dialer import dial
from tm_tui.link.types import Endpoint

TARGET = Endpoint("192.0.2.1", 443)


@pytest.fixture
def tls(certificates: Certificates) -> ssl.SSLContext:
    """A TLS proxy's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.good.certificate, certificates.good.key)
    return context


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept any CONNECT, then send everything back."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()


async def pumps_end() -> None:
    """Wait until no pump runs."""
    async with asyncio.timeout(60):
        await asyncio.gather(*proxy_tls._PUMPS)


async def test_megabytes_go_both_ways(ways: Ways, tls: ssl.SSLContext) -> None:
    """Large uploads pass a TLS proxy whole; closing our end closes the connection to the proxy."""
    async with bad.server(echo, tls) as told:
        sock = await dial(TARGET, proxy("https", told.port), ways.trust, observe=ways.observe)
        assert ways.passed() == ["name", "proxy", "tcp"]
        reader, writer = await asyncio.open_connection(sock=sock)
        data = os.urandom(3_000_000)
        writer.write(data)
        assert await reader.readexactly(len(data)) == data
        writer.close()
        async with asyncio.timeout(60):
            await told.all_gone.wait()
        await pumps_end()


async def test_the_end_of_the_proxy_is_the_end(ways: Ways, tls: ssl.SSLContext) -> None:
    """What a TLS proxy sent before it hung up still arrives, and then the end."""

    async def say_and_go(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nlast words")
        writer.close()
        await writer.wait_closed()

    async with bad.server(say_and_go, tls) as told:
        sock = await dial(TARGET, proxy("https", told.port), ways.trust)
        reader, writer = await asyncio.open_connection(sock=sock)
        assert await reader.read() == b"last words"
        writer.close()
        await pumps_end()


async def test_a_silent_tls_proxy_leaves_nothing(ways: Ways, tls: ssl.SSLContext) -> None:
    """A TLS proxy that answers nothing ends within the limit, with its pump."""
    async with bad.server(bad.say_nothing, tls) as told:
        with fails("proxy-silent", "proxy"):
            await dial(TARGET, proxy("https", told.port), ways.trust, limits=hasty("reply"))
        async with asyncio.timeout(60):
            await told.all_gone.wait()
        await pumps_end()


async def test_a_silent_handshake_leaves_nothing(ways: Ways) -> None:
    """A proxy port that takes the connection and never speaks TLS ends within the limit."""
    async with bad.server(bad.say_nothing) as told:
        with fails("proxy-timeout", "proxy"):
            await dial(TARGET, proxy("https", told.port), ways.trust, limits=hasty("handshake"))
        async with asyncio.timeout(60):
            await told.all_gone.wait()


async def test_a_cancelled_agent_ends_its_pumps(ways: Ways, tls: ssl.SSLContext) -> None:
    """Ending the agent ends each pump and closes both its ends."""
    async with bad.server(echo, tls) as told:
        sock = await dial(TARGET, proxy("https", told.port), ways.trust)
        (pump,) = proxy_tls._PUMPS
        pump.cancel()
        async with asyncio.timeout(60):
            await told.all_gone.wait()
            assert await asyncio.get_running_loop().sock_recv(sock, 1) == b""
        sock.close()
