"""What the log queue says over the control socket: frozen shapes, beside those of control/api.py."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from tm_tui.control.shapes import LastFailure, Shape
from tm_tui.text import SafeText

__all__ = [
    "BatchInfo",
    "DeliveryInfo",
    "DeliveryState",
    "IntakeReply",
    "KindInfo",
    "ProgressInfo",
    "RejectedLine",
    "SendReply",
    "SpoolDocument",
]


DeliveryState = Literal["disabled", "idle", "sending", "retrying", "paused", "stopped"]


class RejectedLine(Shape):
    """A line that was not taken; lines count from 1 in what was sent."""

    line: int
    reason: SafeText


class IntakeReply(Shape):
    """The answer to POST /v1/events. At most 1,000 rejections are told one by one."""

    accepted: int
    rejected: tuple[RejectedLine, ...] = ()
    rejected_more: int = 0


class BatchInfo(Shape):
    """A sealed batch. Bytes are those of its file."""

    name: str
    kind: str
    events: int
    bytes: int
    sealed_at: datetime


class KindInfo(Shape):
    """What waits of one kind of log."""

    kind: str
    events: int
    bytes: int
    batches: int


class ProgressInfo(Shape):
    """How far the sending under way has come."""

    model_config = ConfigDict(from_attributes=True)

    batches_done: int
    batches: int
    events_done: int
    events: int
    bytes_done: int
    bytes: int


class DeliveryInfo(Shape):
    """How delivery stands. `paused` ends with new settings or POST /v1/spool/send."""

    state: DeliveryState
    last_delivery_at: datetime | None = None
    last_delivery_age_seconds: float | None = None
    next_delivery_in_seconds: float | None = None
    last_failure: LastFailure | None = None
    progress: ProgressInfo | None = None
    delivered_batches: int = 0
    delivered_events: int = 0


class SpoolDocument(Shape):
    """The answer to GET /v1/spool. At most 1,000 batches are listed, the oldest ones."""

    events: int
    bytes: int
    limit_bytes: int
    limit_age_seconds: float
    full_percent: int
    oldest_age_seconds: float | None
    accepted: int
    """Events ever accepted."""
    lost: int
    """Events that damage to the disk has cost, ever."""
    refusal: SafeText | None
    """Why nothing is accepted now."""
    alerts: tuple[SafeText, ...]
    kinds: tuple[KindInfo, ...]
    batches: tuple[BatchInfo, ...] = Field(max_length=1000)
    delivery: DeliveryInfo


class SendReply(Shape):
    """`done` false: ask again for this number (GET /v1/spool/send/NUMBER waits up to 25 s)."""

    number: int
    done: bool
    batches: int = 0
    events: int = 0
    failure: LastFailure | None = None
