"""The JSON bodies of the TMSP link protocol, version 1 (docs/protocol.md), shared with the portal."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tm_tui.status_server.versions import PROTOCOL
from tm_tui.text import SafeText
from tm_tui.values import Amount, Count, Moment

__all__ = [
    "APPLIANCE_PATTERN",
    "MOST_NOTICES",
    "Appliance",
    "HeartbeatReply",
    "HeartbeatRequest",
    "Notice",
    "RegistrationReply",
    "RegistrationRequest",
]

APPLIANCE_PATTERN = r"[a-z0-9][a-z0-9-]{2,62}"
"""How an appliance may be named: it is a folder on the log server."""

MOST_NOTICES = 100
"""In one reply to a beat."""

Instance = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{0,64}\z")]
"""Chosen by an agent at each start. Two machines with one identity are told apart by it; empty: not told."""

Protocol = Annotated[int, Field(ge=1, le=9999)]
"""The version of the link protocol that the sender speaks; a body without it is of version 1."""

Appliance = Annotated[str, Field(pattern=rf"^{APPLIANCE_PATTERN}\z")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class RegistrationRequest(_Body):
    """POST /v1/registration. Idempotent: the same appliance may register again with other values."""

    appliance: Appliance
    product: Literal["Threat Mitigator"] = "Threat Mitigator"
    version: SafeText
    protocol: Protocol = PROTOCOL
    edition: Literal["hosted", "on-premise"]
    email: SafeText = ""
    heartbeat_seconds: int = Field(ge=5, le=28800)
    instance: Instance = ""
    renew: bool = False
    """The admin switched sending on, or saved: an appliance that was removed is wanted back."""


class _Reply(_Body):
    """What a portal says of itself. One of before says nothing."""

    product: SafeText = ""
    version: SafeText = ""
    protocol: Protocol = PROTOCOL


class RegistrationReply(_Reply):
    """200 or 201."""

    appliance: Appliance
    registered_at: Moment
    server_time: Moment
    pattern_root: str | None = Field(default=None, max_length=1 << 16)
    """Root metadata (JSON text) by which patterns are verified; None: this portal issues no patterns."""


class HeartbeatRequest(_Body):
    """POST /v1/heartbeat. With `probe` it is checked in full and counts as nothing, registered or not."""

    appliance: Appliance
    product: Literal["Threat Mitigator"] = "Threat Mitigator"
    version: SafeText
    protocol: Protocol = PROTOCOL
    sent_at: Moment
    heartbeat_seconds: int = Field(ge=5, le=28800)
    revision: Count
    uptime_seconds: Amount
    waiting_events: Count = 0
    probe: bool = False
    instance: Instance = ""


class Notice(_Body):
    """What the status server announces: a pattern or a report to fetch."""

    kind: SafeText
    id: SafeText
    title: SafeText = ""


class HeartbeatReply(_Reply):
    """200. 404 says the appliance is not registered (any more), 410 that it was removed."""

    server_time: Moment
    notices: tuple[Notice, ...] = Field(default=(), max_length=MOST_NOTICES)
    clone: bool = False
    """Another machine beats under this appliance's identity."""
