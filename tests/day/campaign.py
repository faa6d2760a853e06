"""A day or more at random: suspends, steps, zones and outages of the portal, as a seed says."""

import random
from pathlib import Path

from day.lab import HOUR, Day, day
from day.rules import broken_rules
from day.turning import zone

__all__ = ["random_days"]

_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu")
_STEPS = (1.0, 30.0, 60.0, HOUR, 24 * HOUR)


async def random_days(folder: Path, seed: int, days: float) -> tuple[Day, list[str]]:
    """Live through them; what was seen, and the rules that were broken."""
    chance = random.Random(seed)
    async with day(folder, seed) as it:
        end = it.clock.boot + days * 24 * HOUR
        while it.clock.boot < end:
            with zone(chance.choice(_ZONES), told=chance.random() < 0.5):
                await it.live(chance.uniform(60, 3 * HOUR), every=chance.uniform(300, 900))
            _disturb(it, chance)
        await it.live(2.5 * HOUR)
        return it, broken_rules(it)


def _disturb(it: Day, chance: random.Random) -> None:
    """Something happens to the clocks."""
    if chance.random() < 0.5:
        it.suspend(10 ** chance.uniform(0, 4.5))  # a second to nine hours
    else:
        it.step(chance.choice(_STEPS) * chance.choice((-1, 1)))
