"""The bandwidth limit on the line itself: counted below TLS, with a clock that the test holds."""

import asyncio
import contextlib
import socket
import ssl

import pytest

from tm_tui.link.bandwidth import Bandwidth, Limiter, receive_bytes
from tm_tui.link.host_keys import HostKeys, Trust
from tm_tui.link.https import call, https_client
from tm_tui.link.types import Endpoint, Limits, Link

SIZE = 3_000_000
LIMIT = 60.0


class Held(Limiter):
    """A limiter whose time moves when the test says so; `granted` counts the bytes it let pass."""

    def __init__(self, rate):
        self.now, self.granted = 0.0, 0
        self.moved = asyncio.Condition()
        self.blocked = asyncio.Event()
        super().__init__(rate, clock=lambda: self.now)

    async def take(self, size):
        due = self.now + self.reserve(size)
        async with self.moved:
            while self.now < due:
                self.blocked.set()
                await self.moved.wait()
        self.granted += size

    async def advance(self, seconds):
        """Let time pass, and wait until the next bytes wait for more of it."""
        async with self.moved:
            self.now += seconds
            self.blocked.clear()
            self.moved.notify_all()
        await asyncio.wait_for(self.blocked.wait(), LIMIT)


class Line:
    """A relay that counts what passes below TLS; nothing waits uncounted in it."""

    def __init__(self):
        self.up = self.down = 0
        self.news = asyncio.Event()

    async def until(self, holds):
        async with asyncio.timeout(LIMIT):
            while not holds():
                self.news.clear()
                await self.news.wait()

    async def carry(self, source, target, way):
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while data := await loop.sock_recv(source, 65536):
                if way == "up":
                    self.up += len(data)
                    self.news.set()
                view = memoryview(data)
                while view:
                    await loop.sock_sendall(target, view[:512])
                    if way == "down":
                        self.down += len(view[:512])
                        self.news.set()
                    view = view[512:]


@contextlib.asynccontextmanager
async def line_to(port):
    """Open a relay to `port`; gives the line and its port."""
    loop, line, tasks = asyncio.get_running_loop(), Line(), []
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        listener.setblocking(False)

        async def serve():
            client, _ = await loop.sock_accept(listener)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
            server = socket.socket()
            for end in (client, server):
                stack.enter_context(end)
                end.setblocking(False)
            await loop.sock_connect(server, ("127.0.0.1", port))
            tasks.append(asyncio.create_task(line.carry(client, server, "up")))
            tasks.append(asyncio.create_task(line.carry(server, client, "down")))

        serving = asyncio.create_task(serve())
        try:
            yield line, listener.getsockname()[1]
        finally:
            for task in (serving, *tasks):
                task.cancel()
            await asyncio.gather(serving, *tasks, return_exceptions=True)


@pytest.fixture
async def server(certificates):
    """An HTTPS server that takes any upload, and answers with many bytes in records as large as they get."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.good.certificate, certificates.good.key)

    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            sizes = [line[15:] for line in head.splitlines() if line.startswith("content-length:")]
            await reader.readexactly(int(sizes[0]) if sizes else 0)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (SIZE if not sizes else 0))
            writer.write(bytes(SIZE if not sizes else 0))
            await writer.drain()
        writer.transport.abort()

    running = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield running.sockets[0].getsockname()[1]
    running.close()


@contextlib.asynccontextmanager
async def transfer(port, certificates, bandwidth, method, folder):
    """One request on its way, ended with the block."""
    link = Link(
        Endpoint("127.0.0.1", port),
        None,
        None,
        Trust(certificates.ca_pem, HostKeys(folder / "host_keys")),
        Limits(reply=LIMIT, handshake=LIMIT),
    )
    async with https_client(link, bandwidth=bandwidth) as client:
        content = bytes(SIZE) if method == "PUT" else None
        task = asyncio.create_task(call(client, method, "/", content=content, most_bytes=SIZE + 1))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})
            bandwidth.upload.rate = bandwidth.download.rate = 0.0


@pytest.mark.parametrize("rate", [64_000, 1_000_000])
async def test_an_upload_has_its_share_of_the_line_and_no_more(server, certificates, tmp_path, rate):
    """Second by second, what is on the line is what the limit allows, handshake and records included."""
    bandwidth = Bandwidth(download_kbps=0)
    held = bandwidth.upload = Held(rate)
    async with line_to(server) as (line, port), transfer(port, certificates, bandwidth, "PUT", tmp_path):
        await asyncio.wait_for(held.blocked.wait(), LIMIT)
        while held.now < 1.0:
            await held.advance(held.chunk / rate)
            await line.until(lambda: line.up == held.granted)
            assert line.up <= rate * held.now + 2 * held.chunk
        assert line.up >= rate - 3 * held.chunk


@pytest.mark.parametrize("rate", [64_000, 1_000_000])
async def test_a_download_is_not_taken_in_ahead(server, certificates, tmp_path, rate):
    """The server sends records of 16 KB as fast as it can; the line carries what the limit allows."""
    bandwidth = Bandwidth()
    held = bandwidth.download = Held(rate)
    ahead = 3 * receive_bytes(held) + 3 * 4096  # the kernel's windows, here and in the relay
    async with line_to(server) as (line, port), transfer(port, certificates, bandwidth, "GET", tmp_path):
        await asyncio.wait_for(held.blocked.wait(), LIMIT)
        while held.now < 1.0:
            await held.advance(held.chunk / rate)
            assert held.granted <= rate * held.now + held.chunk + ahead
            assert line.down <= held.granted + held.chunk + ahead
        assert held.granted >= rate - 4 * held.chunk


async def test_a_limit_set_later_is_followed(server, certificates, tmp_path):
    """A connection that was opened without a limit keeps to one that the admin sets meanwhile."""
    bandwidth = Bandwidth()
    held = bandwidth.upload = Held(0)
    async with line_to(server) as (line, port), transfer(port, certificates, bandwidth, "PUT", tmp_path):
        await line.until(lambda: line.up)
        held.rate = 100_000
        await asyncio.wait_for(held.blocked.wait(), LIMIT)
        before = held.granted
        await held.advance(1.0)
        assert held.granted - before <= 100_000 + held.chunk
