"""The JSON bodies of the TMSP link protocol, version 1 (docs/protocol.md), shared with the portal.

Which versions work together is what both sides tell at registration and beats (docs/protocol.md, "Versions").
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tm_tui.text import SafeText, safe_text
from tm_tui.values import Amount, Count, Moment

__all__ = [
    "APPLIANCE_PATTERN",
    "MOST_NOTICES",
    "OLDEST_AGENT",
    "PORTAL_PRODUCT",
    "PRODUCT",
    "PROTOCOL",
    "VERSION_REFUSED",
    "Appliance",
    "HeartbeatReply",
    "HeartbeatRequest",
    "Notice",
    "PortalVersion",
    "RegistrationReply",
    "RegistrationRequest",
    "is_older",
    "portal_version",
]

PRODUCT = "Threat Mitigator"
"""What an appliance calls itself."""
PORTAL_PRODUCT = "Threat Management Services Portal"
"""What the reference portal calls itself."""
PROTOCOL = 1
"""The version of the link protocol that both speak."""
OLDEST_AGENT = "0.1"
"""The oldest version of the agent that the reference portal takes."""
VERSION_REFUSED = "version-refused"
"""The code of a refusal for a version, whatever its status (426 at the reference portal)."""

_NUMBERS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,3}", re.ASCII)
_MOST = 80

APPLIANCE_PATTERN = r"[a-z0-9][a-z0-9-]{2,62}"
"""How an appliance may be named: it is a folder on the log server."""

MOST_NOTICES = 100
"""In one reply to a beat."""

Instance = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{0,64}\z")]
"""Chosen by an agent at each start. Two machines with one identity are told apart by it; empty: not told."""

Protocol = Annotated[int, Field(ge=1, le=9999)]
"""The version of the link protocol that the sender speaks; a body without it is of version 1."""

Appliance = Annotated[str, Field(pattern=rf"^{APPLIANCE_PATTERN}\z")]


@dataclass(frozen=True, slots=True)
class PortalVersion:
    """What a portal said of itself. A `protocol` of None was not told: then it is that of the path."""

    product: str
    version: str
    protocol: int | None

    @property
    def fits(self) -> bool:
        """Whether this agent speaks the portal's version of the protocol."""
        return self.protocol in {None, PROTOCOL}


def portal_version(told: dict[str, Any]) -> PortalVersion | None:
    """Read it in a reply; None where the portal says nothing, as portals of before. Never raises."""
    product, version, protocol = (told.get(name) for name in ("product", "version", "protocol"))
    found = PortalVersion(
        safe_text(product, _MOST) if isinstance(product, str) else "",
        safe_text(version, _MOST) if isinstance(version, str) else "",
        protocol if type(protocol) is int and 0 < protocol < 10_000 else None,
    )
    return found if found != PortalVersion("", "", None) else None


def is_older(version: str, oldest: str) -> bool:
    """Whether a version, such as `0.1.0`, lies before another. One that has no numbers does not."""
    found = _NUMBERS.match(version)
    return found is not None and _numbers(found[0]) < _numbers(oldest)


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in version.split(".")]
    return tuple(numbers + [0] * (4 - len(numbers)))


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
