"""How the two servers stand, as the snapshot says it: frozen shapes, beside those of api/agent.py."""

from enum import StrEnum

from tm_tui.api.shapes import LastFailure, PortalInfo, Shape
from tm_tui.api.spool import DeliveryState, ProgressInfo
from tm_tui.text import SafeText
from tm_tui.values import Count, Moment, Number

__all__ = ["LogServerStatus", "ServerState", "StatusServerStatus"]


class ServerState(StrEnum):
    """How a server stands, in one word."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    FAILING = "failing"
    DISABLED = "disabled"
    UNREGISTERED = "unregistered"


class StatusServerStatus(Shape, kw_only=True):
    """Registration and heartbeats. Ages and waits are seconds at the moment of the snapshot."""

    state: ServerState
    registered_at: Moment | None = None
    """By the portal's clock. It outlives restarts and switching off, until the portal says otherwise."""
    switched_off_at: Moment | None = None
    """Set while sending to TMSP is switched off that was on before, with who did it."""
    switched_off_by: SafeText = ""
    removed_at: Moment | None = None
    """When the portal's operator removed the appliance, which stays so until its settings are saved."""
    portal: PortalInfo | None = None
    """None: it says nothing of itself, or has not answered yet."""
    beats_accepted: Count = 0
    beats_missed: Count = 0
    last_beat_at: Moment | None = None
    last_beat_age_seconds: Number | None = None
    next_beat_in_seconds: Number | None = None
    round_trip_ms: Number | None = None
    clock_skew_seconds: Number | None = None
    """The appliance's clock minus the server's; positive: the appliance is ahead."""
    last_failure: LastFailure | None = None


class LogServerStatus(Shape, kw_only=True):
    """Delivery of logs. `state` is connecting until the first delivery or check."""

    state: ServerState
    delivery: DeliveryState = "disabled"
    """What delivery does now; `paused` ends with new settings, POST /v1/spool/send, a beat, an hour."""
    progress: ProgressInfo | None = None
    last_delivery_at: Moment | None = None
    last_delivery_age_seconds: Number | None = None
    next_delivery_in_seconds: Number | None = None
    last_failure: LastFailure | None = None
