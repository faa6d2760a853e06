"""A tus server over TLS that keeps uploads in memory and misbehaves as a test says."""

import asyncio
import base64
import contextlib
import hashlib
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from servers.certificates import Certificates

ABOUT = (
    "Tus-Resumable: 1.0.0\r\nTus-Extension: creation,termination,checksum\r\n"
    "Tus-Checksum-Algorithm: sha1,sha256\r\n"
)


@dataclass
class TusScripted:
    """`script` is used up by requests of these methods; a `cut` PATCH keeps what came and hangs up."""

    port: int = 0
    about: str = ABOUT
    location: str = "/v1/cases/{}"
    script: deque[tuple[str, str]] = field(default_factory=deque)
    most_body: int = 1 << 62
    """What the proxy before it takes in one request."""
    requests: list[str] = field(default_factory=list)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    metadata: list[str] = field(default_factory=list)
    told: list[dict[str, str]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, count: int) -> None:
        """Wait for that many requests."""
        async with asyncio.timeout(60):
            while len(self.requests) < count:
                self.news.clear()
                await self.news.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
                method, path = head.split()[:2]
                answer = await self._answer(method, path.rpartition("/")[2], headers, reader, head)
                self.requests.append(f"{method} {answer.split()[0]}")
                self.news.set()
                if answer == "cut":
                    break
                status, _, more = answer.partition(" ")
                body = more if more.startswith("{") else ""
                extra = "" if body else more
                writer.write(
                    f"HTTP/1.1 {status} x\r\nTus-Resumable: 1.0.0\r\n{extra}"
                    f"Content-Length: {len(body)}\r\n\r\n{'' if method == 'HEAD' else body}".encode()
                )
                await writer.drain()
        writer.transport.abort()

    async def _answer(self, method, name, headers, reader, head) -> str:
        scripted = self.script.popleft()[1] if self.script and self.script[0][0] == method else ""
        size = int(headers.get("content-length", 0))
        if scripted == "cut":
            self.uploads[name] += await reader.readexactly(size // 2)
            return "cut"
        body = await reader.readexactly(size)
        if size > self.most_body:
            return "413"
        fixed = {
            "OPTIONS": f"204 {self.about}",
            "GET": "200 " + json.dumps({"server_time": datetime.now(UTC).isoformat(), "cases": self.told}),
        }
        if scripted or method in fixed:
            return scripted or fixed[method]
        if method == "POST":
            return self._created(int(headers["upload-length"]), head)
        return self._at(method, name, headers, body, head) if name in self.uploads else "404"

    def _created(self, size, head) -> str:
        made = f"u{len(self.sizes) + 1}"
        self.uploads[made], self.sizes[made] = bytearray(), size
        self.metadata += [line[17:] for line in head.split("\r\n") if line.lower().startswith("upload-meta")]
        return f"201 Location: {self.location.format(made)}\r\n"

    def _at(self, method, name, headers, body, head) -> str:
        if method == "DELETE":
            del self.uploads[name]
            return "204"
        if method == "PATCH":
            if int(headers["upload-offset"]) != len(self.uploads[name]):
                return "409"
            if "upload-checksum" in headers:
                given = next(line for line in head.split("\r\n") if line.lower().startswith("upload-check"))
                algorithm, digest = given.split(": ")[1].split()
                assert base64.b64decode(digest) == hashlib.new(algorithm, body).digest()
            self.uploads[name] += body
        more = f"Upload-Offset: {len(self.uploads[name])}\r\nUpload-Length: {self.sizes[name]}\r\n"
        return f"{'204' if method == 'PATCH' else '200'} {more}"


@contextlib.asynccontextmanager
async def tus_scripted(certificates: Certificates) -> AsyncIterator[TusScripted]:
    """Run one on a loopback port."""
    made = TusScripted()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.good.certificate, certificates.good.key)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await made.serve(reader, writer)

    running = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    made.port = running.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        running.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
