"""The clock by which waiting events age: it counts how long the machine has run since the spool was made.

The wall clock may show 1970 until somebody sets it, or step by years; no event is too old for that. While the
machine is off nothing could have been delivered, so that time does not count either.
"""

from collections.abc import Callable

from tm_tui.clock import boot_id
from tm_tui.spool.marks import Kept, Newest

__all__ = ["AgeClock"]


class AgeClock:
    """Milliseconds that never step, kept through restarts beside the newest number.

    `monotonic` gives seconds of this boot, `boot` names it. `oldest` is the reading at which the oldest event
    that waits was accepted: with nothing kept, the clock goes on from there, as if all had just come.
    """

    def __init__(
        self, newest: Newest, monotonic: Callable[[], float], oldest: int | None, boot: str | None = None
    ) -> None:
        self._newest, self._monotonic = newest, monotonic
        self._boot = (boot_id() if boot is None else boot) or "unknown"
        kept, now = newest.kept, self._now()
        self._began, self._at = kept.age if kept.boot else oldest or 0, now
        if kept.boot == self._boot and kept.monotonic <= now:
            self._at = kept.monotonic

    def now(self) -> int:
        """The reading of this moment."""
        return self._reading(self._now())

    def _reading(self, now: int) -> int:
        return self._began + max(0, now - self._at)

    def keep(self, number: int | None = None) -> None:
        """Note it, with the newest event's number if there is a newer one."""
        kept, now = self._newest.kept, self._now()
        number = kept.number if number is None else number
        self._newest.note(Kept(number, self._reading(now), now, self._boot))

    def _now(self) -> int:
        return round(self._monotonic() * 1000)
