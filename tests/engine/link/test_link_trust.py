"""How servers are verified, and the two links that settings describe."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from ways import Ways

from servers.certificates import Certificates
from tm_tui.link.build import build_links
from tm_tui.link.host_keys import Trust
from tm_tui.link.types import Endpoint
from tm_tui.settings.model import Secrets, Settings
from tm_tui.settings.revision import NO_REVISION


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
