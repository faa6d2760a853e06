"""One thread that does all that blocks in the spool, in order.

Intake that comes meanwhile shares one commit.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from tm_tui.errors import StorageFailed
from tm_tui.spool.intake import Checked, Intake

__all__ = ["Writer"]

R = TypeVar("R")
Accept = Callable[[Sequence[Checked]], list[Intake | StorageFailed]]
MOST_EVENTS, MOST_BYTES = 2000, 2 << 20
"""Events that share a commit: some milliseconds of work, so that nobody waits much longer than an fsync."""


@dataclass(slots=True)
class _Job:
    future: "asyncio.Future[Any]"
    checked: Checked | None = None
    action: Callable[[], Any] | None = None


class Writer:
    """Runs jobs of one event loop in the order they come.

    `accept` gets the checked lines of all waiting intakes at once.

    There is no waiting for company: while one commit is on its way to the disk, the next one gathers.
    `settled` is called in the thread after each job, when all counts fit together.
    """

    def __init__(
        self, accept: Accept, most_events: int = MOST_EVENTS, *, settled: Callable[[], None] = lambda: None
    ) -> None:
        self._accept, self._most_events = accept, min(most_events, MOST_EVENTS)
        self._settled = settled
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        """None is the end."""
        self._held: list[_Job | None] = []
        """What was taken of the queue and is for the next turn: one at most."""
        self._finished: deque[tuple[Sequence[_Job], Sequence[Any]]] = deque()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """The thread rings it when something is in `_finished`: it answers a caller who is alone sooner than
        `call_soon_threadsafe` would."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    async def add(self, checked: Checked) -> Intake:
        """Have checked lines committed. Raises StorageFailed."""
        result: Intake = await self._put(_Job(asyncio.get_running_loop().create_future(), checked))
        return result

    async def call(self, action: Callable[[], R]) -> R:
        """Have something done in the thread; its exception comes back. Cancelling only stops the waiting."""
        result: R = await self._put(_Job(asyncio.get_running_loop().create_future(), action=action))
        return result

    async def close(self) -> None:
        """Let all that was given be done, then end the thread."""
        self._closing = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        if self._loop is not None:
            self._loop.remove_reader(self._bell)
        os.close(self._bell)
        self._deliver()

    def _put(self, job: _Job) -> "asyncio.Future[Any]":
        if self._closing:
            raise StorageFailed("The log queue is closed.", "Start the agent again.")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._bell, self._hear)
        self._jobs.put(job)
        return job.future

    def _hear(self) -> None:
        os.eventfd_read(self._bell)
        self._deliver()

    def _deliver(self) -> None:
        while self._finished:
            _answer(*self._finished.popleft())

    def _run(self) -> None:
        while jobs := self._next():
            self._finished.append((jobs, self._done(jobs)))
            os.eventfd_write(self._bell, 1)

    def _next(self) -> list[_Job]:
        """One action, or the intakes that wait side by side; [] at the end."""
        first = self._held.pop() if self._held else self._jobs.get()
        if first is None:
            return []
        jobs = [first]
        if first.checked is None:
            return jobs
        events, size = len(first.checked.events), first.checked.size
        with suppress(Empty):
            while (job := self._jobs.get_nowait()) is not None and (more := job.checked) is not None:
                events, size = events + len(more.events), size + more.size
                if events > self._most_events or size > MOST_BYTES:
                    break
                jobs.append(job)
            self._held = [job]
        return jobs

    def _done(self, jobs: Sequence[_Job]) -> Sequence[Any]:
        try:
            if jobs[0].action:
                results: Sequence[Any] = [jobs[0].action()]
            else:
                results = self._accept([job.checked for job in jobs if job.checked])
            self._settled()
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            return [error] * len(jobs)
        return results


def _answer(jobs: Sequence[_Job], results: Sequence[Any]) -> None:
    for job, result in zip(jobs, results, strict=True):
        if job.future.done():
            continue
        if isinstance(result, BaseException):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)
