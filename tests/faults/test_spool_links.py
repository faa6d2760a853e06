"""Cut connections, killed servers, full and read-only remote disks.

The server's files tell that all came once.
"""

import random
import subprocess

import pytest

from servers.certificates import Certificates
from servers.openssh import Sshd, sshd
from servers.web import Web, nginx
from spooling import killing
from spooling.campaign import Campaign, over_ssh, over_ssl
from spooling.detour import detour


@pytest.fixture
def own_web(certificates: Certificates):
    """An nginx that may be killed."""
    with nginx(certificates) as web:
        server = killing.Nginx(web)
        yield server
        server.stop()


@pytest.fixture
def own_sshd(local_account):
    """A sshd whose sessions may be killed."""
    with sshd(local_account) as running:
        yield running


def test_cut_connections_to_nginx(web: Web, certificates: Certificates, tmp_path):
    """Lines that break in handshakes, uploads and replies."""
    with detour(web.port, seed=3, most=8_000) as way:
        campaign = Campaign(tmp_path, over_ssl(web, certificates, tmp_path, way.port), total=2000)
        campaign.run(seconds=6)
        way.calm = True
        campaign.finish()
        assert way.cuts >= 2


def test_cut_connections_to_openssh(openssh: Sshd, tmp_path):
    """The same under SSH."""
    with detour(openssh.port, seed=4, most=12_000) as way:
        campaign = Campaign(tmp_path, over_ssh(openssh, tmp_path, way.port), total=2000)
        campaign.run(seconds=6)
        way.calm = True
        campaign.finish()
        assert way.cuts >= 2


def _amid(campaign: Campaign, kill, times: int) -> None:
    """Kill something of the server some times while a child works."""
    child = campaign.start()
    chance = random.Random(5)
    for _ in range(times):
        try:
            child.wait(timeout=chance.uniform(0.05, 0.4))
        except subprocess.TimeoutExpired:
            kill()
    campaign.end(child)


def test_a_killed_nginx(own_web, certificates: Certificates, tmp_path):
    """Kill -9 of the log server in the middle of everything."""
    campaign = Campaign(tmp_path, over_ssl(own_web.web, certificates, tmp_path), total=4000)
    _amid(campaign, own_web.kill, 6)
    campaign.finish()


def test_killed_sessions_of_sshd(own_sshd: Sshd, tmp_path):
    """Kill -9 of the processes that take the upload."""
    campaign = Campaign(tmp_path, over_ssh(own_sshd, tmp_path), total=4000)
    _amid(campaign, lambda: killing.kill_sessions(own_sshd), 8)
    campaign.finish()


@pytest.mark.parametrize("protocol", ["ssl", "ssh"])
def test_a_killed_portal(protocol, tmp_path):
    """Kill -9 of our own portal, which also checks each batch that it takes."""
    with killing.portal(tmp_path / "portal") as portal:
        campaign = Campaign(tmp_path, portal.target(protocol, tmp_path), total=3000)
        _amid(campaign, portal.kill, 3)
        campaign.run(point="sent", count=2)
        campaign.finish()


def test_a_full_disk_at_nginx(web: Web, certificates: Certificates, tmp_path):
    """The server's disk is full for a while: everything waits, and arrives when there is room."""
    campaign = Campaign(tmp_path, over_ssl(web, certificates, tmp_path), total=1500)
    with killing.small_disk(campaign.target.files, 1) as disk:
        (disk / "other").write_bytes(b"x" * (1 << 20))
        campaign.run(seconds=3)
        (disk / "other").unlink()
        campaign.finish()


@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_trouble_with_the_disk_at_openssh(trouble, openssh: Sshd, tmp_path):
    """A full or read-only disk at the server.

    Half uploads are left behind and cleaned up, nothing is lost.
    """
    campaign = Campaign(tmp_path, over_ssh(openssh, tmp_path), total=1500)
    with killing.small_disk(campaign.target.files, 1, openssh.account.name) as disk:
        if trouble == "full":
            (disk / "other").write_bytes(b"x" * ((1 << 20) - 3 * 4096))
        else:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        campaign.run(seconds=3)
        if trouble == "full":
            (disk / "other").unlink()
        else:
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        campaign.finish()
