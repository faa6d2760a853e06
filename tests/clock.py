"""A clock that tests turn by hand, beside `tm_tui.clock.SystemClock`: same promises, no waiting."""

import asyncio
from datetime import UTC, datetime, timedelta

__all__ = ["FakeClock"]

_LIMIT = 60.0


class FakeClock:
    """Time stands still until `advance`, `suspend` or `set_wall` move it."""

    def __init__(self, wall: datetime = datetime(2025, 1, 1, 12, 0, tzinfo=UTC)) -> None:
        self._monotonic = 1000.0
        self._wall = wall
        self._waiters: dict[asyncio.Event, float] = {}
        self._changed = asyncio.Event()

    def monotonic(self) -> float:
        """Seconds that only the test moves."""
        return self._monotonic

    def now(self) -> datetime:
        """The wall time that goes with it."""
        return self._wall

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait for `event`, or for the test to move the time that far."""
        if event.is_set():
            return True
        turned = asyncio.Event()
        self._waiters[turned] = self._monotonic + max(0.0, seconds)
        self._tell()
        happened = asyncio.ensure_future(event.wait())
        late = asyncio.ensure_future(turned.wait())
        try:
            await asyncio.wait({happened, late}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            happened.cancel()
            late.cancel()
            del self._waiters[turned]
            self._tell()
        return event.is_set()

    def pending(self) -> tuple[float, ...]:
        """How many seconds each waiter still has, soonest first."""
        return tuple(sorted(moment - self._monotonic for moment in self._waiters.values()))

    async def idle(self, waiters: int = 1) -> None:
        """Wait, for real, until that many wait on this clock and have something to wait for."""
        async with asyncio.timeout(_LIMIT):
            while sum(left > 0 for left in self.pending()) < waiters:
                self._changed.clear()
                await self._changed.wait()

    async def waited(self, seconds: float) -> None:
        """Wait, for real, until somebody waits for just so long from now: others may, for other reasons."""
        async with asyncio.timeout(_LIMIT):
            while all(abs(left - seconds) > 1e-6 for left in self.pending()):
                self._changed.clear()
                await self._changed.wait()

    async def advance(self, seconds: float, waiters: int = 1) -> None:
        """Let time pass, stopping at each moment somebody waits for, until that many are idle again."""
        end = self._monotonic + seconds
        await self.idle(waiters)
        while (moment := min(self._waiters.values(), default=end + 1)) <= end:
            self._move(max(0.0, moment - self._monotonic))
            await asyncio.sleep(0)
            await self.idle(waiters)
        self._move(end - self._monotonic)

    def suspend(self, seconds: float) -> None:
        """Jump as a machine that slept does: time has passed, and nobody was woken at the moments between."""
        self._move(seconds)

    def set_wall(self, seconds: float) -> None:
        """Step the wall clock alone."""
        self._wall += timedelta(seconds=seconds)

    def _move(self, seconds: float) -> None:
        self._monotonic += seconds
        self._wall += timedelta(seconds=seconds)
        for turned, moment in self._waiters.items():
            if moment <= self._monotonic:
                turned.set()

    def _tell(self) -> None:
        self._changed.set()
