"""One thread that does all that blocks in the spool, in order.

Intake that comes meanwhile shares one commit.
"""

import asyncio
import threading
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
    loop: asyncio.AbstractEventLoop
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
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    async def add(self, checked: Checked) -> Intake:
        """Have checked lines committed. Raises StorageFailed."""
        loop = asyncio.get_running_loop()
        result: Intake = await self._put(_Job(loop.create_future(), loop, checked))
        return result

    async def call(self, action: Callable[[], R]) -> R:
        """Have something done in the thread; its exception comes back. Cancelling only stops the waiting."""
        loop = asyncio.get_running_loop()
        result: R = await self._put(_Job(loop.create_future(), loop, action=action))
        return result

    async def close(self) -> None:
        """Let all that was given be done, then end the thread."""
        self._closing = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _put(self, job: _Job) -> "asyncio.Future[Any]":
        if self._closing:
            raise StorageFailed("The log queue is closed.", "Start the agent again.")
        self._jobs.put(job)
        return job.future

    def _run(self) -> None:
        while jobs := self._next():
            results = self._done(jobs)
            jobs[0].loop.call_soon_threadsafe(_deliver, jobs, results)

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


def _deliver(jobs: Sequence[_Job], results: Sequence[Any]) -> None:
    for job, result in zip(jobs, results, strict=True):
        if job.future.done():
            continue
        if isinstance(result, BaseException):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)
