"""What a CA file may be: judged once, at the save; what was saved can always be shown."""

from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from hypothesis import given
from hypothesis import strategies as st

from servers.certificates import Certificates
from tm_tui.errors import SettingsRefused
from tm_tui.settings.authorities import authorities_in, read_authorities

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


def written(folder: Path, data: bytes) -> str:
    """A CA file."""
    path = folder / "ca file.pem"
    path.write_bytes(data)
    return str(path)


def test_authorities_are_told_whole(tmp_path: Path) -> None:
    """The admin sees whom the CA file adds: subject, days and the whole fingerprint."""
    both = [trustme.CA(organization_name=name).cert_pem.bytes() for name in ("One", "Zweite \x1b[2J AG")]
    found = authorities_in(read_authorities(written(tmp_path, b"".join(both))))
    assert [len(one.fingerprint) for one in found] == [95, 95]
    assert all(one.issues and one.not_after is not None and one.subject.isprintable() for one in found)


def test_a_self_signed_server_certificate_is_an_authority(certificates: Certificates) -> None:
    """A small portal's own certificate can be the CA file."""
    path = certificates.bad["tls-self-signed"].certificate
    assert len(authorities_in(read_authorities(str(path)))) == 1


def test_an_intermediate_authority_is_one(tmp_path: Path) -> None:
    """Whom the admin trusts is trusted, whoever stands above."""
    intermediate = trustme.CA().create_child_ca()
    assert len(authorities_in(read_authorities(written(tmp_path, intermediate.cert_pem.bytes())))) == 1


def test_a_byte_order_mark_and_words_around_are_no_harm(tmp_path: Path) -> None:
    """An editor's mark, Windows line ends and OpenSSL's text stand in many such files."""
    pem = trustme.CA().cert_pem.bytes()
    text = b"\xef\xbb\xbfsubject=O = Lab\r\n" + pem.replace(b"\n", b"\r\n")
    assert len(authorities_in(read_authorities(written(tmp_path, text)))) == 1


def _others() -> dict[str, tuple[bytes, str, str]]:
    """Files of other forms: the bytes, what the cause names, what the remedy names."""
    authority = trustme.CA()
    pem = authority.cert_pem.bytes()
    one = x509.load_pem_x509_certificate(pem)
    leaf = authority.issue_cert("logs.example.com")
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    own = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    store = pkcs12.serialize_key_and_certificates(
        b"own", key, own, [one], serialization.BestAvailableEncryption(b"word")
    )  # type: ignore[arg-type]
    return {
        "der": (one.public_bytes(DER), "binary form (DER)", "openssl x509 -inform DER"),
        "pkcs7": (pkcs7.serialize_certificates([one], PEM), "PKCS #7", "openssl pkcs7 -print_certs"),
        "pkcs7-der": (pkcs7.serialize_certificates([one], DER), "PKCS #7", "openssl pkcs7 -inform DER"),
        "pkcs12": (store, "PKCS #12", "openssl pkcs12 -cacerts"),
        "utf-16": (pem.decode().encode("utf-16"), "UTF-16", "iconv -f UTF-16"),
        "utf-16-le": (pem.decode().encode("utf-16-le"), "UTF-16", "iconv -f UTF-16"),
        "utf-16-be": (pem.decode().encode("utf-16-be"), "UTF-16", "iconv -f UTF-16"),
        "keystore": (b"\xfe\xed\xfe\xed" + bytes(40), "Java keystore", "keytool"),
        "trusted": (
            pem.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
            "OpenSSL's own form",
            "openssl x509",
        ),
        "request": (pem.replace(b"CERTIFICATE", b"CERTIFICATE REQUEST"), "a request", "Choose a PEM file"),
        "crl": (pem.replace(b"CERTIFICATE", b"X509 CRL"), "revoked", "Choose a PEM file"),
        "bare": (b"\n".join(pem.splitlines()[1:-1]), "no BEGIN line", "-----BEGIN CERTIFICATE-----"),
        "leaf": (leaf.cert_chain_pems[0].bytes(), "no authority's", "Choose the certificate of"),
        "mixed": (pem + leaf.cert_chain_pems[0].bytes(), "no authority's", "Choose the certificate of"),
        "key": (pem + leaf.private_key_pem.bytes(), "private key", "Choose a PEM file"),
        "broken": (pem.replace(b"MII", b"MIX"), "cannot be read", "Choose a PEM file"),
        "cut": (pem + pem[:-40], "no whole PEM certificate", "Choose a PEM file"),
        "empty": (b"", "no whole PEM certificate", "Choose a PEM file"),
        "page": (b"<html>logon</html>", "no whole PEM certificate", "Choose a PEM file"),
    }


OTHERS = _others()


@pytest.mark.parametrize("what", OTHERS)
def test_another_form_is_named_with_the_way_to_convert_it(tmp_path: Path, what: str) -> None:
    """The refusal names the field, what the file is, and what to do with it."""
    data, cause, remedy = OTHERS[what]
    with pytest.raises(SettingsRefused) as refused:
        read_authorities(written(tmp_path, data))
    (problem,) = refused.value.problems
    assert problem.field == "trust.ca_file"
    assert cause in problem.cause
    assert remedy in problem.remedy


@given(st.binary(max_size=200), st.integers(0, 1200), st.integers(0, 1200))
def test_whatever_was_saved_can_be_shown(junk: bytes, start: int, end: int) -> None:
    """A revision of an older version may hold any certificate: it is a row, and never an error."""
    pem = trustme_pem()
    damaged = pem[: min(start, end)] + junk.hex() + pem[max(start, end) :]
    for one in authorities_in(damaged):
        assert len(one.fingerprint) == 95
        assert one.subject.isprintable()


_KEPT: list[str] = []


def trustme_pem() -> str:
    """One authority for all examples."""
    if not _KEPT:
        _KEPT.append(trustme.CA().cert_pem.bytes().decode())
    return _KEPT[0]
