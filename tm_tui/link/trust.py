"""Whom the appliance believes: the system's authorities, the admin's CA file, and approved SSH host keys."""

import ssl
from typing import TYPE_CHECKING

import truststore

from tm_tui.errors import TmError
from tm_tui.link.host_keys import HostKeys
from tm_tui.text import safe_text

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["Trust", "check_ca"]

_MOST_BYTES = 1 << 20
_REMEDY = "Choose a PEM file with the certificate of the authority that issued your server's certificate."


class Trust:
    """Verification is always on: this only says against what. `ca_pem` adds authorities to the system's."""

    def __init__(self, ca_pem: str | None, host_keys: HostKeys) -> None:
        self.ca_pem = ca_pem
        self.host_keys = host_keys

    def tls_context(self) -> ssl.SSLContext:
        """A client context: TLS 1.2 at least, name and chain checked. Raises TmError on a CA that is none."""
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ca_pem:
            try:
                context.load_verify_locations(cadata=self.ca_pem)
            except (ssl.SSLError, ValueError):
                raise TmError("The CA file holds no usable certificate.", _REMEDY) from None
        return context

    def authorities(self) -> tuple[str, ...]:
        """One line an authority of the CA file: subject, expiry, SHA-256. Empty without a CA file."""
        return check_ca(self.ca_pem) if self.ca_pem else ()


def check_ca(pem: str) -> tuple[str, ...]:
    """Describe the authorities in a PEM text, one line each: subject, expiry, SHA-256 fingerprint.

    Raises TmError when there is none, one is no authority's, or a private key lies in the file.
    """
    from cryptography import x509

    if "PRIVATE KEY-----" in pem:
        raise TmError("The CA file holds a private key, which does not belong on this appliance.", _REMEDY)
    if len(pem) > _MOST_BYTES:
        raise TmError("The CA file is larger than 1 MB.", _REMEDY)
    try:
        found = x509.load_pem_x509_certificates(pem.encode("ascii"))
    except ValueError:  # UnicodeEncodeError too
        raise TmError("The CA file holds no certificate in PEM form.", _REMEDY) from None
    return tuple(_describe(certificate) for certificate in found)


def _describe(certificate: "x509.Certificate") -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    subject = safe_text(certificate.subject.rfc4514_string(), 120)
    try:
        is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        is_ca = False
    # OpenSSL also accepts a self-issued server certificate that is itself filed as trusted.
    if not is_ca and certificate.subject != certificate.issuer:
        raise TmError(f"The certificate of {subject} in the CA file is no authority's.", _REMEDY)
    digest = certificate.fingerprint(SHA256()).hex(":").upper()
    return f"{subject}, valid to {certificate.not_valid_after_utc:%Y-%m-%d}, SHA-256 {digest}"
