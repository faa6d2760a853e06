"""A full disk, for real (a small tmpfs).

Intake says no, what waits is delivered, then all goes on by itself.
"""

import contextlib
import subprocess

import pytest
import zstandard

from spooling.events import line, threat_event
from tm_tui.errors import StorageFailed
from tm_tui.spool.disk import Quota, SpoolFull
from tm_tui.spool.store import BatchLimits, Spool

APPLIANCE = "tm-0042"
RESERVE = 2 << 20


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 24 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill(disk, leave=0):
    """Use the disk up, as a runaway log does; returns the file to delete later."""
    path = disk / "somebody-else"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    if leave:
        with path.open("r+b") as file:
            file.truncate(max(0, path.stat().st_size - leave))
    return path


async def take_all_out(spool):
    """Deliver everything; returns how many events came out."""
    events = 0
    while batches := spool.batches():
        data = await spool.read(batches[0])
        events += zstandard.ZstdDecompressor().stream_reader(data).read().count(b"\n")
        await spool.confirm(batches[0])
    return events


@pytest.mark.parametrize("leave", [0, 4096, 100_000])
async def test_a_full_disk_refuses_intake_and_lets_deliveries_end(small_disk, leave):
    """Somebody fills the disk: nothing that was accepted is lost, and deliveries make room again."""
    options = {"quota": Quota(reserve=RESERVE), "limits": BatchLimits(events=1000)}
    async with await Spool.open(small_disk / "spool", APPLIANCE, **options) as spool:
        taken = (await spool.add([line(threat_event(n)) for n in range(1, 2501)])).accepted
        other = fill(small_disk, leave)
        with pytest.raises(SpoolFull, match="disk"):
            await spool.add([line(threat_event(5000))])
        assert any("disk" in alert for alert in spool.status().alerts)
        await spool.seal()
        assert await take_all_out(spool) == taken == 2500
        other.unlink()
        assert (await spool.add([line(threat_event(5000))])).accepted == 1
    async with await Spool.open(small_disk / "spool", APPLIANCE, **options) as spool:
        await spool.seal()
        assert await take_all_out(spool) == 1
        assert spool.status().lost == 0


async def test_intake_until_the_disk_is_full(small_disk):
    """Our own events fill the disk: the producer is told, and each acknowledged event comes out."""
    taken = 0
    options = {"quota": Quota(reserve=RESERVE), "limits": BatchLimits(events=1 << 30, bytes=1 << 40)}
    async with await Spool.open(small_disk / "spool", APPLIANCE, **options) as spool:
        with contextlib.suppress(StorageFailed):
            while (intake := await spool.add([line(threat_event()) for _ in range(500)])).accepted:
                taken += intake.accepted
        assert taken > 1000
    async with await Spool.open(small_disk / "spool", APPLIANCE, quota=Quota(reserve=RESERVE)) as spool:
        assert spool.status().events == taken
        await spool.seal()
        assert await take_all_out(spool) == taken
        assert (await spool.add([line(threat_event())])).accepted == 1


async def test_an_agent_starts_on_a_full_disk(small_disk):
    """A restart on a full disk opens the queue, so that its deliveries can make room."""
    folder = small_disk / "spool"
    quota = Quota(reserve=RESERVE)
    async with await Spool.open(folder, APPLIANCE, quota=quota) as spool:
        await spool.add([line(threat_event(n)) for n in range(1, 501)])
    other = fill(small_disk)
    async with await Spool.open(folder, APPLIANCE, quota=quota) as spool:
        await spool.seal()
        assert await take_all_out(spool) == 500
        other.unlink()
        assert (await spool.add([line(threat_event(501))])).accepted == 1
