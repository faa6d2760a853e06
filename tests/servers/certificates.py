"""Certificates, good and bad: each bad one has exactly one thing wrong."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAMES = ("127.0.0.1", "::1", "localhost")
DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate chain and its key, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Certificates:
    """A private authority, and what it issued, by what is wrong with it."""

    authority: trustme.CA
    ca_pem: str
    ca_file: Path
    good: Pair
    bad: dict[str, Pair]


def _keep(folder: Path, name: str, leaf: trustme.LeafCert) -> Pair:
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    pair.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    pair.key.write_bytes(leaf.private_key_pem.bytes())
    return pair


def self_signed(folder: Path) -> Pair:
    """A certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pair = Pair(folder / "self-signed.pem", folder / "self-signed.key")
    pair.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pair.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return pair


def make(folder: Path) -> Certificates:
    """Make an authority and all certificates in `folder`."""
    authority = trustme.CA()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    now = datetime.datetime.now(datetime.UTC)
    bad = {
        "tls-expired": _keep(
            folder, "expired", authority.issue_cert(*NAMES, not_before=now - 9 * DAY, not_after=now - DAY)
        ),
        "tls-not-yet-valid": _keep(
            folder, "future", authority.issue_cert(*NAMES, not_before=now + DAY, not_after=now + 9 * DAY)
        ),
        "tls-wrong-name": _keep(folder, "other", authority.issue_cert("other.example.com", "192.0.2.1")),
        "tls-unknown-issuer": _keep(folder, "stranger", trustme.CA().issue_cert(*NAMES)),
        "tls-self-signed": self_signed(folder),
    }
    good = _keep(folder, "good", authority.issue_cert(*NAMES))
    return Certificates(authority, ca_file.read_text(), ca_file, good, bad)
