"""How much of the control socket one user, and all users of a role, may have."""

import resource
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

from tm_tui.serving.peers import Role

__all__ = ["Limits", "Patience", "Share"]

_PART = 4
"""Connections take at most this part of the descriptors; the others are for the agent's own work."""


@dataclass(frozen=True, slots=True)
class Share:
    """Most connections at once: of one user, and of all users of the role."""

    a_user: int
    in_all: int


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a connection of a role may take before it is ended."""

    request: float
    """From its first moment, or from the last answer, until a request is whole (until its body begins, for
    `write`)."""
    body: float | None
    """Without `body_bytes` of the body; None: the body counts to the request."""
    unread: float
    """With something unread, and nothing of it read."""
    idle: float | None = None
    """Until the first byte of the next request, which begins `request`; None: that counts to `request`."""
    body_bytes: int = 1
    """What must come of the body in `body`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a control socket. `look_seconds` is how often the time limits are looked after."""

    shares: Mapping[Role, Share] = field(
        default_factory=lambda: MappingProxyType({"read": Share(40, 120), "write": Share(100, 160)})
    )
    patience: Mapping[Role, Patience] = field(
        default_factory=lambda: MappingProxyType(
            {"read": Patience(10.0, None, 30.0), "write": Patience(10.0, 60.0, 300.0)}
        )
    )
    look_seconds: float = 2.5
    rate_a_user: float = 100.0
    """Connections, requests and events of streams a second, of one user who may only look."""
    rate_in_all: float = 200.0
    burst: int = 20
    most_delay: float = 1.0
    """Seconds that one of these is held back at most; beyond that a connection is refused."""

    @classmethod
    def of_process(cls) -> Self:
        """What the soft limit of descriptors of this process allows."""
        return cls().within(resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    def within(self, descriptors: int) -> Self:
        """Shares that leave most of so many descriptors to the agent's own work (-1: no limit)."""
        wanted = sum(share.in_all for share in self.shares.values()) * _PART
        if descriptors < 0 or descriptors >= wanted:
            return self
        part = descriptors / wanted
        less = {
            role: Share(max(1, int(share.a_user * part)), max(1, int(share.in_all * part)))
            for role, share in self.shares.items()
        }
        return replace(self, shares=MappingProxyType(less))
