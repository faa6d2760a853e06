"""A small HTTP CONNECT proxy with a password, so that the demo can show the way through one."""

import asyncio
import base64
import hmac
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tm_tui.errors import TmError
from tm_tui.link.dialer import dial
from tm_tui.link.host_keys import Trust
from tm_tui.link.types import Endpoint

__all__ = ["DemoProxy"]

_HEAD_LIMIT = 8192


class DemoProxy:
    """Counts in `tunnels` what went through it; `port` is where it listens on 127.0.0.1."""

    def __init__(self, username: str, password: str, trust: Trust) -> None:
        self._expected = b"Basic " + base64.b64encode(f"{username}:{password}".encode())
        self._trust = trust
        self.tunnels = 0
        self.port = 0
        self._clients: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["DemoProxy"]:
        """Listen as long as the block runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_HEAD_LIMIT)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self._clients:
                writer.transport.abort()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
            await self._answer(head, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # the client went away, or did not speak HTTP
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _answer(
        self, head: list[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        words = head[0].split()
        headers = dict(line.split(b": ", 1) for line in head[1:] if b": " in line)
        given = {name.lower(): value for name, value in headers.items()}.get(b"proxy-authorization", b"")
        if not hmac.compare_digest(given, self._expected):
            challenge = b'Proxy-Authenticate: Basic realm="demo"\r\nContent-Length: 0\r\n'
            await _reply(writer, b"407 Proxy Authentication Required", challenge)
            return
        host, _, port = words[1].decode("ascii", "replace").rpartition(":")
        try:
            target = await dial(Endpoint(host.strip("[]"), int(port)), None, self._trust)
        except (TmError, ValueError):
            await _reply(writer, b"502 Bad Gateway", b"Content-Length: 0\r\n")
            return
        self.tunnels += 1
        await _reply(writer, b"200 Connection established", b"")
        await _both_ways(reader, writer, target)


async def _reply(writer: asyncio.StreamWriter, status: bytes, headers: bytes) -> None:
    writer.write(b"HTTP/1.1 " + status + b"\r\n" + headers + b"\r\n")
    await writer.drain()


async def _both_ways(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: socket.socket
) -> None:
    far_reader, far_writer = await asyncio.open_connection(sock=target)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(reader, far_writer))
            group.create_task(_copy(far_reader, writer))
    except* OSError:
        pass  # either side hung up; the tunnel is over
    finally:
        far_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
