"""Certificates in words that an admin can compare."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tm_tui.text import safe_text

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["Certificate", "read_certificate"]

_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is in a certificate that matters to an admin. The moments are None where it cannot be read."""

    subject: str
    issuer: str
    not_before: datetime | None
    not_after: datetime | None
    fingerprint: str
    """SHA-256 as pairs of hex digits."""
    issues: bool
    """Whether it may stand for an authority: it says so, or it vouches for itself."""
    self_issued: bool


def read_certificate(der: bytes) -> Certificate:
    """Read one. What OpenSSL takes and this library does not is told as such, by its fingerprint."""
    from cryptography import x509

    fingerprint = hashlib.sha256(der).hexdigest().upper()
    pairs = ":".join(fingerprint[at : at + 2] for at in range(0, len(fingerprint), 2))
    try:
        found = x509.load_der_x509_certificate(der)
        self_issued = found.subject == found.issuer
        return Certificate(
            subject=safe_text(found.subject.rfc4514_string() or "no subject", _LONGEST),
            issuer=safe_text(found.issuer.rfc4514_string() or "no issuer", _LONGEST),
            not_before=found.not_valid_before_utc,
            not_after=found.not_valid_after_utc,
            fingerprint=pairs,
            issues=self_issued or _is_authority(found),
            self_issued=self_issued,
        )
    except (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension):
        unreadable = "a certificate that cannot be read"
        return Certificate(unreadable, "unknown", None, None, pairs, issues=False, self_issued=False)


def _is_authority(certificate: "x509.Certificate") -> bool:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
