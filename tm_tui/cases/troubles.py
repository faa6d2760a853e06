"""What keeps cases from the server, and when each is tried again: for ever, but not always soon."""

import logging

from tm_tui.clock import Clock
from tm_tui.errors import TmError
from tm_tui.link.trying_again import Subject, meaning_of
from tm_tui.retry import Chance, Retry, code_of

__all__ = ["Troubles"]

_log = logging.getLogger(__name__)


class Troubles:
    """What failed: the way, which counts for all cases, or one case alone, by its number."""

    def __init__(self, clock: Clock, chance: Chance) -> None:
        self._clock, self._chance = clock, chance
        self.way = self._retry()
        self._of: dict[int, Retry] = {}

    def _retry(self) -> Retry:
        return Retry(self._clock, self._chance, log=_log, disk="cases")

    def forget(self) -> None:
        """What failed before may work now."""
        self.way.forget()
        self._of = {}

    def keep(self, numbers: set[int]) -> None:
        """Only these have something left to do."""
        self._of = {number: retry for number, retry in self._of.items() if number in numbers}
        if not numbers and not self.way.paused:
            self.way.forget()

    def over(self, number: int) -> None:
        """This one came through."""
        self.way.succeeded()
        self._of.pop(number, None)

    def met(self, number: int, problem: TmError, *, moved: bool) -> None:
        """Note a failure, of this case or of the way for all.

        `moved`: something came through before it, so that waits begin anew.
        """
        alone = Subject.CASE in meaning_of(code_of(problem)).alone
        retry = self._of.setdefault(number, self._retry()) if alone else self.way
        if moved:
            retry.moved()
        if alone:
            self.way.succeeded()
        retry.failed(problem, f"Case {number} is not uploaded yet")

    def any(self) -> bool:
        """Whether something waits for another try."""
        return self.next() is not None

    def get(self, number: int) -> Retry | None:
        """What keeps one case that is to be sent."""
        return self._of.get(number) or (self.way if self.way.last is not None else None)

    def next(self) -> Retry | None:
        """What is tried again first."""
        failed = [retry for retry in (self.way, *self._of.values()) if retry.last is not None]
        return min(failed, key=lambda retry: retry.again, default=None)

    def wait(self, number: int) -> float:
        """Seconds until a case may be tried; 0 now."""
        own = self._of.get(number)
        return max(self.way.left(), 0.0 if own is None else own.left())

    def soonest(self) -> float | None:
        """Seconds until something may be tried again; None when nothing waits."""
        if left := self.way.left():
            return left
        return min((retry.left() for retry in self._of.values()), default=None)
