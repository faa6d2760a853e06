"""What describes a way to a server, before anything is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import SecretStr

if TYPE_CHECKING:
    from tm_tui.link.trust import Trust

__all__ = ["Credentials", "Endpoint", "Limits", "Link", "Observer", "Proxy", "unobserved"]

Observer = Callable[[str, str, str], None]
"""Told (stage, "started" | "passed", detail) as a way is opened. A failure comes as LinkFailure instead."""


def unobserved(stage: str, outcome: str, detail: str) -> None:
    """Look away: the observer of those who do not watch."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host (checked: IP address without brackets or A-labels) and its port."""

    host: str
    port: int

    @property
    def authority(self) -> str:
        """`host:port` as in a URL, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def bracketed(self) -> str:
        """`[host]:port`, as host keys are filed."""
        return f"[{self.host}]:{self.port}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and its password; `repr` does not show the password."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy on the way, and what it asks for."""

    type: Literal["http", "https", "socks4", "socks5"]
    endpoint: Endpoint
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds after which a stage is given up, so that nothing waits for ever.

    `transfer` is for an answer that may be long: a report, or a list. `kept` is the age at which a kept
    connection gets no more requests: the next one asks for the server's address anew, which may have moved.
    """

    connect: float = 10.0
    handshake: float = 10.0
    login: float = 15.0
    reply: float = 20.0
    transfer: float = 30.0
    keepalive: float = 15.0
    kept: float = 120.0


@dataclass(frozen=True, slots=True)
class Link:
    """A way to a server: who it is, credentials, the proxy between, whom to believe, how long to wait."""

    endpoint: Endpoint
    credentials: Credentials | None
    proxy: Proxy | None
    trust: "Trust"
    limits: Limits = Limits()
