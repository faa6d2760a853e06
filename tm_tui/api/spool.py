"""What the log queue says over the control socket: frozen shapes, beside those of api/agent.py."""

from typing import Annotated, Literal

from tm_tui.api.shapes import LastFailure, Shape
from tm_tui.text import SafeText
from tm_tui.values import Bounds, Count, Moment, Number

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


class RejectedLine(Shape, kw_only=True):
    """A line that was not taken; lines count from 1 in what was sent."""

    line: Count
    reason: SafeText


class IntakeReply(Shape, kw_only=True):
    """The answer to POST /v1/events. At most 1,000 rejections are told one by one."""

    accepted: Count
    rejected: tuple[RejectedLine, ...] = ()
    rejected_more: Count = 0
    not_taken_from: Count | None = None
    """The disk or the queue refused this line and all after it; those before were taken or rejected."""


class BatchInfo(Shape, kw_only=True):
    """A sealed batch. Bytes are those of its file."""

    name: SafeText
    kind: SafeText
    events: Count
    bytes: Count
    sealed_at: Moment


class KindInfo(Shape, kw_only=True):
    """What waits of one kind of log."""

    kind: SafeText
    events: Count
    bytes: Count
    batches: Count


class ProgressInfo(Shape, kw_only=True):
    """How far the sending under way has come."""

    batches_done: Count
    batches: Count
    events_done: Count
    events: Count
    bytes_done: Count
    bytes: Count


class DeliveryInfo(Shape, kw_only=True):
    """How delivery stands. `paused` ends with new settings, POST /v1/spool/send, a beat, an hour."""

    state: DeliveryState
    last_delivery_at: Moment | None = None
    last_delivery_age_seconds: Number | None = None
    next_delivery_in_seconds: Number | None = None
    last_failure: LastFailure | None = None
    progress: ProgressInfo | None = None
    delivered_batches: Count = 0
    delivered_events: Count = 0


class SpoolDocument(Shape, kw_only=True):
    """The answer to GET /v1/spool. At most 1,000 batches are listed, the oldest ones."""

    events: Count
    bytes: Count
    limit_bytes: Count
    limit_age_seconds: Number
    full_percent: Count
    oldest_age_seconds: Number | None
    accepted: Count
    """Events ever accepted."""
    lost: Count
    """Events that damage to the disk has cost, ever."""
    refusal: SafeText | None
    """Why nothing is accepted now."""
    alerts: tuple[SafeText, ...]
    kinds: tuple[KindInfo, ...]
    batches: Annotated[tuple[BatchInfo, ...], Bounds(0, 1000)]
    delivery: DeliveryInfo


class SendReply(Shape, kw_only=True):
    """`done` false: ask again for this number (GET /v1/spool/send/NUMBER waits up to 25 s)."""

    number: Count
    done: bool
    batches: Count = 0
    events: Count = 0
    failure: LastFailure | None = None
