"""Cut lines, lost replies, killed servers, full and read-only disks, altered files: short rounds.

The server's files tell that all came once. The long run of the same code is `python -m benchmarks.faults`.
"""

import random

import pytest

from servers.certificates import Certificates
from servers.openssh import sshd
from servers.web import nginx
from spooling import killing, rounds


@pytest.fixture(scope="module")
def servers(certificates: Certificates, local_account):
    """An nginx and a sshd that may be killed."""
    with nginx(certificates) as web, sshd(local_account) as daemon:
        made = rounds.Servers(killing.Nginx(web), certificates, killing.OpenSsh(daemon))
        yield made
        made.nginx.stop()
        made.sshd.stop()


@pytest.mark.parametrize("name", ["nginx", "openssh"])
def test_cut_connections(name, servers, tmp_path):
    """Lines that break in handshakes, uploads and replies."""
    rounds.cut(servers, name, tmp_path, random.Random(3))


@pytest.mark.parametrize("name", ["nginx", "openssh"])
def test_swallowed_replies(name, servers, tmp_path):
    """The batch is there, and nobody says so: it is asked for again and kept once."""
    rounds.swallowed(servers, name, tmp_path, random.Random(4))


@pytest.mark.parametrize("name", ["nginx", "openssh", "portal-ssl", "portal-ssh"])
def test_killed_servers_and_a_killed_appliance_with_a_wrong_clock(name, servers, tmp_path):
    """Kill -9 on both sides, in turn, while the appliance's clock is right, a day fast and a day slow."""
    rounds.killed(servers, name, tmp_path, random.Random(5), kills=4, events=5000)


def test_batches_that_are_too_large_are_split_through_kills(servers, tmp_path):
    """413 makes two of one, stored before either is sent, whenever the appliance dies."""
    rounds.split(servers, "nginx", tmp_path, random.Random(6), kills=4)


def test_a_full_disk_of_the_appliance(servers, tmp_path):
    """The own disk is full now and then, and the appliance is killed meanwhile: what it accepted arrives."""
    rounds.full_here(servers, "nginx", tmp_path, random.Random(7), kills=4)


@pytest.mark.parametrize("name", ["nginx", "openssh"])
def test_a_full_disk_of_the_server(name, servers, tmp_path):
    """Everything waits, half uploads are cleaned up, and all arrives when there is room."""
    rounds.full_there(servers, name, tmp_path, random.Random(8))


@pytest.mark.parametrize("name", ["nginx", "openssh"])
def test_a_read_only_disk_of_the_server(name, servers, tmp_path):
    """The same for a disk that takes nothing."""
    rounds.read_only_there(servers, name, tmp_path, random.Random(9))


@pytest.mark.parametrize("seed", range(4))
def test_files_that_the_disk_alters(seed, servers, tmp_path):
    """What cannot be read any more is counted, to the event; everything else arrives once."""
    rounds.damaged(servers, "nginx", tmp_path, random.Random(seed))


def test_the_real_agent_is_killed(servers, tmp_path):
    """`tm-tui agent`, with a producer at its control socket; and a second agent on its home is refused."""
    rounds.agent(servers, "portal-ssh", tmp_path, random.Random(10), kills=3)
