"""A machine's clocks in the test's hand, as the kernel has them: what sleeps with the machine, and what not.

Unlike `clock.FakeClock` it does as a real machine does after suspend: timers stood still meanwhile, so that a
wait goes on for what was left of it. That is what the agent's own waits must be made for.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

__all__ = ["DayClock", "zone"]

_TICK = 1e-6
"""No wait is shorter, or a rest of rounding would be waited for without end."""


class DayClock:
    """CLOCK_BOOTTIME, CLOCK_REALTIME and the event loop's timers, each moved by hand."""

    def __init__(self, wall: datetime | None = None) -> None:
        self.wall = wall or datetime.now(UTC) - timedelta(days=1)
        self.boot = 1000.0
        self.awake = 0.0
        self.turned = asyncio.Event()
        """Set when somebody begins to wait."""
        self._waits: dict[asyncio.Timeout, tuple[float, asyncio.Task[object] | None]] = {}

    def monotonic(self) -> float:
        """Seconds since boot, suspend included."""
        return self.boot

    def now(self) -> datetime:
        """The wall clock."""
        return self.wall

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """As SystemClock does it, with a timer of ours."""
        try:
            async with asyncio.timeout(None) as timer:
                self._waits[timer] = (self.awake + max(seconds, _TICK), asyncio.current_task())
                self.turned.set()
                try:
                    await event.wait()
                finally:
                    del self._waits[timer]
        except TimeoutError:
            return False
        return True

    @property
    def waiting(self) -> frozenset[asyncio.Task[object] | None]:
        """Who waits for a moment to come."""
        return frozenset(task for moment, task in self._waits.values() if moment > self.awake)

    def next(self) -> float | None:
        """Seconds to the next moment that somebody waits for; None if nobody does."""
        return min((max(0.0, moment - self.awake) for moment, _ in self._waits.values()), default=None)

    def move(self, seconds: float) -> None:
        """Time passes."""
        self.suspend(seconds)
        self.awake += seconds
        for timer, (moment, _) in self._waits.items():
            if moment <= self.awake:
                timer.reschedule(0.0)

    def suspend(self, seconds: float) -> None:
        """The machine sleeps: dates go on, timers do not."""
        self.boot += seconds
        self.wall += timedelta(seconds=seconds)

    def step(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self.wall += timedelta(seconds=seconds)


@contextmanager
def zone(name: str, *, told: bool = True) -> Iterator[None]:
    """The machine is in this zone. Not `told`, a process goes on in the one it began with (tzset(3))."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    if told:
        time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()
