"""A status server that has nothing but reports, and misbehaves with each as a test says."""

import asyncio
import contextlib
import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from servers.certificates import Certificates

MADE = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def entry(id_: str, text: bytes = b"# A report\n", number: int = 0, **more: Any) -> dict[str, Any]:
    """One line of the list, as a right server would give it."""
    return {
        "id": id_,
        "kind": "incident",
        "title": f"Title of {id_}",
        "made_at": (MADE + timedelta(minutes=number)).isoformat(),
        "bytes": len(text),
        "sha256": hashlib.sha256(text).hexdigest(),
        **more,
    }


def plain(
    status: str = "200 OK", body: bytes = b"", kind: str = "text/markdown; charset=utf-8", *headers: str
) -> bytes:
    """An answer."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


Misbehaviour = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]


@dataclass
class ReportServer:
    """`texts` is what it has, in the order of its making; `odd` says how it answers for an id instead."""

    port: int = 0
    texts: dict[str, bytes] = field(default_factory=dict)
    odd: dict[str, bytes | Misbehaviour] = field(default_factory=dict)
    list_answer: bytes | Misbehaviour | None = None
    extra: list[dict[str, Any]] = field(default_factory=list)
    """Lines that stand in the list before all others."""
    asked: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, id_: str, text: bytes = b"# A report\n") -> None:
        """Make a report."""
        self.texts[id_] = text

    async def until_asked(self, path: str) -> None:
        """Wait until somebody asked for this."""
        async with asyncio.timeout(60):
            while not any(path in asked for asked in self.asked):
                self.changed.clear()
                await self.changed.wait()

    def _list(self) -> bytes:
        lines = [entry(id_, text, number) for number, (id_, text) in enumerate(self.texts.items())]
        document = {"server_time": MADE.isoformat(), "reports": [*self.extra, *reversed(lines)]}
        return plain(body=json.dumps(document).encode(), kind="application/json")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection until it ends."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = head.split()[1]
                sizes = [
                    line[15:] for line in head.lower().splitlines() if line.startswith("content-length:")
                ]
                await reader.readexactly(int(sizes[0]) if sizes else 0)
                self.asked.append(path)
                self.changed.set()
                await self._answer(path, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        answer: bytes | Misbehaviour
        text = b""
        if path.startswith("/v1/reports?"):
            answer = self.list_answer if self.list_answer is not None else self._list()
        else:
            id_ = unquote(path.removeprefix("/v1/reports/"))
            text = self.texts.get(id_, b"")
            answer = self.odd.get(id_) or (plain(body=text) if text else plain("404 Not Found"))
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
        else:
            await answer(writer, text)


async def truncated(writer: asyncio.StreamWriter, text: bytes) -> None:
    """Half of it, then hang up."""
    writer.write(plain(body=text)[: -len(text) // 2 or None])
    await writer.drain()
    writer.transport.abort()
    raise ConnectionResetError


async def endless(writer: asyncio.StreamWriter, _text: bytes) -> None:
    """Go on for ever, as long as somebody is there: that nobody is, a turn of the loop tells."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/markdown\r\n\r\n")
    piece = b"x" * 65536
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)


async def dripping(writer: asyncio.StreamWriter, _text: bytes) -> None:
    """A byte now and then, so that no single wait is long."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/markdown\r\ncontent-length: 99999\r\n\r\n")
    never = asyncio.Event()
    while True:
        writer.write(b"x")
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(never.wait(), 0.02)


async def silent(writer: asyncio.StreamWriter, text: bytes) -> None:
    """Begin, and then say nothing."""
    writer.write(plain(body=text)[:-1])
    await writer.drain()
    await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def report_server(certificates: Certificates) -> AsyncIterator[ReportServer]:
    """Serve on loopback until the block ends."""
    found = ReportServer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.good.certificate, certificates.good.key)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        await found.serve(reader, writer)

    running = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    found.port = running.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        running.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await running.wait_closed()
