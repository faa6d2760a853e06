"""What certificates and TLS can have wrong, for real; and that no credential leaves before they are right."""

import asyncio
import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from ways import Ways, credentials, fails, proxy

from servers import misbehaving as bad
from servers.certificates import DAY, Certificates, Pair
from servers.limits import hasty
from servers.openssh import Sshd
from servers.proxies import PASSWORD, USER
from servers.web import PASSWORD as WEB_PASSWORD
from servers.web import USER as WEB_USER
from servers.web import Web
from tm_tui.link.dialer import dial
from tm_tui.link.host_keys import Trust
from tm_tui.link.https import call, https_client
from tm_tui.link.types import Endpoint, Link

WEB = credentials(WEB_USER, WEB_PASSWORD)
CERTIFICATE_FAULTS = [
    "tls-expired",
    "tls-not-yet-valid",
    "tls-wrong-name",
    "tls-unknown-issuer",
    "tls-self-signed",
]


def server_context(pair: Pair) -> ssl.SSLContext:
    """A server's context without any demands, so that the client has to refuse."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(pair.certificate, pair.key)
    return context


async def expect(ways: Ways, code: str, link: Link, stage: str = "tls") -> None:
    """Ask for a page, and see it fail with `code`."""
    with fails(code, stage) as caught:
        async with https_client(link, observe=ways.observe) as client:
            await call(client, "GET", "/logs/")
    assert link.endpoint.authority in caught.value.cause
    if stage == "tls":
        assert ways.passed() == ["name", "tcp"]


@pytest.mark.parametrize("code", CERTIFICATE_FAULTS)
async def test_a_bad_certificate_gets_no_credentials(ways: Ways, web: Web, code: str) -> None:
    """Each fault of a certificate has its own cause, and the server sees no request at all."""
    await expect(ways, code, ways.to(web.bad_ports[code], WEB))
    assert web.seen(web.bad_ports[code]) == []


async def test_the_clock_is_named_for_a_future_certificate(ways: Ways, web: Web) -> None:
    """A box whose clock fell back to 1970 says so: the remedy is the clock."""
    with fails("tls-not-yet-valid", "tls") as caught:
        async with https_client(ways.to(web.bad_ports["tls-not-yet-valid"], WEB)) as client:
            await call(client, "GET", "/")
    assert "clock" in caught.value.remedy


@pytest.mark.parametrize("code", CERTIFICATE_FAULTS)
async def test_a_proxy_with_a_bad_certificate_gets_no_credentials(
    ways: Ways, certificates: Certificates, code: str
) -> None:
    """The password of a TLS proxy is sent only after the proxy's certificate was verified."""
    async with bad.server(bad.say_nothing, server_context(certificates.bad[code])) as told:
        with fails(code, "proxy") as caught:
            await dial(
                Endpoint("127.0.0.1", 9), proxy("https", told.port, credentials(USER, PASSWORD)), ways.trust
            )
        assert f"127.0.0.1:{told.port}" in caught.value.cause
    assert told.received == b""


def odd_certificate(
    certificates: Certificates, folder: Path, *, bits: int, usage: x509.ObjectIdentifier
) -> Pair:
    """A certificate of the right authority with a weak key, or for another use."""
    key = rsa.generate_private_key(65537, bits)
    signer = serialization.load_pem_private_key(certificates.authority.private_key_pem.bytes(), None)
    issuer = x509.load_pem_x509_certificate(certificates.ca_pem.encode())
    import datetime
    import ipaddress

    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(issuer.subject, x509.Name([]), key.public_key(), 77, now - DAY, now + DAY)
        .add_extension(names, critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        .sign(signer, hashes.SHA256())  # type: ignore[arg-type]
    )
    pair = Pair(folder / "odd.pem", folder / "odd.key")
    pair.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pair.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return pair


@pytest.mark.parametrize(
    ("code", "bits", "usage"),
    [
        ("tls-weak", 1024, x509.ExtendedKeyUsageOID.SERVER_AUTH),
        ("tls-invalid", 2048, x509.ExtendedKeyUsageOID.CLIENT_AUTH),
    ],
)
async def test_an_unfit_certificate(  # noqa: PLR0917 - one of them is the table's
    ways: Ways, certificates: Certificates, tmp_path: Path, code: str, bits: int, usage: Any
) -> None:
    """A weak key, or a certificate made for another use, is refused with its own cause."""
    pair = odd_certificate(certificates, tmp_path, bits=bits, usage=usage)
    async with bad.server(bad.say_nothing, server_context(pair)) as told:
        await expect(ways, code, ways.to(told.port, WEB))
    assert told.received == b""


async def test_no_tls_at_the_port(ways: Ways, web: Web) -> None:
    """A plain web server at the port is named, instead of `WRONG_VERSION_NUMBER`."""
    await expect(ways, "tls-not-spoken", ways.to(web.plain_port, WEB))
    assert WEB_PASSWORD not in str(web.seen(web.plain_port))


async def test_ssh_at_the_port(ways: Ways, openssh: Sshd) -> None:
    """Protocol SSL against an SSH server: the remedy is the protocol."""
    await expect(ways, "tls-not-spoken", ways.to(openssh.port, WEB))


async def test_only_old_tls(ways: Ways, web: Web) -> None:
    """A server that stopped at TLS 1.1 is refused, and that is the cause."""
    await expect(ways, "tls-too-old", ways.to(web.old_tls_port, WEB))


async def test_no_common_cipher(ways: Ways, web: Web) -> None:
    """A server with unsafe ciphers only is told apart from one without TLS."""
    await expect(ways, "tls-no-common", ways.to(web.unsafe_cipher_port, WEB))


async def test_the_server_disowns_the_name(ways: Ways, web: Web) -> None:
    """A front end that does not know the server's name says so."""
    await expect(ways, "tls-name-refused", ways.to(web.disowning_port, WEB, host="localhost"))


async def test_nginx_wants_a_client_certificate(ways: Ways, web: Web) -> None:
    """A server that asks for a client certificate with a 400 page is understood."""
    await expect(ways, "tls-client-certificate", ways.to(web.client_certificate_port, WEB), "service")


async def test_tls_wants_a_client_certificate(ways: Ways, certificates: Certificates) -> None:
    """A server that asks for a client certificate by a TLS 1.3 alert after the handshake is understood."""
    context = server_context(certificates.good)
    context.load_verify_locations(certificates.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    async with bad.blocking_tls(context) as port:
        await expect(ways, "tls-client-certificate", ways.to(port, WEB), "service")


@pytest.mark.parametrize("behave", [bad.close_at_once, bad.close_after_hearing])
async def test_closed_during_the_handshake(ways: Ways, behave: bad.Behaviour) -> None:
    """A firewall that cuts TLS is named."""
    async with bad.server(behave) as told:
        await expect(ways, "tls-closed", ways.to(told.port, WEB))


async def test_silence_during_the_handshake(ways: Ways) -> None:
    """A black hole that accepts ends within the limit, and its socket is closed."""
    async with bad.server(bad.say_nothing) as told:
        await expect(ways, "tls-timeout", ways.to(told.port, WEB, limits=hasty("handshake")))
        await told.all_gone.wait()


async def test_an_alert_of_any_other_kind(ways: Ways) -> None:
    """What OpenSSL reports in words of its own still becomes a cause and a remedy."""
    async with bad.server(bad.greet(b"\x15\x03\x03\x00\x02\x02\x50")) as told:
        await expect(ways, "tls-failed", ways.to(told.port, WEB))


async def test_a_useless_ca_file(ways: Ways, web: Web) -> None:
    """A CA file that is none fails as such, at the server and at a TLS proxy."""
    trust = Trust("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ways.host_keys)
    link = Link(Endpoint("127.0.0.1", web.port), WEB, None, trust)
    with fails("ca-unusable", "tls"):
        https_client(link)
    with fails("ca-unusable", "proxy"):
        await dial(link.endpoint, proxy("https", 9), trust)


async def test_credentials_arrive_as_utf8_in_verified_tls(ways: Ways, certificates: Certificates) -> None:
    """Once the certificate is right, name and password arrive unchanged, whatever characters they have."""
    who = credentials("üser", "pa:/#%@ ß€")
    async with bad.server(bad.answer(b"HTTP/1.1 204 No\r\n\r\n"), server_context(certificates.good)) as told:
        async with https_client(ways.to(told.port, who)) as client:
            await call(client, "GET", "/")
        line = next(x for x in bytes(told.received).split(b"\r\n") if x.lower().startswith(b"authorization"))
    assert base64.b64decode(line.split()[-1]).decode() == "üser:pa:/#%@ ß€"
    assert b"accept-encoding: identity" in bytes(told.received).lower()


async def test_a_cancelled_handshake_leaves_no_socket(ways: Ways) -> None:
    """An admin who leaves the test screen during a handshake leaves no connection behind."""
    async with bad.server(bad.say_nothing) as told, https_client(ways.to(told.port, WEB)) as client:
        task = asyncio.create_task(call(client, "GET", "/"))
        await told.somebody.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(60):
            await told.all_gone.wait()


@pytest.mark.parametrize("sent", ["with the intermediate", "alone"])
async def test_an_intermediate_authority_may_be_all_that_is_trusted(
    tmp_path: Path, ways: Ways, sent: str
) -> None:
    """The admin has only the authority that issued the server's certificate: that is enough, and is said."""
    intermediate = trustme.CA().create_child_ca()
    leaf = intermediate.issue_cert("127.0.0.1")
    pair = Pair(tmp_path / "server.pem", tmp_path / "server.key")
    chain = leaf.cert_chain_pems if sent == "with the intermediate" else leaf.cert_chain_pems[:1]
    pair.certificate.write_bytes(b"".join(pem.bytes() for pem in chain))
    pair.key.write_bytes(leaf.private_key_pem.bytes())
    ways.ca_pem = intermediate.cert_pem.bytes().decode()
    told = bad.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    async with (
        bad.server(told, server_context(pair)) as server,
        https_client(ways.to(server.port), observe=ways.observe) as client,
    ):
        await call(client, "GET", "/")
    (said,) = [detail for stage, outcome, detail in ways.seen if (stage, outcome) == ("tls", "passed")]
    assert "trusted by an intermediate authority of the CA file" in said


async def test_a_leaf_under_an_untrusted_intermediate_is_still_refused(tmp_path: Path, ways: Ways) -> None:
    """Trusting one intermediate authority trusts no other."""
    root = trustme.CA()
    ways.ca_pem = root.create_child_ca().cert_pem.bytes().decode()
    leaf = root.create_child_ca().issue_cert("127.0.0.1")
    pair = Pair(tmp_path / "server.pem", tmp_path / "server.key")
    pair.certificate.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    pair.key.write_bytes(leaf.private_key_pem.bytes())
    async with bad.server(bad.close_at_once, server_context(pair)) as server:
        await expect(ways, "tls-unknown-issuer", ways.to(server.port))
