"""Server-sent events (HTML standard, 9.2) that end with their reader, the agent, or their source."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Send

from tm_tui.api.agent import Shape
from tm_tui.clock import Clock

__all__ = ["Events", "event", "event_stream"]

Events = AsyncGenerator[bytes, None]
"""One event each time, or several together, as `event` writes them."""

_COMMENT_SECONDS = 15.0
_MOST_WAITING = 1


class _Stream(StreamingResponse):
    """Closes its iterator itself, so that a source never waits for the garbage collector."""

    def __init__(self, lines: AsyncGenerator[bytes, None]) -> None:
        super().__init__(lines, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._lines = lines

    async def stream_response(self, send: Send) -> None:
        """Send until the end."""
        async with aclosing(self._lines):
            await super().stream_response(send)


def event(name: str, value: Shape) -> bytes:
    """Write one: `name` is `status`, `line`, `step` or `report`."""
    return b"event: " + name.encode() + b"\ndata: " + value.to_json() + b"\n\n"


def event_stream(
    source: Events, request: Request, clock: Clock, stopping: asyncio.Event
) -> StreamingResponse:
    """Answer with the source's events, and a comment line whenever 15 s brought none.

    Each event is a thing that the asking user does, and waits for that user's turn.
    """
    return _Stream(_lines(source, request.state.turn, clock, stopping))


async def _lines(
    source: Events, turn: Callable[[], Awaitable[None]], clock: Clock, stopping: asyncio.Event
) -> AsyncGenerator[bytes, None]:
    """Run the source in one task of its own, as its timeouts want it, and watch that task from here."""
    ready: asyncio.Queue[bytes] = asyncio.Queue(_MOST_WAITING)
    wake = asyncio.Event()
    pump = asyncio.create_task(_pump(source, ready, wake))
    pump.add_done_callback(lambda _: wake.set())
    ending = asyncio.create_task(_pass_on(stopping, wake))
    try:
        yield b": tm-tui\n\n"
        while not stopping.is_set():
            while not ready.empty():
                await turn()
                yield ready.get_nowait()
            if pump.done() and ready.empty():
                pump.result()
                return
            if not wake.is_set() and not await clock.wait(wake, _COMMENT_SECONDS):
                yield b": still here\n\n"
            wake.clear()
    finally:
        ending.cancel()
        pump.cancel()
        await asyncio.wait({pump, ending})


async def _pump(source: Events, ready: asyncio.Queue[bytes], wake: asyncio.Event) -> None:
    async with aclosing(source):
        async for events in source:
            await ready.put(events)
            wake.set()


async def _pass_on(stopping: asyncio.Event, wake: asyncio.Event) -> None:
    await stopping.wait()
    wake.set()
