"""Small servers that misbehave in one way each, and remember what they were told."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Told:
    """A running server: its port, what it received, how many connections it has open."""

    port: int = 0
    received: bytearray = field(default_factory=bytearray)
    open: int = 0
    accepted: int = 0
    all_gone: asyncio.Event = field(default_factory=asyncio.Event)
    somebody: asyncio.Event = field(default_factory=asyncio.Event)


@contextlib.asynccontextmanager
async def server(behave: Behaviour, context: ssl.SSLContext | None = None) -> AsyncIterator[Told]:
    """Serve `behave` on a loopback port, as one task a connection, all ended at the end."""
    told = Told()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(task) if (task := asyncio.current_task()) else None
        told.open += 1
        told.accepted += 1
        told.all_gone.clear()
        told.somebody.set()
        feed = reader.feed_data

        def recording(data: bytes) -> None:
            told.received += data
            feed(data)

        reader.feed_data = recording  # type: ignore[method-assign]
        try:
            await behave(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            told.open -= 1
            if not told.open:
                told.all_gone.set()
            writer.transport.abort()

    running = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    told.port = running.sockets[0].getsockname()[1]
    try:
        yield told
    finally:
        running.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await running.wait_closed()


async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hang up on whoever calls."""


async def close_after_hearing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Listen once, then hang up."""
    await reader.read(65536)


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take everything and never answer: a black hole."""
    while await reader.read(65536):
        pass


async def take_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept and never read: the sender's buffers fill up."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.Event().wait()


def answer(reply: bytes, *, pieces: int = 1 << 16) -> Behaviour:
    """Hear one request's head, answer with `reply` (in pieces of some bytes), then take whatever comes."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for start in range(0, len(reply), pieces):
            writer.write(reply[start : start + pieces])
            await writer.drain()
            await asyncio.sleep(0)
        await say_nothing(reader, writer)

    return behave


def greet(banner: bytes) -> Behaviour:
    """Speak first, then take whatever comes."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        await writer.drain()
        await say_nothing(reader, writer)

    return behave


def drip(head: bytes, piece: bytes) -> Behaviour:
    """Answer, and then go on dripping for ever."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        ready = asyncio.Event()
        while True:
            writer.write(piece)
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ready.wait(), 0.05)

    return behave


@contextlib.asynccontextmanager
async def blocking_tls(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Take one TLS connection in a thread; yield the port. asyncio's own server sends no alerts."""

    def serve() -> None:
        caller, _ = listener.accept()
        with caller.dup() as spare:  # kept open until the client goes: a reset would take the alert with it
            with contextlib.suppress(OSError), context.wrap_socket(caller, server_side=True) as inside:
                inside.recv(65536)
            spare.settimeout(60)
            with contextlib.suppress(OSError):
                while spare.recv(65536):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        serving = asyncio.create_task(asyncio.to_thread(serve))
        yield listener.getsockname()[1]
        await serving
