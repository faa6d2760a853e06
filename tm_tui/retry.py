"""It failed: when again? One object for all that is tried again, with the paces of the agent.

What a failure's code means for trying again stands in one table (tm_tui/link/trying_again.py).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tm_tui.api.shapes import LastFailure
from tm_tui.clock import Clock
from tm_tui.errors import TmError
from tm_tui.link.trying_again import HOUR, Meaning, When, meaning_of

__all__ = [
    "DISK",
    "SELDOM",
    "SLOWLY",
    "USUAL",
    "Chance",
    "Pace",
    "Retry",
    "asked_by",
    "code_of",
    "full_jitter",
    "last_failure",
    "spread",
]

Chance = Callable[[], float]
"""A random number from 0 up to 1, such as `random.random`: chance is held apart."""

_JITTER = 0.1
_MINUTES = 300.0
_AFTER_A_BEAT = 15.0
_MOST_DOUBLINGS = 16


def spread(seconds: float, part: float, chance: Chance) -> float:
    """Return `seconds` give or take up to `part` of it, so that a fleet does not act as one."""
    return seconds * (1 + part * (2 * chance() - 1))


def full_jitter(failures: int, base: float, most: float, chance: Chance) -> float:
    """Seconds to wait after that many failures in a row: 0 up to base, 2 base, 4 base ... `most`."""
    return chance() * min(most, base * 2.0 ** min(max(0, failures - 1), 32))


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds to wait after failures in a row: `first`, doubled each time, `longest` at most.

    `full`: full jitter, anything from 0 up to that; else that, give or take a tenth.
    """

    first: float = 1.0
    longest: float = 300.0
    full: bool = True

    def wait(self, failures: int, chance: Chance) -> float:
        """Seconds after so many failures in a row."""
        if self.full:
            return full_jitter(failures, self.first, self.longest, chance)
        grown = self.first * 2.0 ** min(max(0, failures - 1), _MOST_DOUBLINGS)
        return min(self.longest, spread(min(self.longest, grown), _JITTER, chance))

    @classmethod
    def around(cls, first: float) -> "Pace":
        """Doubled from `first` to ten minutes, give or take a tenth: beats, endpoints."""
        return cls(first, SELDOM.longest, full=False)


USUAL = Pace()
"""A server that is down: within 1 s, 2 s, 4 s ... 5 minutes."""
SELDOM = Pace(5.0, 600.0)
"""What a notice or a beat calls for anyway: within 5 s, 10 s ... 10 minutes."""
DISK = Pace(1.0, 60.0)
"""The own disk: within 1 s, 2 s ... 1 minute."""
SLOWLY = Pace(_MINUTES, HOUR, full=False)
"""What only somebody can change: 5 minutes, 10, 20, 40, an hour, give or take a tenth."""


class Retry:
    """One thing that is tried until it works: how often it failed in a row, how at last, and when again.

    It heeds what the table says of a code; with `heeds` false it goes on at its pace whatever was refused,
    as beats do, which tell when that is over. `log` is told a failure once, not each time it comes again;
    `disk` is the stage that the status shows when the own disk failed.
    """

    def __init__(
        self,
        clock: Clock,
        chance: Chance,
        *,
        pace: Pace = USUAL,
        log: logging.Logger | None = None,
        heeds: bool = True,
        disk: str = "disk",
    ) -> None:
        self._clock, self._chance = clock, chance
        self._pace, self._log, self._heeds, self._disk = pace, log, heeds, disk
        self.last: LastFailure | None = None
        """How it failed, until it succeeds."""
        self.problem: TmError | None = None
        """The same, as it was raised."""
        self.failed_at = 0.0
        """When that was,"""
        self.again = 0.0
        """and when it is tried again. Both in monotonic seconds; 0: at once."""
        self._row = self._pauses = 0

    @property
    def count(self) -> int:
        """How often in a row it failed."""
        return self._row

    def failed(self, problem: TmError, said: str = "", *, pace: Pace | None = None) -> float:
        """It failed (once more). Returns how many seconds to wait; `said` begins the line of the log.

        `pace` is that of this kind of try, where there are several.
        """
        before = self.last
        self._row += 1
        self.problem = problem
        self.last = last_failure(problem, self._clock.now(), self._row, disk=self._disk)
        self._tell(before, self.last, said)
        wait = max(self._wait(meaning_of(self.last.code), pace or self._pace), asked_by(problem))
        self.failed_at = self._clock.monotonic()
        self.again = self.failed_at + wait
        return wait

    def _wait(self, meaning: Meaning, pace: Pace) -> float:
        if self._heeds and meaning.pauses:
            self._pauses += 1
            return spread(meaning.pause, _JITTER, self._chance)
        if self._heeds and meaning.when is When.SLOWLY:
            return SLOWLY.wait(self._row, self._chance)
        return pace.wait(self._row, self._chance)

    def _tell(self, before: LastFailure | None, now: LastFailure, said: str) -> None:
        if self._log is None or not said or (before is not None and before.code == now.code):
            return
        extra = {"tm_code": now.code}
        self._log.warning("%s (%s). %s %s", said, now.code, now.cause, now.remedy, extra=extra)

    def moved(self) -> None:
        """Something came through: waits begin anew, what failed since still stands."""
        self._row = self._pauses = 0

    def succeeded(self) -> None:
        """It worked: nothing failed any more."""
        self.moved()
        self.forget()

    def forget(self) -> None:
        """What failed may work now: it is tried at once. A refusal is remembered for the beats."""
        self.last = self.problem = None
        self.again = 0.0
        self._row = 0

    def left(self) -> float:
        """Seconds until it is tried again; 0 when it may be now."""
        return max(0.0, self.again - self._clock.monotonic())

    @property
    def refused(self) -> bool:
        """Whether the last failure is one after which trying again by oneself does harm or cannot help."""
        return self._heeds and self.last is not None and meaning_of(self.last.code).pauses

    @property
    def paused(self) -> bool:
        """Whether nothing is tried, for such a failure: until its time is over, or somebody says so."""
        return self.refused and self.left() > 0

    def beat_accepted(self) -> bool:
        """The status server takes the same credentials. True if that ends the pause, which it does then.

        What refuses them is tried after a beat less and less often: at once, after 15 s, 30 s ... an hour.
        """
        if self.last is None or not self.paused or not meaning_of(self.last.code).ends_with_a_beat:
            return False
        doublings = min(self._pauses - 2, _MOST_DOUBLINGS)
        wait = 0.0 if self._pauses < 2 else min(HOUR, _AFTER_A_BEAT * 2.0**doublings)
        if self._clock.monotonic() - self.failed_at < wait:
            return False
        self.again = 0.0
        return True


def code_of(problem: TmError) -> str:
    """Its code (docs/failures.md); `storage` for the own disk."""
    return str(getattr(problem, "code", "storage"))


def asked_by(problem: TmError) -> float:
    """Seconds that the peer asked to wait (Retry-After), an hour at most; 0 if it asked for none."""
    return min(HOUR, getattr(problem, "retry_after", None) or 0.0)


def last_failure(problem: TmError, at: datetime, count: int = 1, *, disk: str = "disk") -> LastFailure:
    """Note a failure, as the status shows it."""
    return LastFailure(
        code=code_of(problem),
        stage=getattr(problem, "stage", disk),
        cause=problem.cause,
        remedy=problem.remedy,
        at=at,
        count=count,
    )
