"""When the next beat is due: a grid on the monotonic clock, which no round trip and no other work shifts."""

from tm_tui.retry import Chance, spread

__all__ = ["BeatSchedule"]

_JITTER = 0.1


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

    def failed(self, wait: float, now: float, asked: float = 0.0) -> None:
        """Plan the next beat after a failure: `wait` later, and not before the server `asked` for it."""
        self.due = max(self.due + wait, now + asked)
