"""A line that breaks: wherever and however a connection ends, it is told at once, by its code."""

import asyncio
import contextlib
import itertools
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from ways import Ways, credentials, proxy

from servers.certificates import Certificates
from servers.probing import server_context
from tm_tui.delivery.ssh import SshCarrier
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.failures import LinkFailure
from tm_tui.link.https import call, https_client
from tm_tui.link.sftp import fetch_host_key
from tm_tui.link.types import Limits, Link

PATIENT = Limits(connect=60.0, handshake=60.0, login=60.0, reply=60.0, keepalive=60.0, transfer=60.0)
"""Longer than a test may last: what waits for a limit instead of the line's end fails."""
WHO = credentials("user", "password")
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40_000
CODES = {
    ("proxy", "proxy-closed"),
    ("proxy", "tls-closed"),
    ("tls", "tls-closed"),
    ("host_key", "ssh-closed"),
    ("authentication", "ssh-login-closed"),
    ("service", "reply-closed"),
}
"""Each stage's own word for a line that is gone."""


def _reset(transport: asyncio.Transport) -> None:
    with contextlib.suppress(OSError):
        ends = transport.get_extra_info("socket")
        ends.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


ENDS: dict[str, Callable[[asyncio.StreamWriter], None]] = {
    "reset": lambda writer: _reset(writer.transport),
    "end": lambda writer: writer.close(),
    "half": lambda writer: writer.write_eof(),
}


@dataclass
class Knife:
    """A relay to `port` that ends a connection in one of the ways, after so many bytes of one direction."""

    port: int = 0
    how: str = "end"
    at: dict[str, int] | None = None

    def __post_init__(self) -> None:
        self.passed = {"up": 0, "down": 0}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.passed = {"up": 0, "down": 0}
        far = await asyncio.open_connection("127.0.0.1", self.port)
        ways = [
            asyncio.create_task(self.carry("up", reader, far[1], writer)),
            asyncio.create_task(self.carry("down", far[0], writer, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if self.how == "half" and self.at:
                with contextlib.suppress(OSError):
                    while await reader.read(1 << 16):
                        pass
        finally:
            for way in ways:
                way.cancel()
            for end in (far[1], writer):
                end.close()

    async def carry(
        self,
        way: str,
        reader: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        caller: asyncio.StreamWriter,
    ) -> None:
        most = (self.at or {}).get(way)
        with contextlib.suppress(OSError):
            while piece := await reader.read(1 << 14):
                if most is not None and self.passed[way] + len(piece) > most:
                    target.write(piece[: most - self.passed[way]])
                    await target.drain()
                    ENDS[self.how](caller)
                    return
                self.passed[way] += len(piece)
                target.write(piece)
                await target.drain()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(20_000)
        writer.write(REPLY)
        await writer.drain()
        await reader.read()
    writer.close()


class _Gate(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return True


async def _way_in(kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """Be a proxy of this kind, and let through; the port that was asked for."""
    if kind in {"http", "https"}:
        asked = int((await reader.readuntil(b"\r\n\r\n")).split()[1].rpartition(b":")[2])
        writer.write(b"HTTP/1.1 200 Go on\r\n\r\n")
    elif kind == "socks4":
        asked = int.from_bytes((await reader.readexactly(9))[2:4], "big")
        writer.write(b"\0\x5a" + bytes(6))
    else:
        await reader.readexactly((await reader.readexactly(2))[1])
        writer.write(b"\5\0")
        asked = int.from_bytes((await reader.readexactly(10))[8:], "big")
        writer.write(b"\5\0\0\1" + bytes(6))
    return asked


async def _proxy(kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        relay = Knife(await _way_in(kind, reader, writer))
        await relay.serve(reader, writer)
    writer.close()


@contextlib.asynccontextmanager
async def _serving(serve: Any, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    running = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with running:
        yield running.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def _log_server(folder: Path) -> AsyncIterator[int]:
    """SFTP into a folder."""

    def files(channel: Any) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=bytes(folder))

    key = asyncssh.generate_private_key("ssh-ed25519")
    running = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=_Gate, server_host_keys=[key], sftp_factory=files
    )
    async with running:
        yield running.get_port()


async def _put(link: Link, *, limited: bool) -> None:
    """Send something over SSL, and take the answer."""
    bandwidth = Bandwidth(5000, 5000) if limited else None
    async with https_client(link, bandwidth=bandwidth) as client:
        await call(client, "PUT", "/", content=bytes(20_000))


async def _deliver(link: Link) -> None:
    """Send something over SSH."""
    async with SshCarrier(link, "tm-0042") as carrier:
        await carrier.deliver("tm-0042-1", os.urandom(100_000), lambda _: None, again=False)


class _Dying(_Gate):
    """Says hundreds of things that want an answer, and is gone."""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.conn = conn

    def auth_completed(self) -> None:
        asyncio.get_running_loop().call_soon(self.die)

    def die(self) -> None:
        for _ in range(300):
            self.conn.send_packet(192, b"?")
        _reset(self.conn._transport)


@pytest.mark.parametrize("way", ["direct", "http", "https"])
async def test_a_server_that_dies_fills_no_log(
    way: str, ways: Ways, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it wanted an answer to before: its end has its code, and asyncio says nothing of it."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    async with contextlib.AsyncExitStack() as stack:
        running = await asyncssh.listen("127.0.0.1", 0, server_factory=_Dying, server_host_keys=[key])
        port = (await stack.enter_async_context(running)).get_port()
        link = ways.to(port, WHO, limits=PATIENT)
        if way != "direct":
            front = _serving(partial(_proxy, way), server_context(certificates) if way == "https" else None)
            link = ways.to(port, WHO, proxy(way, await stack.enter_async_context(front)), limits=PATIENT)
        link.trust.host_keys.approve(await fetch_host_key(link))
        async with asyncio.timeout(50):
            assert (await _told(partial(_deliver, link)))[1] in {"reply-closed", "ssh-login-closed"}
    assert [one.getMessage() for one in caplog.records if one.name == "asyncio"] == []


def _places(whole: int) -> list[int]:
    """Where to cut: at once, in the first words, and later on."""
    return [0, 10, whole // 3, whole * 2 // 3, whole - 1]


@pytest.mark.parametrize(
    ("protocol", "way"),
    [
        *itertools.product(["ssl", "ssh"], ["direct", "http", "https", "socks4", "socks5"]),
        *itertools.product(["limited"], ["direct", "https"]),
    ],
)
async def test_a_line_that_breaks_is_told_at_once(
    way: str, protocol: str, ways: Ways, certificates: Certificates, tmp_path: Path
) -> None:
    """Reset, closed or half closed, anywhere in either direction: its stage's code, without waiting."""
    async with contextlib.AsyncExitStack() as stack:
        tls = server_context(certificates)
        ssh = protocol == "ssh"
        server = _log_server(tmp_path) if ssh else _serving(_answer, tls)
        port = await stack.enter_async_context(server)
        knife = Knife(port)
        if way != "direct":
            front = _serving(partial(_proxy, way), tls if way == "https" else None)
            knife.port = await stack.enter_async_context(front)
        cut = await stack.enter_async_context(_serving(knife.serve))
        link = ways.to(cut, WHO, limits=PATIENT)
        if way != "direct":
            link = ways.to(port, WHO, proxy(way, cut), limits=PATIENT)
        if ssh:
            link.trust.host_keys.approve(await fetch_host_key(link))
        send = partial(_deliver, link) if ssh else partial(_put, link, limited=protocol == "limited")
        await send()
        whole = knife.passed
        ends = list(ENDS) if way == "direct" else ["reset", "end"]
        for how, (direction, size) in itertools.product(ends, whole.items()):
            for at in _places(size):
                knife.how, knife.at = how, {direction: at}
                async with asyncio.timeout(50):
                    found = await _told(send)
                assert found in CODES, (how, direction, at)


async def _told(send: Callable[[], Awaitable[None]]) -> tuple[str, str]:
    """Stage and code."""
    try:
        await send()
    except LinkFailure as failure:
        return failure.stage, failure.code
    return "service", "reply-closed"  # cut in the farewell: all was through
