"""What delivery shows of itself: frozen values, taken at one moment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tm_tui.api.shapes import LastFailure
from tm_tui.errors import TmError

__all__ = ["DeliveryStatus", "Outcome", "Progress", "State"]

State = Literal["idle", "sending", "retrying", "paused", "stopped"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the sending under way has come. Bytes are those of the batches' files."""

    batches_done: int
    batches: int
    events_done: int
    events: int
    bytes_done: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one "send now" came to: what was delivered, and what stopped it (None: nothing waits any more)."""

    batches: int
    events: int
    failure: TmError | None


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """Delivery at one moment. `paused` ends with new settings, a "send now", an accepted beat, or an hour."""

    state: State
    last_delivery_at: datetime | None
    last_delivery_age_seconds: float | None
    next_delivery_in_seconds: float | None
    last_failure: LastFailure | None
    progress: Progress | None
    delivered_batches: int
    delivered_events: int
    alerts: tuple[str, ...]
