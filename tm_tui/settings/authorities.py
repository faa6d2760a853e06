"""Certificates in words that an admin can compare, and the admin's CA file: judged when it is set.

It is kept with the revision. These rules are the only ones.
"""

import hashlib
import os
import re
import ssl
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tm_tui.atomic import opened, read_all, storage_failure
from tm_tui.errors import Problem, SettingsRefused, StorageFailed
from tm_tui.text import safe_text

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["Certificate", "authorities_in", "read_authorities", "read_certificate"]

_LONGEST = 120

_FIELD = "trust.ca_file"
_MOST_BYTES = 1 << 20
_BEGIN = "-----BEGIN CERTIFICATE-----"
_CERTIFICATE = re.compile(_BEGIN + r"[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_REMEDY = "Choose a PEM file with the certificates of your authorities."
_CONVERT = "Convert it, then choose the result: `{}`."
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_OIDS = {  # DER of the content types of PKCS #7 (RFC 2315); PKCS #12 (RFC 7292) holds one as well
    b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02": (
        "a PKCS #7 bundle in binary form",
        "openssl pkcs7 -inform DER -print_certs -in {0} -out ca.pem",
    ),
    b"\x02\x01\x03\x30": ("a PKCS #12 store", "openssl pkcs12 -cacerts -nokeys -in {0} -out ca.pem"),
}
_LABELS = {
    "PKCS7": ("a PKCS #7 bundle", "openssl pkcs7 -print_certs -in {0} -out ca.pem"),
    "TRUSTED CERTIFICATE": ("a certificate in OpenSSL's own form", "openssl x509 -in {0} -out ca.pem"),
    "X509 CERTIFICATE": ("a certificate with an outdated label", "openssl x509 -in {0} -out ca.pem"),
}
_OTHERS = {
    "CERTIFICATE REQUEST": "a request for a certificate, not a certificate",
    "NEW CERTIFICATE REQUEST": "a request for a certificate, not a certificate",
    "X509 CRL": "a list of revoked certificates",
    "PUBLIC KEY": "a bare public key",
    "SSH2 PUBLIC KEY": "an SSH key",
}


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


def _refused(cause: str, remedy: str = _REMEDY) -> SettingsRefused:
    return SettingsRefused((Problem(_FIELD, cause, remedy),))


def read_authorities(ca_file: str) -> str:
    """Return the PEM blocks of the certificates in `ca_file`, all else dropped.

    Raises StorageFailed if it cannot be read; SettingsRefused if it is of another form, holds no whole
    certificate, a private key, or a server's certificate that others issued.
    """
    shown = safe_text(ca_file)
    text = _text(_read(Path(ca_file)), shown)
    if "PRIVATE KEY-----" in text:
        raise _refused(f"There is a private key in {shown}, which does not belong on this appliance.")
    blocks = _CERTIFICATE.findall(text)
    if not blocks:
        raise _of_another_form(text, shown)
    if len(blocks) != text.count(_BEGIN):
        raise _refused(f"There is no whole PEM certificate in {shown}.")
    pem = "\n".join(blocks) + "\n"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        raise _refused(f"A certificate in {shown} cannot be read.") from None
    for found in authorities_in(pem):
        if found.not_after is None:
            raise _refused(f"A certificate in {shown} cannot be read.")
        if not found.issues:
            raise _refused(
                f"The certificate of {found.subject} in {shown} is a server's and no authority's.",
                f"Choose the certificate of {found.issuer}, which issued it.",
            )
    return pem


def authorities_in(pem: str) -> tuple[Certificate, ...]:
    """The certificates of a text that `read_authorities` returned, whatever is in them."""
    found = []
    for block in _CERTIFICATE.findall(pem):
        try:
            found.append(read_certificate(ssl.PEM_cert_to_DER_cert(block)))
        except ValueError:  # no base64 between the lines
            found.append(read_certificate(block.encode()))
    return tuple(found)


def _text(data: bytes, shown: str) -> str:
    """The file as text; another form than text is named, with the command that converts it."""
    if data.startswith(_UTF16) or b"-\0-\0-\0" in data:
        raise _refused(
            f"{shown} is text in UTF-16, not in UTF-8.",
            _CONVERT.format(f"iconv -f UTF-16 -t UTF-8 {shown} >ca.pem"),
        )
    if data.startswith(b"\x30") and b"-----BEGIN" not in data:  # a DER sequence (X.690)
        for oid, (form, command) in _OIDS.items():
            if oid in data[:40]:
                raise _refused(f"{shown} is {form}, not PEM.", _CONVERT.format(command.format(shown)))
        command = f"openssl x509 -inform DER -in {shown} -out ca.pem"
        raise _refused(f"{shown} is in binary form (DER), not PEM.", _CONVERT.format(command))
    if data.startswith(b"\xfe\xed\xfe\xed"):
        command = f"keytool -exportcert -rfc -keystore {shown} -alias NAME -file ca.pem"
        raise _refused(f"{shown} is a Java keystore, not PEM.", _CONVERT.format(command))
    return data.decode("utf-8-sig", "replace")


def _of_another_form(text: str, shown: str) -> SettingsRefused:
    """Say what a text without a certificate is, if that can be known."""
    found = re.search(r"-----BEGIN ([A-Z0-9 ]{1,40})-----", text)
    label = found[1] if found else ""
    if label in _LABELS:
        form, command = _LABELS[label]
        return _refused(f"{shown} is {form}, not PEM.", _CONVERT.format(command.format(shown)))
    if label in _OTHERS:
        return _refused(f"{shown} is {_OTHERS[label]}.")
    if re.fullmatch(r"\s*MI[A-Za-z0-9+/=\s]+", text):
        return _refused(
            f"{shown} has no BEGIN line, only what stands below it.",
            f"Add the line {_BEGIN} before it, and the END line after it.",
        )
    return _refused(f"There is no whole PEM certificate in {shown}.")


def _read(path: Path) -> bytes:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        with opened(path, flags) as descriptor:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise StorageFailed(f"{safe_text(str(path))} is no regular file.", _REMEDY)
            data = read_all(descriptor, _MOST_BYTES)
    except OSError as error:
        raise storage_failure(path, error) from None
    if len(data) > _MOST_BYTES:
        raise _refused(f"{safe_text(str(path))} has more than {_MOST_BYTES} bytes.")
    return data
