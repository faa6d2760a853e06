"""A TLS server for pattern files that does with single paths what a test says, and fetches from it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents import revision_for, settings_for
from servers.certificates import Certificates
from servers.misbehaving import server
from servers.proxies import PASSWORD
from tm_tui.clock import SystemClock
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.host_keys import HostKeys
from tm_tui.patterns.fetcher import Patience
from tm_tui.patterns.service import PatternService

PREFIX = "/v1/patterns/"
LIMIT = 60.0
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class PatternServer:
    """`answers` take the place of `files`; `sent` counts the bytes of bodies, `met` connections."""

    files: dict[str, bytes]
    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sent: int = 0
    met: int = 0

    async def behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.met += 1
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split()[1].removeprefix(PREFIX)
            await self._file(path, writer)

    async def _file(self, path: str, writer: asyncio.StreamWriter) -> None:
        self.asked.append(path)
        if path in self.answers:
            await self.answers[path](writer)
            return
        body = self.files.get(path)
        if body is None:
            writer.write(b"HTTP/1.1 404 x\r\ncontent-length: 7\r\n\r\nno file")
        else:
            writer.write(b"HTTP/1.1 200 x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            self.sent += len(body)
        await writer.drain()

    def says(self, path: str, head: str, body: bytes = b"") -> None:
        """Answer one path with this, and hang up."""

        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(head.encode() + body)
            await writer.drain()
            writer.close()
            raise ConnectionResetError

        self.answers[path] = answer

    def drips(self, path: str, piece: bytes, seconds: float, status: int = 200) -> None:
        """Answer one path for ever, a piece at a time."""

        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 %d x\r\ntransfer-encoding: chunked\r\n\r\n" % status)
            while True:
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
                self.sent += len(piece)
                await SystemClock().wait(asyncio.Event(), seconds)

        self.answers[path] = answer


@asynccontextmanager
async def serving(
    certificates: Certificates, files: dict[str, bytes], kind: type[PatternServer] = PatternServer
) -> AsyncIterator[PatternServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.good.certificate, certificates.good.key)
    made = kind(files)
    async with server(made.behave, context) as told:
        made.port = told.port
        yield made


class Fetching:
    """A pattern service at work, and what it says."""

    def __init__(
        self, folder: Path, port: int, ca_pem: str, proxy: dict[str, Any] | None = None, **more: Any
    ) -> None:
        self.moved = asyncio.Event()
        self.arrived: list[int] = []
        self.service = PatternService(
            "tm-lab-1",
            HostKeys(folder / "host_keys"),
            folder / "patterns",
            bandwidth=more.pop("bandwidth", Bandwidth()),
            changed=self._moved,
            arrived=lambda new: self.arrived.extend(one.id for one in new),
            clock=SystemClock(),
            **more,
        )
        settings = settings_for(port) | {"proxy": proxy or {}}
        self._revision = revision_for(settings, ca_pem, proxy_password=PASSWORD if proxy else None)
        self._task: asyncio.Task[None] | None = None

    def _moved(self) -> None:
        self.moved.set()

    def start(self) -> None:
        self.service.prepare(self._revision)
        self._task = asyncio.create_task(self.service.run(self._revision))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def check(self, root: bytes | None = None) -> str | None:
        """One check, after a registration if a root is given; the code of its failure."""
        if root is not None:
            self.service.registered(root.decode())
        before = self.service.checks
        self.service.look()
        async with asyncio.timeout(LIMIT):
            while self.service.checks == before:
                self.moved.clear()
                await self.moved.wait()
        failure = self.service.last_failure
        return failure.code if failure else None

    @property
    def here(self) -> list[int]:
        return sorted(self.service.store.patterns)


@asynccontextmanager
async def fetching(folder: Path, port: int, ca_pem: str, **more: Any) -> AsyncIterator[Fetching]:
    made = Fetching(folder, port, ca_pem, **more)
    made.start()
    try:
        yield made
    finally:
        await made.stop()


HASTE = Patience(seconds=0.4, least=2000)
