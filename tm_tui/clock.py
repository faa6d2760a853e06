"""Time as a part that tests can own: intervals on a clock that never steps, dates only for showing.

The moments that are kept, sent and shown lie between 1970 and 2200, with a zone: what lies beyond is taken to
the nearer bound, so that a clock that was never set costs nothing else. Light to import: asyncio comes late.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

__all__ = ["EARLIEST", "LATEST", "Clock", "SystemClock", "boot_id", "moment_of", "wait_until", "within"]

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)

_SLICE = 10.0
"""The event loop's timers stop while the machine is suspended; ours look again at least this often."""


def within(moment: datetime) -> datetime:
    """Return `moment` in UTC, from EARLIEST to LATEST. One without a zone counts as UTC. Never raises."""
    aware = moment.replace(tzinfo=UTC) if moment.utcoffset() is None else moment
    return min(max(aware, EARLIEST), LATEST).astimezone(UTC)


def moment_of(seconds: float) -> datetime:
    """The moment of so many Unix seconds, within the bounds. Never raises; what is no number is EARLIEST."""
    if not seconds > 0:
        return EARLIEST
    return LATEST if seconds >= LATEST.timestamp() else datetime.fromtimestamp(seconds, UTC)


class Clock(Protocol):
    """What the agent knows of time."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never steps back, goes on while the machine is suspended."""
        ...

    def now(self) -> datetime:
        """The wall clock, with a time zone (UTC). Only for showing and for protocols."""
        ...

    async def wait(self, event: "asyncio.Event", seconds: float) -> bool:
        """Wait for `event` at most `seconds`; True if it happened."""
        ...


class SystemClock:
    """The machine's own clocks (CLOCK_BOOTTIME counts the time spent in suspend)."""

    def monotonic(self) -> float:
        """Seconds since boot."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> datetime:
        """The time in UTC, within the bounds of a moment."""
        return within(datetime.now(UTC))

    async def wait(self, event: "asyncio.Event", seconds: float) -> bool:
        """Wait for `event` at most `seconds`; True if it happened."""
        import asyncio

        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await event.wait()
        except TimeoutError:
            return False
        return True


async def wait_until(clock: Clock, moment: float, event: "asyncio.Event") -> bool:
    """Wait for `event` until the monotonic `moment`; True if it happened."""
    while (left := moment - clock.monotonic()) > 0:
        if await clock.wait(event, min(left, _SLICE)):
            return True
    return event.is_set()


def boot_id() -> str:
    """This boot of the machine (random(4)), in which `SystemClock.monotonic` counts; empty if nobody says."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
