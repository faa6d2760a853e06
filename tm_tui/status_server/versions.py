"""Which versions work together: what both sides tell at registration and beats, and whether it fits.

docs/protocol.md, "Versions".
"""

import re
from dataclasses import dataclass
from typing import Any

from tm_tui.text import safe_text

__all__ = [
    "OLDEST_AGENT",
    "PORTAL_PRODUCT",
    "PRODUCT",
    "PROTOCOL",
    "VERSION_REFUSED",
    "PortalVersion",
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
