"""Accounts that may do less than usual: what delivery needs is what the connection test asks for, no more."""

import shutil

import pytest

from servers.account import Account
from servers.openssh import sshd
from spooling import server_files
from spooling.campaign import over_ssh
from spooling.child import APPLIANCE, link_of
from spooling.events import numbered_line
from spooling.working import at_work
from tm_tui.delivery.check import check_log_server
from tm_tui.delivery.service import DeliveryService
from tm_tui.spool.store import Spool

DENIED = [
    "posix-rename",
    "remove",
    "stat,lstat,fstat",
    "opendir,readdir",
    "fsync",
    "posix-rename,remove",
    "remove,stat,lstat,fstat,opendir,readdir",
    "posix-rename,remove,stat,lstat,fstat,opendir,readdir,setstat,fsetstat,statvfs",
]
"""What sftp-server(8) is told to refuse with -P."""


@pytest.fixture(params=DENIED)
def target(request, local_account: Account, tmp_path):
    """A stock sshd that denies some requests."""
    with sshd(local_account, more=f"Subsystem sftp internal-sftp -P {request.param}") as running:
        place = over_ssh(running, tmp_path)
        place.files.mkdir(parents=True)
        for made in (place.files.parent, place.files):
            shutil.chown(made, local_account.name)
        yield place


async def test_the_test_and_the_delivery_agree(target, tmp_path):
    """Both pass, the test twice (its file of before may still lie there), and every event arrives once."""
    link = link_of(target.config)
    for _ in range(2):
        await check_log_server(link, "ssh", APPLIANCE)
    async with await Spool.open(tmp_path / "spool", APPLIANCE) as spool:
        await spool.add([numbered_line(1), numbered_line(2)])
        service = DeliveryService(spool, link, protocol="ssh", appliance=APPLIANCE, interval=3600)
        async with at_work(service):
            assert (await service.send_now()).failure is None
    server_files.check(target.files, 2, 2)


async def test_a_lost_answer_is_no_second_copy(target, tmp_path):
    """The batch arrived and its answer did not: the same name again ends well, whatever is denied."""
    link = link_of(target.config)
    async with await Spool.open(tmp_path / "spool", APPLIANCE) as spool:
        await spool.add([numbered_line(1)])
        await spool.seal()
        (batch,) = spool.batches()
        (target.files / batch.name).write_bytes(await spool.read(batch))
        shutil.chown(target.files / batch.name, target.config["username"])
        service = DeliveryService(spool, link, protocol="ssh", appliance=APPLIANCE, interval=3600)
        async with at_work(service):
            assert (await service.send_now()).failure is None
    server_files.check(target.files, 1, 1)
