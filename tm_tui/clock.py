"""Time as a part that tests can own: intervals on a clock that never steps, dates only for showing."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from tm_tui.moments import within

__all__ = ["Clock", "SystemClock", "boot_id", "wait_until"]

_SLICE = 10.0
"""The event loop's timers stop while the machine is suspended; ours look again at least this often."""


class Clock(Protocol):
    """What the agent knows of time."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never steps back, goes on while the machine is suspended."""
        ...

    def now(self) -> datetime:
        """The wall clock, with a time zone (UTC). Only for showing and for protocols."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
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

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait for `event` at most `seconds`; True if it happened."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await event.wait()
        except TimeoutError:
            return False
        return True


async def wait_until(clock: Clock, moment: float, event: asyncio.Event) -> bool:
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
