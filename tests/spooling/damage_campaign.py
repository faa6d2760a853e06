"""A disk that does anything to a spool's files between two lives, thousands of times, on the spool itself.

Each round takes a copy of a spool that was killed, damages it, opens it and takes everything out. Whatever
was done, it opens, takes events, delivers what is whole, in order, once and unaltered, and tells what is
missing.
"""

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from clock import FakeClock
from spooling.child import APPLIANCE
from spooling.damage import without_room
from spooling.events import numbered_line
from tm_tui.spool import database
from tm_tui.spool.disk import Quota
from tm_tui.spool.store import BatchLimits, Spool

PAGE, SECTOR = 4096, 512
QUOTA = Quota(reserve=1 << 20)
SHAPES = 12


@dataclass(frozen=True)
class Master:
    """A spool as kill -9 left it, and what was accepted and delivered by then."""

    folder: Path
    older: Path
    """The same spool, killed a little earlier."""
    accepted: int
    delivered: frozenset[int]


async def master(base: Path, chance: random.Random, *, log: bool) -> Master:
    """Make one: events delivered, sealed, in the database and (`log`) its log, in commits of random size."""
    live, folder, older = base / "live", base / "killed", base / "older"
    delivered: set[int] = set()
    accepted = 0
    limits = BatchLimits(events=chance.choice((7, 40, 100_000)))
    room = chance.random() < 0.25
    async with await Spool.open(live, APPLIANCE, quota=QUOTA, limits=limits, clock=FakeClock()) as spool:
        for part in range(3):
            for _ in range(chance.randrange(3, 8)):
                last = accepted + chance.choice((1, 3, 20, 60))
                await spool.add([numbered_line(number) for number in range(accepted + 1, last + 1)])
                await spool.seal(everything=False)  # before its own task does, at another moment each time
                accepted = last
            if part < 2:
                await spool.seal()
            for batch in spool.batches()[: chance.randrange(3)] if part == 1 else ():
                first = next(one for one in spool.batches() if one.kind == batch.kind)
                delivered |= {_number(event) for event in await _events(spool, first)}
                await spool.confirm(first)
            if part == 1:
                async with spool._sealer._sealing:
                    _copy(live, older, room=room)
            if chance.random() < 0.5 if part < 2 else not log:
                await spool._opened.writer.call(
                    lambda: spool._opened.core.disk.database._all("PRAGMA wal_checkpoint(TRUNCATE)")
                )
        async with spool._sealer._sealing:
            _copy(live, folder, room=room)
    return Master(folder, older, accepted, frozenset(delivered))


def _copy(folder: Path, target: Path, *, room: bool) -> None:
    """`room`: with what the log never used, which most damage would hit then."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("ballast", "lock"))
    if not room:
        without_room(target)


def _number(event: dict[str, object]) -> int:
    return int(str(event["id"]).removeprefix("p-"))


async def _events(spool: Spool, batch) -> list[dict[str, object]]:  # type: ignore[no-untyped-def]
    data = await spool.read(batch)
    text = b"" if data is None else zstandard.ZstdDecompressor().stream_reader(data).read()
    return [json.loads(line) for line in text.splitlines()]


# --- what a disk does


def _files(spool: Path) -> Sequence[Path]:
    return sorted(path for path in spool.rglob("*") if path.is_file() and path.stat().st_size)


def _edit(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def _blocks(path: Path, chance: random.Random) -> Iterator[int]:
    size = path.stat().st_size
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        yield chance.randrange(-(-size // SECTOR)) * SECTOR


def cut(spool: Path, path: Path, chance: random.Random, turn: int) -> str:
    """Lose the end: at each byte of a page in turn."""
    size = path.stat().st_size
    left = min(size - 1, chance.randrange(-(-size // PAGE)) * PAGE + turn % PAGE)
    os.truncate(path, left)
    return f"cut {path.name} to {left} of {size}"


def zeroed(spool: Path, path: Path, chance: random.Random, turn: int) -> str:
    """Sectors of zeros."""
    places = list(_blocks(path, chance))
    size, wide = path.stat().st_size, chance.choice((SECTOR, SECTOR, PAGE))
    for place in places:
        _edit(path, place, bytes(min(wide, size - place)))
    return f"zeroed {wide} at {places} of {path.name} ({size})"


def scrambled(spool: Path, path: Path, chance: random.Random, turn: int) -> str:
    """Sectors of anything."""
    places = list(_blocks(path, chance))
    size = path.stat().st_size
    for place in places:
        _edit(path, place, chance.randbytes(min(SECTOR, size - place)))
    return f"scrambled {places} of {path.name} ({size})"


def flipped(spool: Path, path: Path, chance: random.Random, turn: int) -> str:
    """A few bits turned round."""
    data = bytearray(path.read_bytes())
    places = [chance.randrange(len(data)) for _ in range(chance.choice((1, 1, 3, 30)))]
    for place in places:
        data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return f"flipped bits of {path.name} at {places}"


def swapped(spool: Path, path: Path, chance: random.Random, turn: int) -> str:
    """Two files have each other's content."""
    other = chance.choice(_files(spool))
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)
    return f"swapped {path.name} and {other.name}"


def gone(spool: Path, path: Path, chance: random.Random, turn: int) -> str:
    """Deleted, or empty."""
    path.unlink()
    if empty := chance.random() < 0.5:
        path.touch()
    return f"{'emptied' if empty else 'deleted'} {path.name}"


def replaced(spool: Path, path: Path, chance: random.Random, turn: int) -> str:
    """Something else stands there: a folder, a pipe, a link to nothing, a file that nobody may read."""
    kind = chance.choice(("folder", "full folder", "pipe", "link", "mode"))
    if kind == "mode":
        path.chmod(0)
        return f"mode 0 for {path.name}"
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("nowhere")
    else:
        path.mkdir()
        if kind == "full folder":
            (path / "inside").mkdir()
            (path / "inside" / "x").write_text("x")
    return f"{kind} instead of {path.name}"


def grown(spool: Path, path: Path, chance: random.Random, turn: int) -> str:
    """More bytes at the end."""
    with path.open("ab") as file:
        file.write(chance.randbytes(chance.choice((1, 100, PAGE, 3 * PAGE))))
    return f"{path.name} has grown"


def stray(spool: Path, path: Path, chance: random.Random, turn: int) -> str:
    """What is not ours lies among our files, and one of ours in another place."""
    place = chance.choice((spool, spool / "batches", spool / "queue"))
    target = place / chance.choice(
        ("notes.txt", ".new-half", "events.db-journal", "x" * 250, "queue.new", "damaged")
    )
    if os.path.lexists(target):
        return "nothing"
    shutil.copy(path, target)
    return f"{path.name} copied to {target.name}"


DAMAGES: tuple[Callable[[Path, Path, random.Random, int], str], ...] = (
    *(cut, cut, cut, zeroed, zeroed, scrambled, scrambled),
    *(flipped, swapped, swapped, gone, replaced, grown, stray),
)


def aged(spool: Path, older: Path, chance: random.Random) -> str:
    """A file, or the queue's folder, is the one of an earlier moment."""
    names = ["queue", *(str(path.relative_to(older)) for path in _files(older))]
    name = chance.choice(names)
    target = spool / name
    if (older / name).is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(older / name, target)
    else:
        target.parent.mkdir(exist_ok=True)
        shutil.copy(older / name, target)
    return f"{name} of an earlier moment"


# --- the rounds


@dataclass
class Outcome:
    """What came of many rounds."""

    rounds: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    whole: int = 0
    """Rounds in which nothing at all was missing."""


@dataclass
class DamageCampaign:
    """Rounds on copies of some masters. An error's notes say what was done to the spool."""

    base: Path
    seed: int
    outcome: Outcome = field(default_factory=Outcome)

    async def prepare(self, shapes: int = SHAPES) -> None:
        """Make the masters."""
        chance = random.Random(f"{self.seed} masters")
        self.masters = [
            await master(self.base / f"master-{number}", chance, log=number % 3 > 0)
            for number in range(shapes)
        ]

    async def round(self, turn: int) -> None:
        """Damage one copy in any way and take everything out of it."""
        chance = random.Random(f"{self.seed} {turn}")
        chosen = self.masters[turn % len(self.masters)]
        spool = self.copy(chosen)
        await self.judge(turn, spool, chosen, self.harm(spool, chosen, chance, turn))

    async def cut_at(self, byte: int) -> None:
        """Cut one file of one copy at this byte of one of its pages."""
        chance = random.Random(f"{self.seed} byte {byte}")
        chosen = self.masters[byte % len(self.masters)]
        spool = self.copy(chosen)
        path = self.pick(spool, chance)
        self.outcome.hits[f"cut at byte {byte // 1024 * 1024} and on of a page"] += 1
        await self.judge(byte, spool, chosen, [cut(spool, path, chance, byte)])

    def copy(self, chosen: Master) -> Path:
        """A fresh copy of a master."""
        spool = self.base / "spool"
        shutil.rmtree(spool, ignore_errors=True)
        shutil.copytree(chosen.folder, spool)
        return spool

    async def judge(self, turn: int, spool: Path, chosen: Master, done: list[str]) -> None:
        """Take everything out of a damaged spool, and look."""
        told = f"seed {self.seed}, round {turn}: {'; '.join(done)}"
        try:
            lost = await self._drained(spool, chosen, exactly=len(done) == 1)
        except Exception as error:
            error.add_note(told)
            raise
        self.outcome.rounds += 1
        self.outcome.lost += lost
        self.outcome.whole += not lost

    def harm(self, spool: Path, chosen: Master, chance: random.Random, turn: int) -> list[str]:
        """Do one thing to it, or two or three."""
        done: list[str] = []
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            if not _files(spool):
                break
            if not done and chance.random() < 0.05:
                done.append(aged(spool, chosen.older, chance))
                self.outcome.hits["older file"] += 1
                continue
            damage = chance.choice(DAMAGES)
            path = self.pick(spool, chance)
            kind = "a batch" if path.parent.name == "batches" else path.name
            done.append(damage(spool, path, chance, turn))
            self.outcome.hits[f"{damage.__name__} {kind if len(kind) < 20 else 'a stray file'}"] += 1
        return done

    @staticmethod
    def pick(spool: Path, chance: random.Random) -> Path:
        """A file: a batch, one of the database's, or another, alike often."""
        groups: dict[str, list[Path]] = {"batches": [], "queue": [], "other": []}
        for path in _files(spool):
            groups[path.parent.name if path.parent.name in groups else "other"].append(path)
        return chance.choice(chance.choice([found for found in groups.values() if found]))

    async def _drained(self, folder: Path, chosen: Master, *, exactly: bool) -> int:
        async with await Spool.open(folder, APPLIANCE, quota=QUOTA) as spool:
            first = spool.status()
            new = chosen.accepted + 1
            assert (await spool.add([numbered_line(new)])).accepted == 1, "it takes no events"
            found = [_number(event) for event in await taken_out(spool)]
            seen = spool.status()
        assert found.count(new) == 1, "a new event was not delivered"
        assert seen.events == 0
        assert seen.refusal is None
        wanted = set(range(1, chosen.accepted + 1)) - chosen.delivered
        again = chosen.delivered & set(found)
        missing = wanted - set(found)
        if exactly:
            assert not again, f"delivered twice: {sorted(again)[:5]}"
            assert seen.lost == len(missing), f"{len(missing)} are missing, {seen.lost} are called lost"
        if missing:
            assert seen.alerts, f"{len(missing)} are missing, and nobody is told"
        assert len(first.alerts) <= 25
        async with await Spool.open(
            folder, APPLIANCE, quota=QUOTA
        ) as spool:  # and the next start finds it in order
            assert spool.status().lost == seen.lost
            assert not spool.status().notes, spool.status().notes
        return len(missing)


async def taken_out(spool: Spool) -> list[dict[str, object]]:
    """Deliver everything: each event unaltered, and in order within its kind."""
    await spool.seal()
    events: list[dict[str, object]] = []
    for _ in range(10_000):
        batches = spool.batches()
        if not batches:
            break
        found = await _events(spool, batches[0])
        if found:
            events += found
            await spool.confirm(batches[0])
    assert not spool.batches(), "the batches have no end"
    for event in events:
        assert event == {**json.loads(numbered_line(_number(event))), "seq": event["seq"]}, "altered"
    for kind in ("threat-event", "root-cause"):
        numbers = [_number(event) for event in events if event["kind"] == kind]
        assert numbers == sorted(set(numbers)), "twice, or out of order"
    return events


def small_pages() -> None:
    """Vacuum small spools too, so that pages move."""
    database._VACUUM_AT, database._VACUUM_PORTION = 4, 4
