"""A log server over HTTPS that keeps batches as files and misbehaves as a test says."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from servers.certificates import Certificates

Answer = str
"""`201`, `503 retry-after: 7`, or a word.

`swallow` (keep, say nothing, close), `cut` (close), `stall` (read no more).
"""


@dataclass
class LogServer:
    """A running server. `script` is used up request by request; then `usual` decides by name and size."""

    folder: Path
    port: int = 0
    script: deque[Answer] = field(default_factory=deque)
    usual: Callable[[str, int], Answer] = lambda _name, _size: "201"
    requests: list[tuple[str, str]] = field(default_factory=list)
    """(path, answer) of each request."""
    heads: list[str] = field(default_factory=list)
    connections: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        path = head.split()[1]
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        size = int(headers.get("content-length", 0))
        answer = self.script.popleft() if self.script else self.usual(path.rpartition("/")[2], size)
        self.requests.append((path, answer))
        self.asked.set()
        if answer == "stall":
            await asyncio.Event().wait()
        body = await reader.readexactly(size)
        if answer == "cut":
            return False
        if answer[0] == "2" or answer == "swallow":
            target = self.folder / path.rpartition("/")[2]
            if target.exists():
                assert target.read_bytes() == body, "other bytes under the same name"
                answer = answer if answer == "swallow" else "412"
            target.write_bytes(body)
        if answer == "swallow":
            return False
        status, _, header = answer.partition(" ")
        more = f"{header}\r\n" if header else ""
        writer.write(f"HTTP/1.1 {status} x\r\n{more}content-length: 0\r\n\r\n".encode())
        await writer.drain()
        return True


@contextlib.asynccontextmanager
async def log_server(folder: Path, certificates: Certificates) -> AsyncIterator[LogServer]:
    """Run one on a loopback port."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - a temporary folder of a test
    server = LogServer(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.good.certificate, certificates.good.key)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve(reader, writer)

    running = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    server.port = running.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        running.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
