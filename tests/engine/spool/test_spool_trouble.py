"""A disk that fails, is full of files, or is gone; a clock that nobody has set; a hook that raises.

Intake says why, what was accepted is told and kept, and all goes on by itself once it can.
"""

import asyncio
import errno
import json
import os
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard

from clock import FakeClock
from spooling.events import line, numbered_line, threat_event
from tm_tui.agent.server.routes.event_lines import take_lines
from tm_tui.clock import within
from tm_tui.errors import StorageFailed
from tm_tui.spool import store
from tm_tui.spool.disk import Quota, SpoolFull
from tm_tui.spool.marks import AgeClock, Newest
from tm_tui.spool.store import BatchLimits, Spool

APPLIANCE = "tm-0042"
DAY = 86400.0
LIMIT = 60.0


class Faults:
    """A trace that fails at a named point, from the n-th time on, until it is mended."""

    def __init__(self, point, after=0, number=errno.EIO):
        self.point, self.left, self.number = point, after, number

    def __call__(self, point):
        if point == self.point:
            if self.left <= 0:
                raise OSError(self.number, os.strerror(self.number))
            self.left -= 1

    def mend(self):
        """Fail no more."""
        self.point = ""


async def ids_out(spool):
    """Take everything out; the ids in the order they came, None for those that were made here."""
    await spool.seal()
    found = []
    while batches := spool.batches():
        data = await spool.read(batches[0])
        lines = zstandard.ZstdDecompressor().stream_reader(data).read().splitlines()
        found += [json.loads(one) for one in lines]
        await spool.confirm(batches[0])
    return found


async def body(*parts):
    """A request's body, part by part."""
    for part in parts:
        yield part


# --- the disk fails in the middle of a POST


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("commits", [1, 2, 3])
async def test_what_was_accepted_before_the_disk_failed_is_told(number, commits, tmp_path):
    """Who repeats the lines from `not_taken_from` on has each event there once, though none has an id."""
    faults = Faults("commit", commits, number)
    lines = [line(threat_event(threat={"name": f"T{n}", "severity": "low"})) for n in range(2300)]
    async with await Spool.open(tmp_path / "spool", APPLIANCE, trace=faults) as spool:
        parts = [b"".join(one + b"\n" for one in lines[at : at + 100]) for at in range(0, 2300, 100)]
        reply = await take_lines(spool, body(*parts))
        assert 0 < reply.accepted < 2300
        assert reply.accepted == spool.status().events
        assert reply.not_taken_from == reply.accepted + 1
        assert reply.rejected[0].line == reply.not_taken_from
        assert reply.accepted + len(reply.rejected) + reply.rejected_more == 2300
        assert spool.status().refusal, "the status says nothing of the disk"
        faults.mend()
        rest = b"\n".join(lines[reply.not_taken_from - 1 :])
        assert (await take_lines(spool, body(rest))).not_taken_from is None
        assert spool.status().refusal is None
        names = [event["threat"]["name"] for event in await ids_out(spool)]
        assert names == [f"T{n}" for n in range(2300)]


async def test_a_disk_that_fails_at_once_refuses_the_whole_request(tmp_path):
    """Nothing was taken, so the request fails as a whole, with the disk's own cause."""
    async with await Spool.open(tmp_path / "spool", APPLIANCE, trace=Faults("commit")) as spool:
        with pytest.raises(StorageFailed, match="reports an error"):
            await take_lines(spool, body(numbered_line(1)))
        assert spool.status().events == 0


async def test_bad_lines_before_the_disk_fails_keep_their_own_reason(tmp_path):
    """A line that is no event is not one to repeat."""
    faults = Faults("commit", 1)
    lines = [numbered_line(n) for n in range(1, 1201)]
    lines[3] = b"nonsense"
    async with await Spool.open(tmp_path / "spool", APPLIANCE, trace=faults) as spool:
        reply = await take_lines(spool, body(b"\n".join(lines)))
    assert reply.rejected[0].line == 4
    assert "no JSON" in reply.rejected[0].reason
    assert reply.not_taken_from == reply.accepted + 2


# --- statvfs fails, or the folder is gone


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOENT, errno.ESTALE, errno.EACCES])
async def test_a_disk_that_does_not_say_how_full_it_is_refuses_with_the_cause(number, tmp_path, monkeypatch):
    """Status and beats still answer, what waits can be delivered, and intake goes on when the disk does."""

    def statvfs(path):
        raise OSError(number, os.strerror(number), str(path))

    async with await Spool.open(tmp_path / "spool", APPLIANCE) as spool:
        await spool.add([numbered_line(1)])
        with monkeypatch.context() as patch:
            patch.setattr(os, "statvfs", statvfs)
            with pytest.raises(StorageFailed) as refused:
                await spool.add([numbered_line(2)])
            assert "programming" not in str(refused.value)
            assert str(tmp_path) in refused.value.cause
            seen = spool.status()
            assert seen.refusal == str(refused.value)
            assert seen.refusal in seen.alerts
            assert seen.events == 1
        assert (await spool.add([numbered_line(2)])).accepted == 1
        assert spool.status().refusal is None
        assert [event["id"] for event in await ids_out(spool)] == ["p-1", "p-2"]


async def test_a_folder_that_is_moved_away_refuses_until_it_is_back(tmp_path):
    """Events written to a disk that nobody finds again after a restart would be no accepted events."""
    folder = tmp_path / "spool"
    async with await Spool.open(folder, APPLIANCE) as spool:
        await spool.add([numbered_line(1)])
        folder.rename(tmp_path / "elsewhere")
        with pytest.raises(StorageFailed, match="does not exist"):
            await spool.add([numbered_line(2)])
        folder.mkdir()  # the mount point below a disk that is gone
        with pytest.raises(StorageFailed, match="Another folder"):
            await spool.add([numbered_line(2)])
        assert spool.status().alerts
        folder.rmdir()
        (tmp_path / "elsewhere").rename(folder)
        assert (await spool.add([numbered_line(2)])).accepted == 1
        assert len(await ids_out(spool)) == 2


# --- no file can be made


@pytest.fixture
def few_inodes(tmp_path):
    """A disk with room, and with few files."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=40", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


async def test_a_batch_for_which_there_is_no_inode_is_sealed_when_there_is_one(few_inodes):
    """Intake goes on, the alert stays, and sealing is tried again by itself until it works."""
    clock = FakeClock()
    options = {"clock": clock, "quota": Quota(reserve=1 << 20)}
    async with await Spool.open(few_inodes / "spool", APPLIANCE, **options) as spool:
        others = []
        with pytest.raises(OSError, match="No space"):  # noqa: PT012
            while True:
                others.append(few_inodes / f"other-{len(others)}")
                others[-1].touch()
        await spool.add([numbered_line(1)])
        with pytest.raises(StorageFailed, match="inodes"):
            await spool.seal()
        assert any("not in a batch" in alert and "inodes" in alert for alert in spool.status().alerts)
        await clock.advance(90)
        assert any("not in a batch" in alert for alert in spool.status().alerts)
        assert not spool.batches()
        for one in others[:-1]:
            one.unlink()
        sealed = asyncio.Event()
        spool.changed = lambda: sealed.set() if spool.batches() else None
        await clock.advance(31)
        async with asyncio.timeout(LIMIT):
            await sealed.wait()
        await spool.seal()
        assert spool.status().alerts == ()


@pytest.mark.parametrize("point", ["rename", "renamed"])
async def test_a_seal_that_failed_is_owed_in_full(point, tmp_path):
    """Delivery asks once for everything; its second try seals the same, not only what fills a batch."""
    faults = Faults(point)
    async with await Spool.open(tmp_path / "spool", APPLIANCE, trace=faults) as spool:
        await spool.add([numbered_line(1)])
        for _ in range(2):
            with pytest.raises(StorageFailed):
                await spool.seal()
        with pytest.raises(StorageFailed):
            await spool.seal(everything=False)
        faults.mend()
        await spool.seal(everything=False)
        assert [batch.events for batch in spool.batches()] == [1]
        assert spool.status().alerts == ()


# --- clocks


async def test_events_of_a_clock_that_was_not_set_are_not_old(tmp_path):
    """An appliance comes up in 1970, takes events, and is told the time: nothing waits for 56 years."""
    from datetime import UTC, datetime

    clock = FakeClock(datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC))
    async with await Spool.open(tmp_path / "spool", APPLIANCE, clock=clock) as spool:
        await spool.add([numbered_line(1)])
        await spool.seal()
        await spool.add([numbered_line(2)])
        clock.set_wall(56 * 365 * DAY)
        clock.suspend(60)
        assert spool.status().oldest_age_seconds == 60
        assert (await spool.add([numbered_line(3)])).accepted == 1
    async with await Spool.open(tmp_path / "spool", APPLIANCE, clock=clock) as spool:
        assert spool.status().refusal is None
        assert spool.status().oldest_age_seconds == 60
        assert (await spool.add([numbered_line(4)])).accepted == 1
        clock.suspend(15 * DAY)
        with pytest.raises(SpoolFull, match="14 days"):
            await spool.add([numbered_line(5)])
        assert len(await ids_out(spool)) == 4


@pytest.mark.parametrize("step", [-80 * 365 * DAY, -DAY, -1.0, 3600.0, 90 * 365 * DAY])
async def test_no_step_of_the_clock_changes_an_age(step, tmp_path):
    """Back or forth, by a second or by a century: what waits has waited as long as it has."""
    clock = FakeClock()
    async with await Spool.open(tmp_path / "spool", APPLIANCE, clock=clock) as spool:
        await spool.add([numbered_line(1)])
        clock.suspend(100)
        clock.set_wall(step)
        await spool.add([numbered_line(2)])
        await spool.seal()
        assert spool.status().oldest_age_seconds == 100
        assert all(batch.sealed_at == within(clock.now()) for batch in spool.batches())
        assert spool.status().refusal is None


def test_the_age_clock_goes_on_through_restarts_and_stands_still_while_the_machine_is_off(tmp_path):
    """Within one boot nothing is lost; another boot goes on where the last note was made."""
    newest = Newest(tmp_path / "newest")
    now = [1000.0]
    clock = AgeClock(newest, lambda: now[0], None, "boot-1")
    assert clock.now() == 0
    now[0] += 50
    clock.keep(7)
    now[0] += 10
    again = AgeClock(Newest(tmp_path / "newest"), lambda: now[0], None, "boot-1")
    assert again.now() == 60_000
    again.keep()
    now[0] = 3.0
    other = AgeClock(Newest(tmp_path / "newest"), lambda: now[0], None, "boot-2")
    assert other.now() == 60_000
    now[0] += 2
    assert other.now() == 62_000
    assert Newest(tmp_path / "newest").kept.number == 7
    now[0] = 1.0
    assert other.now() == 60_000  # a monotonic clock never does so; the age is never negative


def test_a_note_that_was_cut_anywhere_is_read_as_none(tmp_path):
    """Its first eight zeros are the check of nothing: cut there, it kept the log queue from being opened."""
    clock = AgeClock(Newest(tmp_path / "newest"), lambda: 5.0, None, "boot")
    clock.keep(7)
    whole = (tmp_path / "newest").read_bytes()
    for length in range(len(whole) - 1):  # the last byte only ends the line
        (tmp_path / "newest").write_bytes(whole[:length])
        assert Newest(tmp_path / "newest").lost


def test_a_lost_note_of_the_age_makes_nothing_old(tmp_path):
    """With nothing kept, the oldest event counts as accepted just now."""
    (tmp_path / "newest").write_bytes(b"rubbish")
    clock = AgeClock(Newest(tmp_path / "newest"), lambda: 5.0, 1_700_000_000_000, "boot")
    assert clock.now() == 1_700_000_000_000


# --- whoever wants to know of a batch raises


@pytest.mark.parametrize("error", [RuntimeError("bug"), OSError(errno.EIO, "x"), StorageFailed("a", "b")])
async def test_a_hook_that_raises_holds_up_no_logs_and_is_told(error, tmp_path, caplog):
    """The batch is sealed and delivered, the admin is told, the next one is sealed as usual."""

    def hook(_path, _batch):
        raise error

    async with await Spool.open(tmp_path / "spool", APPLIANCE, limits=BatchLimits(events=5)) as spool:
        spool.sealed = hook
        sealed = asyncio.Event()
        spool.changed = lambda: sealed.set() if len(spool.batches()) == 2 else None
        for first in (1, 6):
            await spool.add([line(threat_event(number)) for number in range(first, first + 5)])
        async with asyncio.timeout(LIMIT):
            await sealed.wait()
        await spool.seal()
        assert any("programming error" in alert for alert in spool.status().alerts)
        assert any(record.exc_info for record in caplog.records)
        spool.sealed = lambda _path, _batch: None
        await spool.add([line(threat_event(number)) for number in range(11, 16)])
        await spool.seal()
        assert spool.status().alerts == ()
        assert len(await ids_out(spool)) == 15


@pytest.mark.parametrize("where", ["seal", "look"])
async def test_a_bug_in_the_work_beside_is_told_and_close_leaves_nothing_open(where, tmp_path, monkeypatch):
    """No thread, no open file and no lock stays, and the next round works again."""
    clock = FakeClock()
    before = open_files(tmp_path)

    async def bug(*_arguments, **_more):
        raise TypeError("a bug")

    spool = await Spool.open(tmp_path / "spool", APPLIANCE, clock=clock)
    await clock.idle()
    with monkeypatch.context() as patch:
        patch.setattr(spool, "seal" if where == "seal" else "_look_around", bug)
        await clock.advance(31)
        assert any("programming error" in alert for alert in spool.status().alerts)
    await clock.advance(31)
    assert spool.status().alerts == ()
    with monkeypatch.context() as patch:
        patch.setattr(spool, "seal", bug)
        await clock.advance(31)
        await spool.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "spool"]
    assert open_files(tmp_path) == before
    async with await Spool.open(tmp_path / "spool", APPLIANCE):
        pass


def open_files(folder):
    """The files below a folder that this process has open."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(str(entry.readlink()))
    return {path for path in found if path.startswith(str(folder))}


# --- a spool that cannot be opened


async def test_a_spool_that_cannot_be_opened_says_why_and_opens_when_it_can(tmp_path):
    """The agent has a spool in any case: it refuses with the cause, and goes on trying."""
    clock, folder = FakeClock(), tmp_path / "spool"
    async with await Spool.open(folder, APPLIANCE):
        late = await Spool.open(folder, APPLIANCE, clock=clock, patience=LIMIT)
        assert late.status().refusal in late.status().alerts
        assert "Another process" in str(late.status().refusal)
        for call in (late.add([numbered_line(1)]), late.seal(), late.put_mark(x=1)):
            with pytest.raises(StorageFailed, match="Another process"):
                await call
        assert late.batches() == ()
        assert late.mark("x") == 0
        await late.pulse()
        late.limit(Quota(bytes=1 << 20))
    opened = asyncio.Event()
    late.changed = lambda: opened.set() if late.status().refusal is None else None
    await clock.idle()
    await clock.advance(31)
    async with asyncio.timeout(LIMIT):
        await opened.wait()
    assert late.status().limit_bytes == 1 << 20
    assert (await late.add([numbered_line(1)])).accepted == 1
    await late.close()
    assert not open_files(tmp_path)


async def test_a_spool_that_takes_long_to_open_holds_nobody_up(tmp_path, monkeypatch):
    """Reading a large damaged queue takes minutes; until then it says that it is being opened."""
    go = threading.Event()
    real = store.Opening.__call__

    def slow(opening):
        go.wait(LIMIT)
        return real(opening)

    monkeypatch.setattr(store.Opening, "__call__", slow)
    spool = await Spool.open(tmp_path / "spool", APPLIANCE, patience=0.01)
    assert "being opened" in str(spool.status().refusal)
    closing = asyncio.create_task(spool.close())
    await asyncio.sleep(0)
    go.set()
    async with asyncio.timeout(LIMIT):
        await closing
    assert not open_files(tmp_path)
