"""What a CA file may hold, and the two links that settings describe."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr
from ways import Ways

from servers.certificates import Certificates
from tm_tui.errors import TmError
from tm_tui.link.build import build_links
from tm_tui.link.trust import Trust, check_ca
from tm_tui.link.types import Endpoint
from tm_tui.settings.model import Secrets, Settings
from tm_tui.settings.revision import NO_REVISION


def test_authorities_are_described(certificates: Certificates, ways: Ways) -> None:
    """The admin sees whom the CA file adds: subject, expiry and fingerprint, one line each."""
    both = certificates.ca_pem + trustme.CA(organization_name="Zweite \x1b[2J AG").cert_pem.bytes().decode()
    lines = check_ca(both)
    assert len(lines) == 2
    assert "SHA-256 " in lines[0]
    assert "valid to 3000-01-01" in lines[0]
    assert all(line.isprintable() for line in lines)
    assert Trust(both, ways.host_keys).authorities() == lines
    assert Trust(None, ways.host_keys).authorities() == ()


def test_a_self_signed_server_certificate_may_be_trusted(certificates: Certificates) -> None:
    """A small portal's own certificate can be the CA file."""
    assert len(check_ca(certificates.bad["tls-self-signed"].certificate.read_text())) == 1


@pytest.mark.parametrize("what", ["", "hello", "leaf", "key", "broken", "large", "ü"])
def test_what_is_no_authority_is_refused(certificates: Certificates, what: str) -> None:
    """A server's certificate, a private key, or anything else is refused before it is saved."""
    texts = {
        "leaf": certificates.good.certificate.read_text(),
        "key": certificates.ca_pem + certificates.good.key.read_text(),
        "broken": certificates.ca_pem.replace("MII", "MIX"),
        "large": certificates.ca_pem * 2000,
    }
    with pytest.raises(TmError) as caught:
        check_ca(texts.get(what, what))
    assert caught.value.cause.isprintable()


def test_verification_is_always_on(certificates: Certificates, ways: Ways) -> None:
    """There is no context without a check of name and chain, nor one for old TLS."""
    for pem in (None, certificates.ca_pem):
        context = Trust(pem, ways.host_keys).tls_context()
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_links_follow_the_settings(ways: Ways) -> None:
    """Both servers get the account's credentials and the proxy; a proxy that is off is not used."""
    plain = {
        "tmsp": {
            "enabled": True,
            "username": "u",
            "log_server": {"host": "logs.example.com", "protocol": "ssl"},
            "status_server": {"host": "2001:db8::1", "port": 8443},
        },
        "proxy": {"enabled": True, "type": "socks5", "host": "proxy.example.com", "username": "p"},
    }
    secrets = Secrets(tmsp=SecretStr("t"), proxy=SecretStr("q"))
    links = build_links(replace(NO_REVISION, settings=Settings.parse(plain), secrets=secrets), ways.host_keys)
    assert links.log_server.endpoint == Endpoint("logs.example.com", 443)
    assert links.status_server.endpoint.authority == "[2001:db8::1]:8443"
    assert links.log_server.credentials == links.status_server.credentials
    assert links.log_server.proxy
    assert links.log_server.proxy.endpoint == Endpoint("proxy.example.com", 1080)
    assert links.log_server.proxy.credentials
    assert links.log_server.proxy.credentials.password.get_secret_value() == "q"
    assert "SecretStr('**********')" in repr(links)
    plain["proxy"]["enabled"] = False
    bare = build_links(replace(NO_REVISION, settings=Settings.parse(plain)), ways.host_keys).log_server
    assert bare.proxy is None
    assert bare.credentials is None


def test_no_environment_reaches_the_links(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """SSLKEYLOGFILE in the agent's environment does not leak session keys."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert ways.trust.tls_context().keylog_filename is None
