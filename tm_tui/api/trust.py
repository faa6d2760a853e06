"""Shapes of the control socket about whom the appliance trusts, and what servers show of themselves."""

from datetime import datetime
from typing import Annotated, Literal

from tm_tui.api.shapes import Shape, Unreadable
from tm_tui.text import SafeText
from tm_tui.values import Bounds, Moment

__all__ = ["CertificateInfo", "HostKeyInfo", "ServerIdentity", "TrustDocument"]


class HostKeyInfo(Shape, kw_only=True):
    """A host key to look at. `endpoint` is `[host]:port`, `fingerprint` is `SHA256:...`."""

    endpoint: SafeText
    algorithm: SafeText
    fingerprint: SafeText
    state: Literal["approved", "unknown", "changed", "new-type"]


class CertificateInfo(Shape, kw_only=True):
    """One certificate: of a chain, as it was verified, or of the CA file.

    One that cannot be read has no moments, and its subject says so.
    """

    subject: SafeText
    issuer: SafeText
    not_before: datetime | None
    not_after: datetime | None
    """As it stands there, however far away; shown as the day, without another zone."""
    sha256: SafeText


class ServerIdentity(Shape, kw_only=True):
    """A server of the settings in force, and the chain that it showed at the last verified connection."""

    server: Literal["log_server", "status_server"]
    endpoint: SafeText
    verified_by: Literal["tls", "ssh"]
    seen_at: Moment | None = None
    """None: no verified TLS connection since the agent began."""
    chain: tuple[CertificateInfo, ...] = ()
    """The server's own certificate first."""


class TrustDocument(Shape, kw_only=True):
    """Whom the appliance trusts beside the system's authorities."""

    ca_file: SafeText
    authorities: tuple[CertificateInfo, ...]
    """Those of the CA file."""
    host_keys: tuple[HostKeyInfo, ...]
    servers: tuple[ServerIdentity, ...] = ()
    unreadable: Annotated[tuple[Unreadable, ...], Bounds(0, 1000)] = ()
    """Lines of the file of host keys that are none. While there is one, no server is verified by it."""
