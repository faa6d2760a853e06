"""When the time of an unattended console is over."""

from dataclasses import dataclass

__all__ = ["Unattended"]

_WARN_SECONDS = 60.0


@dataclass(slots=True)
class Unattended:
    """Counts the seconds without a key; `since` is a moment of a clock that suspend does not stop."""

    since: float

    def left(self, minutes: int, now: float) -> float | None:
        """Seconds until the logout; None when there is none."""
        return minutes * 60.0 - (now - self.since) if minutes else None

    def warns(self, minutes: int, now: float) -> float | None:
        """Seconds until the logout, when that is soon enough to say so; half of a single minute is."""
        left = self.left(minutes, now)
        return left if left is not None and left <= min(_WARN_SECONDS, minutes * 30.0) else None
