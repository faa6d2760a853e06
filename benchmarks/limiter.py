"""The bandwidth limiter, both directions, against curl: `python -m benchmarks.limiter`.

Counted is what arrives at the other end of a loopback connection, in slots of 50 ms: the mean over the whole
transfer, and the greatest second.
"""

import argparse
import asyncio
import json
import os
import socket
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator

from tm_tui.link.bandwidth import Limiter, limited, receive_bytes

SLOT = 0.05


class Counter:
    """Bytes by the time of their arrival."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []

    def add(self, size: int) -> None:
        """Some arrived now."""
        self.seen.append((time.perf_counter(), size))

    def figures(self, rate: int) -> dict[str, float]:
        """Mean and peak second, as shares of the rate."""
        seconds = self.seen[-1][0] - self.seen[0][0]
        mean = sum(size for _, size in self.seen[1:]) / seconds
        window: deque[tuple[float, int]] = deque()
        held = peak = 0
        for moment, size in self.seen:
            window.append((moment, size))
            held += size
            while window[0][0] < moment - 1.0:
                held -= window.popleft()[1]
            peak = max(peak, held)
        return {"mean": round(mean / rate, 3), "peak_second": round(peak / rate, 3)}


async def content(size: int) -> AsyncIterator[bytes]:
    """Bytes in the pieces that uploads come in."""
    for _ in range(size // 262144 + 1):
        yield bytes(262144)


async def sink(reader: asyncio.StreamReader, counter: Counter) -> None:
    """Count what comes."""
    while data := await reader.read(65536):
        counter.add(len(data))


async def upload(rate: int, seconds: float) -> Counter:
    """Our sender, a counting receiver."""
    counter, done = Counter(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await sink(reader, counter)
        writer.close()
        done.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        async for piece in limited(content(int(rate * seconds)), Limiter(rate)):
            writer.write(piece)
            await writer.drain()
        writer.close()
        await done.wait()
    return counter


async def download(rate: int, seconds: float) -> Counter:
    """A sender as fast as it can, our reader; counted is what the sender gets rid of."""
    counter = Counter()
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as mine:
        limiter = Limiter(rate)
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes(limiter) or 1 << 20)
        mine.setblocking(False)
        server.setblocking(False)
        connecting = asyncio.create_task(loop.sock_connect(mine, server.getsockname()))
        far, _ = await loop.sock_accept(server)
        await connecting
        with far:
            far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

            async def pour() -> None:
                while True:
                    await loop.sock_sendall(far, bytes(1024))
                    counter.add(1024)

            async def arriving() -> AsyncIterator[bytes]:
                while data := await loop.sock_recv(mine, limiter.chunk):
                    yield data

            pouring = asyncio.create_task(pour())
            end = time.perf_counter() + seconds
            async for _ in limited(arriving(), limiter):
                if time.perf_counter() > end:
                    break
            pouring.cancel()
            await asyncio.wait({pouring})
    return counter


async def curl(rate: int, seconds: float) -> Counter:
    """The upload limit of curl, with the same receiver."""
    counter, done = Counter(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await sink(reader, counter)
        writer.close()
        done.set()

    with tempfile.NamedTemporaryFile() as file:
        os.truncate(file.name, int(rate * seconds))
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
            options = (
                "-s",
                "-m",
                str(seconds * 2),
                "-H",
                "Expect:",
                "--limit-rate",
                str(rate),
                "-T",
                file.name,
            )
            process = await asyncio.create_subprocess_exec("curl", *options, url)
            await asyncio.sleep(seconds * 1.2)
            process.kill()
            await process.wait()
            await done.wait()
    return counter


def main() -> None:
    """Measure and print one line of JSON a figure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=6.0)
    given = options.parse_args()
    for rate in (64_000, 1_000_000, 10_000_000):
        for name, measure in (("upload", upload), ("download", download), ("upload by curl", curl)):
            figures = asyncio.run(measure(rate, given.seconds)).figures(rate)
            print(json.dumps({"what": name, "bytes_a_second": rate, **figures}), flush=True)


if __name__ == "__main__":
    main()
