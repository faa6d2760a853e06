"""What was delivered, counted as it happens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tm_tui.clock import Clock
from tm_tui.delivery.status import Progress
from tm_tui.spool.batch import Batch

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Tally"]


class Tally:
    """The counters behind `DeliveryStatus`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.last_at: datetime | None = None
        self._last: float | None = None
        self.delivered_batches = self.delivered_events = 0
        self.upto = 0
        """The greatest `seq` of the batches that the sending under way is about."""
        self._goal = (0, 0, 0)
        self._done = (0, 0, 0)
        self._part = 0

    def begin(self, batches: Sequence[Batch]) -> None:
        """A session starts that is about these batches."""
        self.upto = max(batch.last for batch in batches)
        self._goal = (len(batches), sum(one.events for one in batches), sum(one.bytes for one in batches))
        self._done, self._part = (0, 0, 0), 0

    def sent(self, size: int) -> None:
        """Bytes of the batch under way went out."""
        self._part += size

    def delivered_one(self, batch: Batch) -> None:
        """A batch is confirmed."""
        batches, events, size = self._done
        self._done, self._part = (batches + 1, events + batch.events, size + batch.bytes), 0
        self.delivered_batches += 1
        self.delivered_events += batch.events
        self.last_at, self._last = self._clock.now(), self._clock.monotonic()

    def last_age(self) -> float | None:
        """Seconds since the last batch was confirmed, whatever was done to the wall clock since."""
        return None if self._last is None else self._clock.monotonic() - self._last

    def delivered(self) -> tuple[int, int]:
        """Batches and events since the start."""
        return self.delivered_batches, self.delivered_events

    def since(self, before: tuple[int, int]) -> tuple[int, int]:
        """Batches and events since `before`."""
        return self.delivered_batches - before[0], self.delivered_events - before[1]

    def progress(self) -> Progress:
        """How far the session has come."""
        (batches, events, size), goal = self._done, self._goal
        return Progress(
            batches,
            max(goal[0], batches),
            events,
            max(goal[1], events),
            min(size + self._part, goal[2]),
            goal[2],
        )
