"""Host keys over the real socket and a real sshd."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import SecretStr

from agents import agent_in, settings_for, short_home, status_server, status_when
from servers.certificates import Certificates
from servers.openssh import Sshd
from tm_tui.api.client import ControlClient, ControlRefused
from tm_tui.api.requests import ApproveRequest, SaveRequest, SecretChanges


@pytest.fixture
async def client() -> AsyncIterator[ControlClient]:
    with short_home() as home:
        async with agent_in(home), ControlClient(home.control_socket) as opened:
            yield opened


async def test_a_key_is_approved_by_its_fingerprint(client: ControlClient, openssh: Sshd) -> None:
    """The admin compares a fingerprint; the agent fetches the key itself and keeps it if it is that one."""
    endpoint = f"[127.0.0.1]:{openssh.port}"
    with pytest.raises(ControlRefused) as caught:
        await client.approve_host_key(ApproveRequest(endpoint=endpoint, fingerprint="SHA256:wrong"))
    assert (caught.value.status, caught.value.refusal.code) == (409, "host-key-differs")
    assert (await client.trust()).host_keys == ()
    approved = await client.approve_host_key(
        ApproveRequest(endpoint=endpoint, fingerprint=openssh.fingerprint())
    )
    assert [(key.endpoint, key.state) for key in approved.host_keys] == [(endpoint, "approved")]
    assert approved == await client.trust()
    assert (await client.forget_host_key(endpoint)).host_keys == ()
    with pytest.raises(ControlRefused) as caught:
        await client.forget_host_key(endpoint)
    assert caught.value.status == 404


async def test_a_server_that_is_not_there_is_named(client: ControlClient) -> None:
    """Approving says what stood in the way, in the words of every link failure."""
    with pytest.raises(ControlRefused) as caught:
        await client.approve_host_key(ApproveRequest(endpoint="[127.0.0.1]:1", fingerprint="SHA256:x"))
    assert (caught.value.status, caught.value.refusal.code) == (502, "tcp-refused")


@pytest.mark.parametrize(
    "endpoint", ["a:22", "[a]:0", "[a]:99999", "[a]:22 ", "[]:22", "[a b]:22", "[\x1b]:22"]
)
async def test_a_wrong_endpoint_is_refused(client: ControlClient, endpoint: str) -> None:
    """What is no [host]:port never reaches the network or the file of keys."""
    with pytest.raises(ControlRefused) as caught:
        await client.approve_host_key(ApproveRequest(endpoint=endpoint, fingerprint="SHA256:x"))
    assert caught.value.status in {400, 502}
    assert "\x1b" not in repr(caught.value.refusal)


async def test_authorities_are_listed(client: ControlClient, certificates: Certificates) -> None:
    """The admin sees whose certificates count beside the system's."""
    settings = {"trust": {"ca_file": str(certificates.ca_file)}}
    await client.save(SaveRequest(settings=settings), 0)
    trust = await client.trust()
    assert trust.ca_file == str(certificates.ca_file)
    assert len(trust.authorities[0].sha256) == 95


async def test_the_chain_that_a_server_showed_is_told(
    client: ControlClient, certificates: Certificates
) -> None:
    """The admin sees which certificates were verified, to compare their SHA-256 with the portal's console."""
    async with status_server(certificates, lambda: datetime.now(UTC)) as portal:
        settings = {**settings_for(portal.port), "trust": {"ca_file": str(certificates.ca_file)}}
        request = SaveRequest(settings=settings, secrets=SecretChanges(tmsp=SecretStr("geheim")))
        assert (await client.trust()).servers == ()
        await client.save(request, 0)
        await status_when(client, lambda status: status.status_server.beats_accepted > 0)
        logs, status = (await client.trust()).servers
        assert (logs.server, logs.seen_at, logs.chain) == ("log_server", None, ())
        assert status.endpoint == f"[127.0.0.1]:{portal.port}"
        assert status.seen_at is not None
        leaf = x509.load_pem_x509_certificate(certificates.good.certificate.read_bytes())
        assert status.chain[0].sha256 == leaf.fingerprint(SHA256()).hex(":").upper()
        assert status.chain[0].issuer == status.chain[-1].subject == leaf.issuer.rfc4514_string()
        assert status.chain[0].not_after == leaf.not_valid_after_utc
