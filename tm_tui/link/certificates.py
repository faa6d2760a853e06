"""Certificates in words that an admin can compare."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from tm_tui.text import safe_text

__all__ = ["Certificate", "read_certificate"]

_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is in a certificate that matters to an admin."""

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    fingerprint: str
    """SHA-256 as pairs of hex digits."""


def read_certificate(der: bytes) -> Certificate | None:
    """Read one; None for what OpenSSL takes and this library does not."""
    try:
        found = x509.load_der_x509_certificate(der)
        return Certificate(
            subject=safe_text(found.subject.rfc4514_string() or "no subject", _LONGEST),
            issuer=safe_text(found.issuer.rfc4514_string() or "no issuer", _LONGEST),
            not_before=found.not_valid_before_utc,
            not_after=found.not_valid_after_utc,
            fingerprint=found.fingerprint(SHA256()).hex(":").upper(),
        )
    except ValueError:
        return None
