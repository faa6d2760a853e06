"""The portal's own authority, and the server certificate with the addresses of this portal."""

import ipaddress
import re
import secrets
import socket
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tm_tui.atomic import Folder, StorageAbsent
from tm_tui.errors import StorageFailed
from tm_tui.portal.home import PortalHome

__all__ = ["certificate_files", "ensure_certificate", "names_for"]

_MOST_PEM = 65536
_BACKDATED = timedelta(hours=1)
_AUTHORITY_DAYS = 7300
_SERVER_DAYS = 397
_RENEW_BEFORE = timedelta(days=30)
_DNS_NAME = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")


def certificate_files(home: PortalHome) -> tuple[Path, Path]:
    """Certificate and key of the servers (PEM)."""
    return home.path / "keys" / "server.pem", home.path / "keys" / "server.key"


def names_for(host: str, more: tuple[str, ...]) -> tuple[x509.GeneralName, ...]:
    """The alternative names: loopback, `host`, the machine's name, and `more` (addresses or names)."""
    found: dict[x509.GeneralName, None] = {}
    for name in ("127.0.0.1", "::1", "localhost", host, socket.gethostname(), *more):
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            if _DNS_NAME.fullmatch(name):
                found[x509.DNSName(name.lower())] = None
            continue
        if not address.is_unspecified:
            found[x509.IPAddress(address)] = None
    return tuple(found)


def ensure_certificate(home: PortalHome, names: tuple[x509.GeneralName, ...], now: datetime) -> bool:
    """Make authority and certificate where they are missing, near their end, or without one of `names`.

    A server's certificate that is not valid yet is made anew too: the clock was ahead when it was made.

    True if the server's certificate is new. Raises StorageFailed.
    """
    with Folder.open(home.path) as top, top.folder("keys") as keys, keys.locked():
        authority, key = _authority(top, keys, now)
        current = _read(keys, "server.pem")
        if current is not None and _keys_fit(keys) and _still_good(current, authority, names, now):
            return False
        server_key = ec.generate_private_key(ec.SECP256R1())
        certificate = _issued(server_key.public_key(), names, authority, key, now)
        keys.replace("server.key", _private_pem(server_key))
        keys.replace("server.pem", certificate.public_bytes(serialization.Encoding.PEM))
        return True


def _keys_fit(keys: Folder) -> bool:
    """Whether key and certificate belong together; a crash between the two writes parts them."""
    try:
        certificate = x509.load_pem_x509_certificate(keys.read("server.pem", _MOST_PEM))
        key = serialization.load_pem_private_key(keys.read("server.key", _MOST_PEM), None)
    except (StorageAbsent, ValueError):
        return False
    return certificate.public_key() == key.public_key()


def _read(folder: Folder, name: str) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(folder.read(name, _MOST_PEM))
    except StorageAbsent:
        return None
    except ValueError:
        cause = f"{folder.path / name} holds no certificate."
        raise StorageFailed(cause, "Restore it, or remove it to have a new one made.") from None


def _authority(
    top: Folder, keys: Folder, now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate = _read(top, "ca.pem")
    if certificate is None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _self_signed(key, now)
        keys.replace("ca.key", _private_pem(key))
        top.replace("ca.pem", certificate.public_bytes(serialization.Encoding.PEM))
        return certificate, key
    try:
        loaded = serialization.load_pem_private_key(keys.read("ca.key", _MOST_PEM), None)
    except ValueError:
        loaded = None
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.public_key() != certificate.public_key():
        cause = f"{keys.path / 'ca.key'} does not belong to {top.path / 'ca.pem'}."
        raise StorageFailed(cause, "Restore both, or remove both to have a new authority made.")
    return certificate, loaded


def _still_good(
    current: x509.Certificate,
    authority: x509.Certificate,
    names: tuple[x509.GeneralName, ...],
    now: datetime,
) -> bool:
    try:
        current.verify_directly_issued_by(authority)
        held = current.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    in_time = current.not_valid_before_utc <= now < current.not_valid_after_utc - _RENEW_BEFORE
    return in_time and set(names) <= set(held)


def _builder(
    subject: str, issuer: x509.Name | None, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer or name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    off = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    ) | dict.fromkeys(("encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **off)


def _self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    subject = f"tm-tui reference portal {secrets.token_hex(4)}"
    builder = _builder(subject, None, key.public_key(), now, _AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(_usage(authority=True), critical=True).sign(key, hashes.SHA256())


def _issued(
    key: ec.EllipticCurvePublicKey,
    names: tuple[x509.GeneralName, ...],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder("tm-tui portal server", authority.subject, key, now, _SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
