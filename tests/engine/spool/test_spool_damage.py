"""Bit flips, cut files, missing files.

What can be read is saved, what cannot is counted, the spool goes on.
"""

import json
import os
import random
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard

from spooling.damage import LOG, without_room
from spooling.events import line, threat_event
from tm_tui.errors import StorageFailed
from tm_tui.spool.recovery import ROOM
from tm_tui.spool.store import BatchLimits, Spool

APPLIANCE = "tm-0042"
TOTAL = 400
NOBODY = 65534


async def filled(folder, *, calls=1, room=False):
    """A spool that was killed: a copy of the files taken while it was open.

    `room`: with what the log never used, which damage would hit first.
    """
    live = folder / "live"
    numbers = iter(range(1, TOTAL + 1))
    async with await Spool.open(live, APPLIANCE, limits=BatchLimits(events=100_000)) as spool:
        for _ in range(TOTAL // calls):
            await spool.add([line(threat_event(next(numbers))) for _ in range(calls)])
        shutil.copytree(live, folder / "spool", ignore=shutil.ignore_patterns("ballast"))
    if not room:
        without_room(folder / "spool")
    return folder / "spool"


async def taken_out(folder):
    """Open it, take everything out, and tell the numbers of the events and what the status says."""
    found = []
    async with await Spool.open(folder, APPLIANCE) as spool:
        await spool.seal()
        while batches := spool.batches():
            for batch in batches:
                data = await spool.read(batch)
                if data is not None:
                    found += zstandard.ZstdDecompressor().stream_reader(data).read().splitlines()
                    await spool.confirm(batch)
                break
        assert (await spool.add([line(threat_event(TOTAL + 1))])).accepted == 1
        seen = spool.status()
    events = [json.loads(one) for one in found]
    numbers = [int(event["id"].removeprefix("p-")) for event in events]
    assert numbers == sorted(set(numbers)), "twice, or out of order"
    for number, event in zip(numbers, events, strict=True):
        assert event == threat_event(number) | {"seq": number}, "an altered event was delivered"
    return numbers, seen


def flip(path, offset, bit=3):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1 << bit
    path.write_bytes(bytes(data))


def checkpointed(folder):
    """Bring the write-ahead log into the database file, as a clean end does."""
    import sqlite3

    connection = sqlite3.connect(folder / "queue" / "events.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    connection.close()


@pytest.mark.parametrize("room", [True, False])
async def test_a_spool_that_was_killed_is_whole(room, tmp_path):
    """The copy of the files is what kill -9 leaves: nothing is missing."""
    numbers, seen = await taken_out(await filled(tmp_path, room=room))
    assert numbers == list(range(1, TOTAL + 1))
    assert (seen.lost, seen.notes) == (0, ())


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("calls", [1, 40])
async def test_a_flipped_bit_in_the_database(seed, calls, tmp_path):
    """One bad bit costs at most the events that lie there; none is delivered altered, none twice."""
    folder = await filled(tmp_path, calls=calls)
    checkpointed(folder)
    database = folder / "queue" / "events.db"
    chance = random.Random(seed)
    flip(database, chance.randrange(database.stat().st_size), chance.randrange(8))
    numbers, seen = await taken_out(folder)
    missing = TOTAL - len(numbers)
    assert seen.lost >= missing or seen.accepted <= TOTAL
    if missing:
        assert seen.alerts
    if seed:  # elsewhere than in the first pages
        assert missing <= TOTAL


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("calls", [1, 40])
async def test_a_flipped_bit_in_the_write_ahead_log(seed, calls, tmp_path):
    """SQLite would end the log there in silence; what stands behind the bad place is won back."""
    folder = await filled(tmp_path, calls=calls)
    wal = folder / "queue" / "events.db-wal"
    chance = random.Random(seed)
    flip(wal, chance.randrange(wal.stat().st_size), chance.randrange(8))
    numbers, seen = await taken_out(folder)
    assert len(numbers) >= TOTAL - 40
    if len(numbers) < TOTAL:
        assert seen.lost == TOTAL - len(numbers)
        assert seen.alerts


@pytest.mark.parametrize("sectors", [1, 8])
async def test_a_log_whose_beginning_is_gone_is_not_taken_for_unused(sectors, tmp_path):
    """Zeros where the log begins, and zeros behind its end: what stands between is won back all the same."""
    folder = await filled(tmp_path, room=True)
    with (folder / LOG).open("r+b") as log:
        log.write(bytes(512 * sectors))
    numbers, seen = await taken_out(folder)
    assert len(numbers) >= TOTAL - 40
    assert seen.lost == TOTAL - len(numbers)
    assert any("damaged" in note for note in seen.notes)


async def test_a_log_that_was_never_used_is_no_damage(tmp_path):
    """Killed just after it was given its room: nothing but zeros, and nothing to tell."""
    async with await Spool.open(tmp_path, APPLIANCE) as spool:
        await spool.add([line(threat_event(1))])
    assert not (tmp_path / LOG).exists()
    (tmp_path / LOG).write_bytes(bytes(ROOM))
    async with await Spool.open(tmp_path, APPLIANCE) as spool:
        assert (spool.status().events, spool.status().notes) == (1, ())


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
async def test_a_cut_database_file(share, tmp_path):
    """Half a file gives what is in that half."""
    folder = await filled(tmp_path)
    checkpointed(folder)
    database = folder / "queue" / "events.db"
    data = database.read_bytes()
    database.write_bytes(data[: int(len(data) * share)])
    numbers, _ = await taken_out(folder)
    assert len(numbers) >= TOTAL * (share - 0.2)
    assert list((folder / "damaged").iterdir())


async def test_a_file_that_is_no_database(tmp_path):
    """Rubbish is set aside, and events are taken again at once."""
    folder = await filled(tmp_path)
    (folder / "queue" / "events.db").write_bytes(b"rubbish" * 5000)
    (folder / "queue" / "events.db-wal").unlink()
    numbers, seen = await taken_out(folder)
    assert numbers == []
    assert any("damaged" in note for note in seen.notes)


async def test_an_empty_write_ahead_log_after_a_cut(tmp_path):
    """A log that was cut loses its end and nothing else; no number is given twice."""
    folder = await filled(tmp_path)
    wal = folder / "queue" / "events.db-wal"
    data = wal.read_bytes()
    wal.write_bytes(data[: len(data) // 2 + 17])
    numbers, _ = await taken_out(folder)
    assert numbers == list(range(1, len(numbers) + 1))


async def sealed_spool(folder):
    """A spool with four sealed batches; the batches are returned too."""
    spool_folder = await filled(folder, calls=100)
    async with await Spool.open(spool_folder, APPLIANCE, limits=BatchLimits(events=100)) as spool:
        await spool.seal()
        return spool_folder, spool.batches()


@pytest.mark.parametrize("place", [5, 0.3, 0.6, -3])
async def test_a_flipped_bit_in_a_sealed_batch(place, tmp_path):
    """The name tells that the file was altered; its whole events are sealed anew, the others counted."""
    folder, batches = await sealed_spool(tmp_path)
    path = folder / "batches" / batches[1].name
    size = path.stat().st_size
    flip(path, int(size * place) if isinstance(place, float) else place % size)
    numbers, seen = await taken_out(folder)
    assert set(range(1, 101)) | set(range(201, TOTAL + 1)) <= set(numbers)
    assert seen.lost == TOTAL - len(numbers)
    assert any(batches[1].name in note for note in seen.notes)
    assert list((folder / "damaged").iterdir())


@pytest.mark.parametrize("share", [0, 0.5])
async def test_a_cut_sealed_batch(share, tmp_path):
    """A batch that lost its end is delivered as far as it is whole."""
    folder, batches = await sealed_spool(tmp_path)
    path = folder / "batches" / batches[0].name
    path.write_bytes(path.read_bytes()[: int(batches[0].bytes * share)])
    numbers, seen = await taken_out(folder)
    assert set(range(101, TOTAL + 1)) <= set(numbers)
    assert seen.lost == TOTAL - len(numbers)


async def test_a_sealed_batch_that_is_gone(tmp_path):
    """Somebody deleted a file: the loss is counted and said, the rest goes on."""
    folder, batches = await sealed_spool(tmp_path)
    (folder / "batches" / batches[2].name).unlink()
    numbers, seen = await taken_out(folder)
    assert len(numbers) == TOTAL - 100
    assert seen.lost == 100
    assert any("missing" in note for note in seen.notes)


async def test_batches_survive_a_lost_database(tmp_path):
    """What was sealed is safe in its own file, whatever happens to the database."""
    folder, _ = await sealed_spool(tmp_path)
    shutil.rmtree(folder / "queue")
    numbers, _ = await taken_out(folder)
    assert numbers == list(range(1, TOTAL + 1))


@pytest.mark.parametrize("slot", [0, 1])
async def test_damaged_marks(slot, tmp_path):
    """One of the two slots is enough; and with both gone the copy in the database is taken."""
    folder, batches = await sealed_spool(tmp_path)
    async with await Spool.open(folder, APPLIANCE) as spool:
        await spool.confirm(batches[0])
    flip(folder / "marks", 30 + 512 * slot)
    async with await Spool.open(folder, APPLIANCE) as spool:
        assert spool.status().events == TOTAL - 100
        assert spool.status().lost == 0
    (folder / "marks").write_bytes(b"\0" * 1024)
    async with await Spool.open(folder, APPLIANCE) as spool:
        assert (spool.status().events, spool.status().lost) == (TOTAL - 100, 0)


async def test_a_database_that_is_older_than_the_deliveries(tmp_path):
    """Events that came back with an old copy of the database are not delivered a second time."""
    folder = await filled(tmp_path, calls=50)
    shutil.copytree(folder / "queue", tmp_path / "old")
    first, _ = await taken_out(folder)
    shutil.rmtree(folder / "queue")
    (tmp_path / "old").rename(folder / "queue")
    async with await Spool.open(folder, APPLIANCE) as spool:
        assert spool.status().events == 0
        assert spool.status().accepted >= len(first)


async def test_strange_files_among_the_batches(tmp_path):
    """What somebody put there is set aside, not delivered and not a reason to stop."""
    folder, _ = await sealed_spool(tmp_path)
    (folder / "batches" / "notes.txt").write_text("hello")
    (folder / "batches" / ".new-half").write_bytes(b"x")
    numbers, seen = await taken_out(folder)
    assert len(numbers) == TOTAL
    assert any("notes.txt" in note for note in seen.notes)


@pytest.mark.parametrize("page", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("what", ["zeros", "random"])
async def test_a_page_of_the_tree_that_is_gone_hides_no_event(page, what, tmp_path):
    """The first pages lead to the others; without them SQLite finds nothing, and we all but theirs."""
    folder = await filled(tmp_path, calls=40)
    checkpointed(folder)
    database = folder / "queue" / "events.db"
    data = bytearray(database.read_bytes())
    data[page * 4096 : page * 4096 + 4096] = (
        bytes(4096) if what == "zeros" else random.Random(1).randbytes(4096)
    )
    database.write_bytes(data)
    numbers, seen = await taken_out(folder)
    assert len(numbers) >= TOTAL - 40 * (page > 1)
    assert seen.lost == TOTAL - len(numbers)


async def test_two_batches_with_each_others_names_are_put_right(tmp_path):
    """Somebody copied a backup wrongly: each batch gets its own name back, and no event is missing."""
    folder, batches = await sealed_spool(tmp_path)
    one, other = (folder / "batches" / batches[place].name for place in (0, 2))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    numbers, seen = await taken_out(folder)
    assert numbers == list(range(1, TOTAL + 1))
    assert seen.lost == 0


async def test_a_database_under_the_name_of_its_log(tmp_path):
    """The two largest files swapped: what each holds is seen by how it begins."""
    folder = await filled(tmp_path, calls=40)
    database, log = folder / "queue" / "events.db", folder / "queue" / "events.db-wal"
    content = database.read_bytes()
    database.write_bytes(log.read_bytes())
    log.write_bytes(content)
    numbers, seen = await taken_out(folder)
    assert numbers == list(range(1, TOTAL + 1))
    assert seen.alerts


async def test_numbers_of_a_row_that_were_altered_deliver_nothing_away(tmp_path):
    """A row that claims to reach further than it does would take the events behind it with it."""
    folder = await filled(tmp_path, calls=40)
    import sqlite3

    connection = sqlite3.connect(folder / "queue" / "events.db")
    connection.execute("UPDATE threat_events SET last = last + 200 WHERE seq = 1")
    connection.commit()
    connection.close()
    numbers, seen = await taken_out(folder)
    assert numbers == list(range(1, TOTAL + 1))
    assert seen.lost == 0


@pytest.mark.parametrize(
    "name", ["marks", "newest", "lock", "batches", "queue", "damaged", "queue/events.db"]
)
@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
async def test_what_is_no_plain_file_of_ours_is_set_aside(name, kind, tmp_path):
    """Whatever stands in a file's place, the spool opens, and keeps what the other files hold."""
    folder = await filled(tmp_path, calls=40)
    checkpointed(folder)
    path = folder / name
    if path.is_dir():
        if kind == "folder":
            return
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if kind == "folder":
        (path / "inside" / "more").mkdir(parents=True)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/nowhere")
    numbers, seen = await taken_out(folder)
    kept = 0 if name.startswith("queue") else TOTAL
    assert len(numbers) == kept
    assert seen.lost == TOTAL - kept


@contextmanager
def open_to_all(spool):
    """A copy of a spool in a folder that any user may go to."""
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        shutil.copytree(spool, Path(base) / "spool")
        yield Path(base) / "spool"


@contextmanager
def as_nobody(folder):
    """This process as a user without rights, who owns the folder."""
    folder.parent.chmod(0o755)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of another user")
@pytest.mark.parametrize("name", ["queue/events.db", "marks", "newest", "batches", "queue"])
async def test_a_file_of_another_user_is_his_affair_and_nothing_is_thrown_away(name, tmp_path):
    """Who restored a backup as root is told which file it is; after his chown all of it is delivered."""
    with open_to_all(await filled(tmp_path, calls=40)) as folder:
        checkpointed(folder)
        with as_nobody(folder):
            os.seteuid(0)
            os.chown(folder / name, 0, 0)
            (folder / name).chmod(0o700 if (folder / name).is_dir() else 0o600)
            os.seteuid(NOBODY)
            with pytest.raises(StorageFailed, match=f"not permitted: .*{name.rpartition('/')[2]}"):
                await Spool.open(folder, APPLIANCE)
            os.seteuid(0)
            os.chown(folder / name, NOBODY, NOBODY)
            os.seteuid(NOBODY)
            numbers, seen = await taken_out(folder)
        assert numbers == list(range(1, TOTAL + 1))
        assert (seen.lost, seen.notes) == (0, ())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a user without rights")
@pytest.mark.parametrize("name", ["queue/events.db", "marks", "newest", "batches", "queue"])
async def test_a_file_of_ours_that_nobody_may_read_is_given_back(name, tmp_path):
    """A wrong chmod on our own file is put right without a word."""
    with open_to_all(await filled(tmp_path, calls=40)) as folder:
        checkpointed(folder)
        with as_nobody(folder):
            (folder / name).chmod(0)
            numbers, seen = await taken_out(folder)
        assert numbers == list(range(1, TOTAL + 1))
        assert (seen.lost, seen.notes) == (0, ())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of another user")
async def test_a_batch_of_another_user_waits_and_is_named(tmp_path):
    """It keeps its place in the order; the failure names the file."""
    made, batches = await sealed_spool(tmp_path)
    with open_to_all(made) as folder, as_nobody(folder):
        os.seteuid(0)
        path = folder / "batches" / batches[0].name
        os.chown(path, 0, 0)
        path.chmod(0o600)
        os.seteuid(NOBODY)
        async with await Spool.open(folder, APPLIANCE) as spool:
            with pytest.raises(StorageFailed, match=batches[0].name):
                await spool.read(batches[0])
            assert spool.status().events == TOTAL
        os.seteuid(0)
        os.chown(path, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        assert (await taken_out(folder))[0] == list(range(1, TOTAL + 1))
