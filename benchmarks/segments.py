"""The spool that was not built: append-only segments beside today's SQLite, `python -m benchmarks.segments`.

A prototype of what ARCHITECTURE.md refuses ("SQLite, not segments"). Accepted events are appended to a
segment, with a checksum for each line and one for each record, and one fdatasync for a group. A full segment
is compressed into one batch of each kind, which is renamed into place, and a line in a small ledger tells of
it. Its file is used again then, as a sync costs less where the blocks are written already. It does the work
of today's intake: the same check, numbers and checksums, known ids, room on the disk, batches. It has neither
salvage nor limits.

Today's, the prototype and the floor take turns, so that what else the machine does meets all. The floor is
one caller who hands a line to a thread, which writes and syncs it. Time ends when all that fills a batch is
sealed. For each round events a second and microseconds of CPU an event are printed, then the medians of the
ratios. Where the disk is busy, `--on /dev/shm` compares what the CPU does; of syncs it says nothing.
"""

import argparse
import asyncio
import json
import os
import re
import struct
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.intake import CALLERS, rsyslog
from benchmarks.peers import mixed_lines, row
from tm_tui.errors import StorageFailed
from tm_tui.spool import batch as files
from tm_tui.spool.events import KINDS, EventKind
from tm_tui.spool.intake import Checked, CheckedEvent, Intake, Rejection, check_lines, portions
from tm_tui.spool.rows import Chunk, joined, numbered_chunks
from tm_tui.spool.store import Spool
from tm_tui.spool.writer import Writer

_SIZE, _MOST_EVENTS, _MOST_BYTES = 12 << 20, 5000, 4 << 20
_HEAD = struct.Struct("<IIBQQIQ")
"""Check of all that follows but the lines, generation of the segment, kind, first, last, events, moment."""
_SIZES = struct.Struct("<II")
_RESERVE = 16 << 20


class Segment:
    """A file of records. `generation` tells them from what an earlier use left behind them."""

    def __init__(self, path: Path, generation: int) -> None:
        self.path, self.generation = path, generation
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self.file).st_size < _SIZE:
            os.pwrite(self.file, bytes(_SIZE), 0)
            os.fsync(self.file)
        self.at = 0
        self.waiting = dict.fromkeys(KINDS, 0)

    @property
    def full(self) -> bool:
        """Whether it holds a batch of a kind."""
        return self.at > _MOST_BYTES or max(self.waiting.values()) >= _MOST_EVENTS

    def append(self, chunks: Sequence[Chunk]) -> None:
        """Write a record a chunk. On the disk when it returns. Raises OSError."""
        parts: list[bytes] = []
        for one in chunks:
            numbers = (self.generation, KINDS.index(one.kind), one.first, one.last, one.events, one.at)
            head = _HEAD.pack(0, *numbers)[4:] + _SIZES.pack(len(one.checks), len(one.lines)) + one.checks
            parts += [struct.pack("<I", zlib.crc32(head)), head, one.lines]
            self.waiting[one.kind] += one.events
        self.at += os.pwritev(self.file, parts, self.at)
        os.fdatasync(self.file)

    def records(self) -> Iterator[Chunk]:
        """What is in it, to the first record that is none of this use."""
        at = 0
        while len(head := os.pread(self.file, _HEAD.size + _SIZES.size, at)) == _HEAD.size + _SIZES.size:
            check, generation, kind, first, last, events, moment = _HEAD.unpack_from(head)
            checks, lines = _SIZES.unpack_from(head, _HEAD.size)
            at += len(head)
            found = os.pread(self.file, checks, at)
            if generation != self.generation or zlib.crc32(head[4:] + found) != check:
                return
            text = os.pread(self.file, lines, at + checks)
            yield Chunk(KINDS[kind], first, last, events, moment, found, text)
            at += checks + lines


class Segments:
    """The queue. One thread accepts, another one seals."""

    def __init__(self, folder: Path, appliance: str) -> None:
        self.folder, self.sealed = folder, folder / "batches"
        self.sealed.mkdir(parents=True)
        self._appliance = appliance
        self._ledger = os.open(folder / "ledger", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._made = self._generation = 0
        self._free: list[Segment] = []
        self.open = self._next()
        self.next_seq, self.batches = 1, 0
        self._ids: dict[str, int] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="seal")
        self._sealing: list[Future[None]] = []
        self.writer = Writer(self.accept)

    def _next(self) -> Segment:
        self._generation += 1
        if self._free:
            segment = self._free.pop()
            segment.generation, segment.at = self._generation, 0
            segment.waiting = dict.fromkeys(KINDS, 0)
            return segment
        self._made += 1
        return Segment(self.folder / f"segment-{self._made:03}", self._generation)

    async def add(self, lines: Sequence[bytes]) -> Intake:
        """As `Spool.add`."""
        accepted, rejected = 0, list[Rejection]()
        for start, some in portions(lines, 500):
            part = await self.writer.add(check_lines(some))
            accepted += part.accepted
            rejected += [Rejection(one.line + start, one.reason) for one in part.rejected]
        return Intake(accepted, tuple(rejected))

    def accept(self, requests: Sequence[Checked]) -> list[Intake | StorageFailed]:
        """One group: one write, one sync."""
        size = list(accumulate(request.size for request in requests))[-1]
        os.stat(self.folder)  # noqa: PTH116 - what today's intake asks of the disk each time
        found = os.statvfs(self.folder)
        if found.f_bavail * found.f_frsize < _RESERVE + size:
            return [StorageFailed("The disk is full.", "Make room.")] * len(requests)
        taken: list[CheckedEvent] = []
        results: list[Intake | StorageFailed] = [self._take(request, taken) for request in requests]
        if taken:
            self.open.append(numbered_chunks(taken, self.next_seq, time.monotonic_ns() // 1_000_000))
            self.next_seq += len(taken)
        if self.open.full:
            full, self.open = self.open, self._next()
            self._sealing.append(self._pool.submit(self._seal, full))
        return results

    def _take(self, request: Checked, taken: list[CheckedEvent]) -> Intake:
        bad = list(request.rejected)
        for number, event in zip(request.numbers, request.events, strict=True):
            if event.given is None or self._ids.setdefault(event.given, zlib.crc32(event.body)) is None:
                taken.append(event)
            else:
                bad.append(Rejection(number, "id: known."))
        return Intake(len(request.events), tuple(bad))

    def _seal(self, full: Segment) -> None:
        """Compress and rename; then the ledger says that the segment is done with."""
        chunks = list(full.records())
        for kind in KINDS:
            if mine := [one for one in chunks if one.kind == kind]:
                lines, checks = joined(mine, lambda _: None)
                self._file(kind, mine[0].at, lines, checks, full.generation)
        self._free.append(full)

    def _file(self, kind: EventKind, oldest: int, lines: bytes, checks: bytes, generation: int) -> None:
        now = datetime.now(UTC)
        batch = files.seal(self.sealed, self._appliance, lines, kind=kind, oldest_at=oldest, now=now)
        about = [
            batch.name,
            batch.kind,
            batch.first,
            batch.last,
            batch.events,
            batch.bytes,
            oldest,
            generation,
        ]
        text = json.dumps([*about, checks.hex()]).encode()
        os.write(self._ledger, b"%08x %s\n" % (zlib.crc32(text), text))
        os.fdatasync(self._ledger)
        self.batches += batch.events

    async def settled(self) -> None:
        """All full segments are sealed."""
        for one in self._sealing:
            await asyncio.wrap_future(one)

    async def close(self) -> None:
        """End both threads; see that nothing is missing."""
        await self.writer.close()
        await self.settled()
        self._pool.shutdown()
        left = sum(chunk.events for chunk in self.open.records())
        assert left + self.batches == self.next_seq - 1, "events are missing"
        for segment in (self.open, *self._free):
            os.close(segment.file)
        os.close(self._ledger)


Add = Callable[[Sequence[bytes]], Awaitable[Intake]]
Settle = Callable[[], Awaitable[None]]


class Found(NamedTuple):
    """What one measurement gave: events a second, microseconds of CPU an event."""

    rate: float
    cpu: float


async def measured(add: Add, settle: Settle, size: int, callers: int, seconds: float) -> Found:
    """Hand events in for so long, and wait until all that fills a batch is sealed."""
    done = 0
    lines = mixed_lines(size)
    began, cpu = time.perf_counter(), time.process_time()

    async def call() -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            intake = await add(lines)
            done += intake.accepted

    await asyncio.gather(*(call() for _ in range(callers)))
    await settle()
    return Found(done / (time.perf_counter() - began), (time.process_time() - cpu) / done * 1e6)


async def of_today(folder: Path, size: int, callers: int, seconds: float) -> Found:
    """The spool as it is."""
    async with await Spool.open(folder, "tm-benchmark") as spool:
        return await measured(spool.add, lambda: spool.seal(everything=False), size, callers, seconds)


async def of_segments(folder: Path, size: int, callers: int, seconds: float) -> Found:
    """The prototype."""
    segments = Segments(folder, "tm-benchmark")
    try:
        return await measured(segments.add, segments.settled, size, callers, seconds)
    finally:
        await segments.close()


async def of_the_floor(folder: Path, _size: int, _callers: int, seconds: float) -> Found:
    """One caller, nothing but a thread, a write and a sync: nobody who answers can be faster."""
    segment = Segment(folder, 1)

    def accept(requests: Sequence[Checked]) -> list[Intake | StorageFailed]:
        place = segment.at % (_SIZE // 2)
        segment.at += os.pwrite(segment.file, requests[0].events[0].body, place)
        os.fdatasync(segment.file)
        return [Intake(1)]

    async def nothing() -> None:
        return

    writer, checked = Writer(accept), check_lines(mixed_lines(1))
    try:
        return await measured(lambda _: writer.add(checked), nothing, 1, 1, seconds)
    finally:
        await writer.close()
        os.close(segment.file)


Way = Callable[[Path, int, int, float], Awaitable[Found]]
WAYS: dict[str, Way] = {"today": of_today, "segments": of_segments}


async def _run(way: Way, place: Path, size: int, callers: int, seconds: float) -> Found:
    return await way(place, size, callers, seconds)


def one_round(base: Path, number: int, seconds: float) -> Iterator[tuple[str, float]]:
    """The ratios of one round, by what they are ratios of."""
    peer = rsyslog(base / f"peer-{number}", 5000)
    for size, callers in CALLERS:
        ways = dict(WAYS if number % 2 else reversed(WAYS.items()))
        if (size, callers) == (1, 1):
            ways["the floor"] = of_the_floor
        found: dict[str, Found] = {}
        for name, way in ways.items():
            place = base / f"{number}-{size}-{callers}-{name}"
            found[name] = asyncio.run(_run(way, place, size, callers, seconds))
        told = {name: [round(one.rate), round(one.cpu, 1)] for name, one in found.items()}
        print(json.dumps({"round": number, "call": size, "callers": callers, **told}), flush=True)
        what = f"{size:,} a call, {callers} callers"
        yield f"{what}: rate of today's", found["segments"].rate / found["today"].rate
        yield f"{what}: CPU of today's", found["segments"].cpu / found["today"].cpu
        if (size, callers) == (1, 1) and peer:
            for name, one in found.items():
                yield f"one caller against rsyslog's {peer:,.0f}: {name}", one.rate / peer


def main() -> None:
    """Measure in turns and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=3.0)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--on", type=Path, default=Path("/var/tmp"), help="a folder of the disk to measure")
    given = options.parse_args()
    ratios: defaultdict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="tm-benchmark-", dir=given.on) as folder:
        base = Path(folder)
        for number in range(given.rounds):
            for what, ratio in one_round(base, number, given.seconds):
                ratios[re.sub(r"'s [0-9,]+:", ":", what)].append(ratio)
    for what, several in ratios.items():
        row(what, f"{median(several):.2f}x", f"{min(several):.2f} to {max(several):.2f}")


if __name__ == "__main__":
    main()
