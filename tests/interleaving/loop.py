"""An event loop whose order a seed decides, on a clock that costs no time.

Of the tasks that could go on, one is chosen by chance; everything else keeps its order, as asyncio promises.
Threads of `to_thread` are played: their work is done at one moment by chance, and known at a later one; what
was cancelled meanwhile is sometimes done all the same, as real threads do. When nothing can go on any more,
somebody waits in vain, and the test fails.
"""

import asyncio
import heapq
import logging
import random
import re
import traceback
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tm_tui.clock import SystemClock

__all__ = ["InVain", "LoopClock", "SeededLoop", "played", "some_time"]

T = TypeVar("T")
_BEGIN = 1000.0
_LONGEST_THREAD = 2.0
_LATE = 0.05
_ERROR = re.compile(r"^[\s|+-]*([\w.]+Error)(?=:|$)", re.MULTILINE)
_MOST_STEPS = 2_000_000


class InVain(AssertionError):
    """No task can go on and no timer is left: whoever waits now waits for ever."""


class SeededLoop(asyncio.SelectorEventLoop):
    """`chance` is the seed's; `reports` are what nobody looked at: exceptions of forgotten tasks."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.reports: list[str] = []
        self.now = _BEGIN
        self._steps = 0
        super().__init__()
        self.set_exception_handler(lambda _, told: self.reports.append(f"{told}"))

    def time(self) -> float:
        """Seconds that pass when nothing else is left to do, and now and then before that."""
        return self.now

    def run_in_executor(self, _executor: Any, function: Callable[..., T], *arguments: Any) -> Any:
        """Play a thread."""
        known: asyncio.Future[T] = self.create_future()

        def work() -> None:
            if known.cancelled() and self.chance.random() < 0.5:  # it had not begun
                return
            try:
                result = function(*arguments)
            except Exception as error:  # noqa: BLE001  handed over, as a thread does
                self._later(lambda error=error: known.done() or known.set_exception(error))
            else:
                self._later(lambda: known.done() or known.set_result(result))

        self._later(work)
        return known

    def _later(self, what: Callable[[], Any]) -> None:
        self.call_later(self.chance.choice([0.0, 0.001, self.chance.random() * _LONGEST_THREAD]), what)

    def _run_once(self) -> None:
        """One step: a timer that is due, or a task by chance."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise AssertionError("this does not come to an end")
        if not self._ready:
            self._let_time_pass(None)
        elif self.chance.random() < 0.02:
            self._let_time_pass(_LATE)
        self._take_due()
        ready = self._ready
        while ready and ready[0]._cancelled:
            ready.popleft()
        if not ready:
            return
        handle = self._chosen()
        if not handle._cancelled:
            handle._run()

    def _let_time_pass(self, most: float | None) -> None:
        """On to the next timer; with tasks that could go on, which are late then, only a little."""
        while self._scheduled and self._scheduled[0]._cancelled:
            self._drop_timer()
        if self._scheduled:
            moment = self._scheduled[0]._when
            self.now = max(self.now, moment if most is None else min(moment, self.now + most))
        elif not self._ready and not self._stopping:
            waiting = sorted(task.get_name() for task in asyncio.all_tasks(self))
            raise InVain(f"for ever: {waiting}")

    def _take_due(self) -> None:
        while self._scheduled and (self._scheduled[0]._cancelled or self._scheduled[0]._when <= self.now):
            handle = self._drop_timer()
            if not handle._cancelled:
                self._ready.append(handle)

    def _drop_timer(self) -> Any:
        handle = heapq.heappop(self._scheduled)
        handle._scheduled = False
        return handle

    def _chosen(self) -> Any:
        ready = self._ready
        places, ordered = [], False
        for place, handle in enumerate(ready):
            if isinstance(getattr(handle._callback, "__self__", None), asyncio.Task):
                places.append(place)
            elif not ordered:
                ordered = True
                places.append(place)
        place = self.chance.choice(places)
        handle = ready[place]
        del ready[place]
        return handle


class LoopClock(SystemClock):
    """The agent's clock, on the loop's time."""

    def monotonic(self) -> float:
        """The loop's."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """A date that goes with it."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())


class _Bugs(logging.Handler):
    """Keeps what the product writes down as a programming error."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "programming error" in record.getMessage():
            told = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
            self.seen.append(record.getMessage() + "\n" + told)


def played(
    seed: int, story: Callable[[random.Random], Coroutine[Any, Any, None]], *, bugs: bool = False
) -> None:
    """Run a story in the order of this seed. At its end no task is left over, and none has failed unseen.

    `bugs`: those that the story makes itself, ZeroDivisionErrors, are no fault of the product.
    """
    loop, seen = SeededLoop(seed), _Bugs()
    log = logging.getLogger("tm_tui")
    log.addHandler(seen)

    async def told() -> None:
        await story(loop.chance)
        me = asyncio.current_task()
        left = sorted(task.get_name() for task in asyncio.all_tasks() if task is not me)
        assert left == [], f"left over: {left}"

    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(told())
    finally:
        log.removeHandler(seen)
    assert loop.reports == [], loop.reports
    mine = {"ZeroDivisionError"} if bugs else set()
    assert all(bugs and set(_ERROR.findall(told)) <= mine for told in seen.seen), seen.seen


async def some_time(chance: random.Random, longest: float = 3.0) -> None:
    """Wait: not at all, a step, or up to so many seconds."""
    wait = chance.choice([None, 0.0, chance.random() * longest, chance.random() * 0.01])
    if wait is not None:
        await LoopClock().wait(asyncio.Event(), wait)
