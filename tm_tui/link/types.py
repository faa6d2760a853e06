"""What describes a way to a server, before anything is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Union

from pydantic import SecretStr

if TYPE_CHECKING:
    from datetime import date

    from tm_tui.link.host_keys import HostKey, Trust

__all__ = [
    "Credentials",
    "Endpoint",
    "Fact",
    "Limits",
    "Link",
    "Observer",
    "Proxy",
    "ShownCertificate",
    "unobserved",
]


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """What a server's certificate says, safe to show; `until` is the last day of its validity (UTC)."""

    tls: str
    issuer: str
    names: str
    until: "date"
    anchor: str
    """Words about the authority that was found; empty if there is nothing to say."""

    def words(self, left: str = "") -> str:
        """Say it; what is `left` of the validity stands behind its last day."""
        told = f"{self.tls}, issued by {self.issuer}, for {self.names}, valid to {self.until}"
        return f"{told}{left}{self.anchor}"

    def __str__(self) -> str:
        """All of it."""
        return self.words()


Fact = Union[str, ShownCertificate, "HostKey"]
"""What is told of a stage: words, or the value that the server showed."""
Observer = Callable[[str, str, Fact], None]
"""Told (stage, "started" | "passed", fact) as a way is opened. A failure comes as LinkFailure instead."""


def unobserved(stage: str, outcome: str, detail: Fact) -> None:
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
