"""When logs are due: at each full interval of the wall clock, a little later on each appliance.

The last run is kept on the disk, so that a restart neither repeats nor forgets one. If several were missed,
the agent delivers once.
"""

import hashlib
import math
from dataclasses import dataclass

__all__ = ["Schedule"]

_MOST_SHIFT = 300.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every `interval` seconds (5m to 24h, or less in a lab), `shift` seconds after the grid of UTC."""

    interval: float
    shift: float

    @classmethod
    def of(cls, interval: float, appliance: str) -> "Schedule":
        """Shift by a share of a tenth of the interval (5 minutes at most) that the appliance's name decides.

        A fleet that was set up alike does not knock at the same second.
        """
        share = int.from_bytes(hashlib.sha256(appliance.encode()).digest()[:4]) / (1 << 32)
        return cls(interval, share * min(_MOST_SHIFT, interval / 10))

    def slot(self, moment: float) -> int:
        """The number of the interval that `moment` (seconds since 1970) lies in."""
        return math.floor((moment - self.shift) / self.interval)

    def is_due(self, last_run: float, now: float) -> bool:
        """Whether an interval has begun since the last run. A clock that was set back makes nothing due."""
        return self.slot(now) > self.slot(last_run)

    def seconds_until_next(self, now: float) -> float:
        """Seconds until the next interval begins."""
        return (self.slot(now) + 1) * self.interval + self.shift - now
