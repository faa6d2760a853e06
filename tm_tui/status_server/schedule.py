"""When the next beat is due: a grid on the monotonic clock, which no round trip and no other work shifts."""

from tm_tui.pace import Chance, spread

__all__ = ["LONGEST_BACKOFF", "BeatSchedule"]

LONGEST_BACKOFF = 600.0
"""Seconds: failures never make the beats rarer than this (but Retry-After may, up to an hour)."""
_JITTER = 0.1
_LONGEST_WAIT = 3600.0


class BeatSchedule:
    """The due moments of the beats, and how many of them passed without one. All in monotonic seconds.

    No exchange takes longer than `exchange`, so that a beat which is later than that waited for a suspend.
    """

    def __init__(self, interval: float, chance: Chance, now: float, exchange: float | None = None) -> None:
        self._interval = interval
        self._exchange = 0.8 * interval if exchange is None else exchange
        self._chance = chance
        self._previous: float | None = None
        self.due = now

    def begin(self, now: float) -> int:
        """Take the beat that is due now. Return how many came due since the last one and were not sent.

        So it is after a long backoff, or when the machine was suspended. Then the grid begins anew: on the
        old one the next beat would follow at once.
        """
        if now - self.due > self._exchange:
            self.due = now
        previous, self._previous = self._previous, self.due
        return 0 if previous is None else max(0, round((self.due - previous) / self._interval) - 1)

    def accepted(self) -> None:
        """Plan the next beat: the interval give or take a tenth, counted from when this one was due."""
        self.due += spread(self._interval, _JITTER, self._chance)

    def failed(self, failures: int, now: float, retry_after: float | None = None) -> None:
        """Plan the next beat after that many failures in a row: doubled each time, 600 s at most."""
        grown = self._interval * 2.0 ** min(failures - 1, 20)
        wait = min(LONGEST_BACKOFF, spread(min(LONGEST_BACKOFF, grown), _JITTER, self._chance))
        self.due += wait
        if retry_after is not None:
            self.due = max(self.due, now + min(_LONGEST_WAIT, retry_after))
