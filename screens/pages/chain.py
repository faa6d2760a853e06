"""What a server showed of itself in TLS, in lines that two people can compare."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from screens.desk.ages import clock_time
from tm_tui.spoken import count

if TYPE_CHECKING:
    from tm_tui.api.agent import CertificateInfo, ServerIdentity

__all__ = ["certificate_lines", "chain_lines", "verified"]

_HALF = 48
"""Characters of a SHA-256 in pairs of digits that stand on one line: sixteen pairs."""


def verified(server: "ServerIdentity") -> str:
    """How a server is verified, in a few words."""
    if server.verified_by == "ssh":
        return "by its SSH host key"
    if server.seen_at is None:
        return "by TLS, not seen yet"
    return f"by TLS, {count(len(server.chain), 'certificate')} (Enter)"


def chain_lines(server: "ServerIdentity") -> list[str]:
    """Each certificate, the server's own first; who issued it stands below it."""
    if server.verified_by == "ssh":
        return ["This server is verified by its SSH host key, which stands among the approved ones."]
    if server.seen_at is None:
        return [
            "No TLS connection to this server was verified since the agent began.",
            "A connection test (F3 on the TMSP form) makes one, or says what is wrong.",
        ]
    lines = [f"Verified at {clock_time(server.seen_at)}:"]
    for certificate in server.chain:
        lines += certificate_lines(certificate)
    return [*lines, f"issued by {server.chain[-1].issuer}"] if server.chain else lines


def certificate_lines(certificate: "CertificateInfo") -> Iterator[str]:
    """Whose it is, until when, and the whole fingerprint, in groups as it is read out."""
    yield certificate.subject
    if certificate.not_before is None or certificate.not_after is None:
        yield "  SHA-256"
    else:
        yield f"  valid from {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}, SHA-256"
    yield f"  {certificate.sha256[:_HALF].rstrip(':')}"
    yield f"  {certificate.sha256[_HALF:]}"
