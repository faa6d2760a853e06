"""When to try again, and waiting for it: on a clock that suspend does not stop, with chance held apart."""

import asyncio
from collections.abc import Callable

from tm_tui.clock import Clock

__all__ = ["Chance", "full_jitter", "spread", "wait_until"]

Chance = Callable[[], float]
"""A random number from 0 up to 1, such as `random.random`."""

_SLICE = 10.0
"""The event loop's timers stop while the machine is suspended; ours look again at least this often."""


def spread(seconds: float, part: float, chance: Chance) -> float:
    """Return `seconds` give or take up to `part` of it, so that a fleet does not act as one."""
    return seconds * (1 + part * (2 * chance() - 1))


def full_jitter(failures: int, base: float, most: float, chance: Chance) -> float:
    """Seconds to wait after that many failures in a row: 0 up to base, 2 base, 4 base ... `most`."""
    return chance() * min(most, base * 2.0 ** min(max(0, failures - 1), 32))


async def wait_until(clock: Clock, moment: float, event: asyncio.Event) -> bool:
    """Wait for `event` until the monotonic `moment`; True if it happened."""
    while (left := moment - clock.monotonic()) > 0:
        if await clock.wait(event, min(left, _SLICE)):
            return True
    return event.is_set()
