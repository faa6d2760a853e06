"""Tasks and who waits for them: none is left behind, and what must not end halfway does not."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, ParamSpec, TypeVar

from tm_tui.errors import TmError

__all__ = ["Tasks", "either", "end", "outcome", "threaded", "unbroken"]

_log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


async def unbroken(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end, whatever becomes of the caller: a cancelled one ends after it.

    So disk and memory change together, and no lock is let go before its work is done. Raises what it raises.
    """
    task = asyncio.ensure_future(work)
    await _over({task})
    return task.result()


async def threaded(function: Callable[P, T], *arguments: P.args, **more: P.kwargs) -> T:
    """Run `function` in a thread. Cancelled, this ends when the thread has: nothing works on unseen."""
    return await unbroken(asyncio.to_thread(partial(function, *arguments, **more)))


async def outcome(work: Coroutine[Any, Any, object]) -> BaseException | None:
    """Run `work` in a task of its own: what it raises is a value, None if nothing. Cancelled, both end."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        await end([task])
        raise
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def end(tasks: Iterable["asyncio.Future[Any]"]) -> None:
    """Cancel them and wait until the last one has ended, however it does."""
    ending = set(tasks)
    for task in ending:
        task.cancel()
    await _over(ending)
    for task in ending:
        _look(task)


async def either(task: "asyncio.Future[Any]", event: asyncio.Event) -> None:
    """Wait until `task` ends or `event` happens. The task goes on."""
    happened = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({task, happened}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        happened.cancel()


class Tasks:
    """Tasks that run beside their owner, who ends them: a bug in one is written down."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        """Begin one."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("The task %s failed by a programming error.", task.get_name(), exc_info=error)

    async def stop(self) -> None:
        """Cancel all, and wait until they have ended."""
        await end(tuple(self._tasks))


async def _over(tasks: set["asyncio.Future[Any]"]) -> None:
    """Wait until all have ended; a cancellation meanwhile is raised afterwards."""
    cancelled: asyncio.CancelledError | None = None
    while waiting := {task for task in tasks if not task.done()}:
        try:
            await asyncio.wait(waiting)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        for task in tasks:
            _look(task)
        raise cancelled


def _look(task: "asyncio.Future[Any]") -> None:
    """Nobody asks any more how it ended; a bug is written down all the same."""
    if task.cancelled():
        return
    error = task.exception()
    if error is not None and not isinstance(error, TmError):
        _log.error("What was given up has failed by a programming error.", exc_info=error)
