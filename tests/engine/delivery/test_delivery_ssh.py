"""Delivery by SFTP to a stock OpenSSH."""

import shutil

import pytest

from servers.openssh import Sshd
from spooling import server_files
from spooling.campaign import over_ssh
from spooling.child import APPLIANCE, link_of
from spooling.events import numbered_line
from spooling.working import at_work
from tm_tui.delivery.service import DeliveryService
from tm_tui.spool.store import Spool


@pytest.fixture
async def to_openssh(openssh: Sshd, tmp_path):
    """A spool, the service, and the folder at the server."""
    target = over_ssh(openssh, tmp_path)
    async with await Spool.open(tmp_path / "spool", APPLIANCE) as spool:
        link = link_of(target.config)
        service = DeliveryService(spool, link, protocol="ssh", appliance=APPLIANCE, interval=3600)
        async with at_work(service):
            yield spool, service, target.files


def give(folder, server: Sshd):
    """Let the account have what root made."""
    for path in (folder.parent, folder, *folder.iterdir()):
        shutil.chown(path, server.account.name)


async def test_batches_arrive_by_sftp(to_openssh):
    """A stock sshd holds whole batches under their names; the folder is made when it is missing."""
    spool, service, files = to_openssh
    for first in (1, 101):
        await spool.add([numbered_line(n) for n in range(first, first + 100)])
        assert (await service.send_now()).failure is None
    server_files.check(files, 200, 200)


async def test_leftovers_of_dead_uploads_are_removed(to_openssh, openssh):
    """Half an upload of an earlier life is cleaned up; what belongs to others is not touched."""
    spool, service, files = to_openssh
    files.mkdir(parents=True)
    (files / f"{APPLIANCE}-000000000001-0123456789abcdef.ndjson.zst.part").write_bytes(b"half")
    (files / "other-thing.part").write_bytes(b"mine")
    give(files, openssh)
    await spool.add([numbered_line(1)])
    assert (await service.send_now()).failure is None
    assert [path.name for path in files.glob("*.part")] == ["other-thing.part"]


async def test_a_batch_that_is_there_already_is_confirmed(to_openssh, openssh):
    """The answer to an upload was lost: the file is found, and not sent again."""
    spool, service, files = to_openssh
    await spool.add([numbered_line(1)])
    await spool.seal()
    (batch,) = spool.batches()
    files.mkdir(parents=True)
    (files / batch.name).write_bytes(await spool.read(batch))
    give(files, openssh)
    inode = (files / batch.name).stat().st_ino
    assert (await service.send_now()).failure is None
    assert (files / batch.name).stat().st_ino == inode
    server_files.check(files, 1, 1)


async def test_a_cut_file_under_the_name_is_replaced(to_openssh, openssh):
    """A file with the name and another size is no batch: the whole one takes its place."""
    spool, service, files = to_openssh
    await spool.add([numbered_line(1)])
    await spool.seal()
    files.mkdir(parents=True)
    (files / spool.batches()[0].name).write_bytes(b"half")
    give(files, openssh)
    assert (await service.send_now()).failure is None
    server_files.check(files, 1, 1)


async def test_a_folder_that_may_not_be_written_is_named(to_openssh):
    """The admin reads that the account may not write there; the events wait."""
    spool, service, files = to_openssh
    files.mkdir(parents=True)  # root's
    await spool.add([numbered_line(1)])
    assert (await service.send_now()).failure.code == "remote-denied"
    assert spool.status().events == 1
    shutil.rmtree(files)
