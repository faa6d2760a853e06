"""Run a library that blocks in a thread, and let it call coroutines of the event loop.

The thread ends when the task that waits for it is cancelled.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["LoopCalls", "Stopped", "in_thread"]

T = TypeVar("T")


class Stopped(Exception):
    """The task that wanted this is over: the thread ends too."""


class LoopCalls:
    """Runs coroutines in the event loop for a thread, one at a time, until it is stopped."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._guard = threading.Lock()
        self._current: concurrent.futures.Future[Any] | None = None
        self._stopped = False

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait in this thread for what the coroutine gives. Raises Stopped, and what it raises."""
        with self._guard:
            if self._stopped:
                coroutine.close()
                raise Stopped
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._current = future
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise Stopped from None

    def check(self) -> None:
        """Raise Stopped if it is over: between long pieces of work that ask nothing of the loop."""
        if self._stopped:
            raise Stopped

    def stop(self) -> None:
        """End the call that is under way, and refuse further ones."""
        with self._guard:
            self._stopped = True
            if self._current is not None:
                self._current.cancel()


async def in_thread(function: Callable[[LoopCalls], T]) -> T:
    """Run `function` in a thread of its own. Cancelled, this waits until the thread has ended."""
    calls = LoopCalls(asyncio.get_running_loop())
    work = asyncio.ensure_future(asyncio.to_thread(function, calls))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        calls.stop()
        await asyncio.wait({work})
        if not work.cancelled():
            work.exception()  # looked at, so that nobody reports it as forgotten
        raise
