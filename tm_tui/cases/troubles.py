"""What keeps cases from the server, and when each is tried again: for ever, but not always soon."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tm_tui.cases.record import Record
from tm_tui.clock import Clock
from tm_tui.errors import TmError
from tm_tui.link.access import Pause, is_refused
from tm_tui.link.failures import LinkFailure
from tm_tui.pace import Chance, full_jitter, spread

__all__ = ["Trouble", "Troubles"]

_FIRST, _LONGEST, _LONGEST_ASKED = 1.0, 300.0, 3600.0
_DAY = 86400.0
_OF_ONE_CASE = frozenset(
    {
        *("case-too-large", "case-offset", "case-checksum", "case-locked"),
        *("http-refused", "http-conflict", "remote-disk-full"),
    }
)
"""What a server says of one case, while it may take another."""
_LONG = frozenset({"case-too-large", "http-refused"})
"""Only somebody at the other end can change these: they wait as long as backing off ever does."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What stopped an upload, how often in a row, and when it is tried again (monotonic seconds)."""

    problem: TmError
    at: datetime
    count: int
    again: float


class Troubles:
    """By the cases' numbers. `paused`: nothing is tried for a while, or until somebody says so."""

    def __init__(self, clock: Clock, chance: Chance) -> None:
        self._clock, self._chance = clock, chance
        self.paused: LinkFailure | None = None
        self._pause, self._paused_until = Pause(clock, chance), 0.0
        self._of: dict[int, Trouble] = {}

    def forget(self) -> None:
        """What failed before may work now."""
        self.paused, self._of = None, {}

    def pause(self, problem: LinkFailure, seconds: float = math.inf) -> None:
        """Try nothing for so long, or until `forget`."""
        self.paused, self._paused_until = problem, self._clock.monotonic() + seconds

    def pause_left(self) -> float | None:
        """Seconds until something may be tried again; None when nothing is paused (any more)."""
        left = self._paused_until - self._clock.monotonic()
        if self.paused is not None and left <= 0:
            self.paused = None
        return None if self.paused is None else left

    def beat_accepted(self) -> bool:
        """The status server takes the credentials. True if that ends a pause."""
        ended = self.paused is not None and is_refused(self.paused) and self._pause.may_end()
        if ended:
            self.forget()
        return ended

    def keep(self, numbers: set[int]) -> None:
        """Only these have something left to do."""
        self._of = {number: trouble for number, trouble in self._of.items() if number in numbers}

    def over(self, number: int) -> None:
        """This one came through."""
        self._pause.over()
        self._of.pop(number, None)

    def any(self) -> bool:
        """Whether something waits for another try."""
        return bool(self._of)

    def get(self, number: int) -> Trouble | None:
        """The trouble of one case."""
        return self._of.get(number)

    def next(self) -> Trouble | None:
        """The one that is tried again first."""
        return min(self._of.values(), key=lambda trouble: trouble.again, default=None)

    def wait(self, number: int) -> float:
        """Seconds until a case may be tried; 0 now."""
        trouble = self._of.get(number)
        return 0.0 if trouble is None else max(0.0, trouble.again - self._clock.monotonic())

    def soonest(self) -> float | None:
        """Seconds until the first may be tried again; None when none waits."""
        return min((self.wait(number) for number in self._of), default=None)

    def met(self, record: Record, problem: TmError, others: Iterable[Record], *, moved: bool) -> bool:
        """Note a failure, of this case or of the way for all. True if it is another one than before.

        `moved`: something came through before it, so that backing off begins anew.
        """
        before = self._of.get(record.number)
        count = 1 if before is None or moved else before.count + 1
        again = self._clock.monotonic() + self._backoff(problem, count)
        trouble = Trouble(problem, self._clock.now(), count, again)
        code = problem.code if isinstance(problem, LinkFailure) else "storage"
        if isinstance(problem, LinkFailure) and code in {"http-auth-refused", "http-auth-method"}:
            self.pause(problem, self._pause.begin())
        elif isinstance(problem, LinkFailure) and code == "http-foreign-address":
            # Each try would leave one more upload there, and only somebody at the other end can change that.
            self.pause(problem, spread(_DAY, 0.1, self._chance))
        self._of[record.number] = trouble
        if code not in _OF_ONE_CASE:
            self._of |= {other.number: trouble for other in others}
        return before is None or str(before.problem) != str(problem)

    def _backoff(self, problem: TmError, count: int) -> float:
        if isinstance(problem, LinkFailure) and problem.code in _LONG:
            wait = spread(_LONGEST, 0.1, self._chance)
        else:
            wait = full_jitter(count, _FIRST, _LONGEST, self._chance)
        asked = problem.retry_after if isinstance(problem, LinkFailure) else None
        return max(wait, min(_LONGEST_ASKED, asked or 0.0))
