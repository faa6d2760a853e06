"""A way to a server that tests can close, silence, or have answer something else."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

_PIECE = 1 << 16


class Gate:
    """`address` leads to the server behind. Connections that are open when it changes are cut, or held."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._answer: bytes | None = b""
        self._lets = True
        self._tasks: set[asyncio.Task[None]] = set()
        self.loop = asyncio.new_event_loop()
        self.address = ""

    def open(self) -> None:
        """Let everything through, from the next connection on."""
        self._become(b"", lets=True)

    def close(self) -> None:
        """End each connection at once."""
        self._become(b"")

    def silence(self) -> None:
        """Take connections, and say nothing on them, nor on those that were open."""
        self._become(None)

    def answer(self, reply: bytes) -> None:
        """Say this to each request."""
        self._become(reply)

    def _become(self, answer: bytes | None, *, lets: bool = False) -> None:
        async def change() -> None:
            self._lets, self._answer = lets, answer
            for task in self._tasks if answer is not None else ():
                task.cancel()

        asyncio.run_coroutine_threadsafe(change(), self.loop).result()

    async def end(self, server: asyncio.Server) -> None:
        """Cut everything, and wait for it."""
        server.close()
        for task in self._tasks:
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
            await asyncio.sleep(0)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.create_task(self._one(reader, writer))
        self._tasks.add(task)
        await asyncio.wait({task})
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # a connection that was cut is nothing
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._lets:
            behind, there = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass(reader, there))
                    both.create_task(self._pass(behind, writer))
            finally:
                there.close()
        elif self._answer:
            while await reader.read(_PIECE):
                writer.write(self._answer)
        elif self._answer is None:
            await asyncio.Event().wait()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            if not self._lets:
                await asyncio.Event().wait()  # held, until it is cut
            writer.write(piece)
            await writer.drain()
        writer.write_eof()


@contextlib.contextmanager
def gate_before(endpoint: str) -> Iterator[Gate]:
    """A gate before the server at `endpoint` (http://HOST:PORT), on a port and a thread of its own."""
    gate = Gate(int(endpoint.rpartition(":")[2]))
    thread = threading.Thread(target=gate.loop.run_forever, name="gate")
    thread.start()
    serving = asyncio.start_server(gate.take, "127.0.0.1", 0)
    server = asyncio.run_coroutine_threadsafe(serving, gate.loop).result()
    gate.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield gate
    finally:
        asyncio.run_coroutine_threadsafe(gate.end(server), gate.loop).result()
        gate.loop.call_soon_threadsafe(gate.loop.stop)
        thread.join()
        gate.loop.close()
