"""The spool itself, as plain calls that block.

`Writer` runs them one after the other in a thread of its own.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, islice

from tm_tui.clock import Clock
from tm_tui.errors import StorageFailed
from tm_tui.spool import batch as files
from tm_tui.spool.batch import Batch
from tm_tui.spool.disk import Disk, Quota, full_by_age, full_by_bytes, full_disk
from tm_tui.spool.events import KINDS, EventKind
from tm_tui.spool.intake import Checked, CheckedEvent, Intake, Rejection
from tm_tui.spool.known_ids import KnownIds
from tm_tui.spool.marks import AgeClock
from tm_tui.spool.recovery import Recovery
from tm_tui.spool.rows import Chunk, joined, numbered_chunks
from tm_tui.spool.sealed import SealedBatches
from tm_tui.spool.trace import Trace

__all__ = ["BatchLimits", "SpoolCore", "Waiting"]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """A batch is sealed when so many events or bytes (before compression) are there, or one is so old."""

    events: int = 5000
    bytes: int = 4 << 20
    age: float = 3600.0


@dataclass(slots=True)
class Waiting:
    """Events of one kind that are not sealed yet; `oldest` in milliseconds (AgeClock)."""

    events: int = 0
    bytes: int = 0
    oldest: int | None = None


class SpoolCore:
    """See `Spool`. Methods raise StorageFailed; one thread at a time may call them."""

    def __init__(
        self,
        disk: Disk,
        *,
        appliance: str,
        quota: Quota,
        limits: BatchLimits,
        clock: Clock,
        trace: Trace,
    ) -> None:
        self.disk, self.appliance, self.quota, self.limits = disk, appliance, quota, limits
        self.now, self.trace = clock.now, trace
        oldest = self.disk.safely(self._oldest_kept)
        if disk.newest.lost and not disk.is_new:
            disk.note("How many events were accepted before is not known for certain any more.")
        self.age = AgeClock(disk.newest, clock.monotonic, oldest)
        self.disk.safely(self._load)
        self.age.keep(self.next_seq - 1)

    def _oldest_kept(self) -> int | None:
        """When the oldest of all events in the database was accepted."""
        database = self.disk.database
        moments = [batch.oldest_at for batch in database.batches()]
        moments += [at for kind in KINDS if (at := database.totals(kind)[3]) is not None]
        return min(moments, default=None)

    def _load(self) -> None:
        """Bring files and database into step, then count what waits."""
        database, marks = self.disk.database, self.disk.marks
        marks.mend(database.marks())
        self.known = KnownIds(database)
        where = database, self.disk.sealed, marks, self.appliance
        Recovery(*where, self.now(), self.age.now(), self.disk.note, self.known).run()
        self.sealed = SealedBatches(self.disk, self.appliance, self.trace, self.now)
        self.waiting: dict[EventKind, Waiting] = {}
        newest = self.disk.newest.kept.number
        last = max([marks.get("accepted"), newest, *(batch.last for batch in self.sealed.batches)])
        for kind in KINDS:
            events, size, greatest, oldest = database.totals(kind)
            self.waiting[kind] = Waiting(events, size, oldest)
            last = max(last, greatest, marks.get(kind))
        self.next_seq = last + 1
        if marks.lost and last:
            self.disk.note("How many events were delivered before is not known any more.")
            marks.put(confirmed=last - self.events())
            marks.lost = False
        self._count_lost()

    def _load_again(self, taken: Sequence[CheckedEvent]) -> None:
        """After salvage in the middle of a commit: load, and note again the ids that are being taken."""
        self._load()
        for event in taken:
            if event.given is not None:
                self.known.repeated(event.given, event.body)

    def close(self) -> None:
        """Note the time, and close the files."""
        self.age.keep()
        self.disk.close()

    # --- what waits

    def events(self) -> int:
        """Events that wait, sealed or not."""
        return self.sealed.total.events + sum(one.events for one in self.waiting.values())

    def settle(self) -> None:
        """Count what damage to the disk has cost since the spool was made: numbers have no gaps otherwise.

        In the writer's thread and between its jobs only; in the middle of one the counts do not fit together.
        After salvage in such a job all is counted anew.
        """
        if self.disk.salvaged:
            with suppress(StorageFailed):  # the status tells it, and the next job finds it again
                self.disk.safely(self._load)
                self.disk.salvaged = False
            return
        self._count_lost()

    def _count_lost(self) -> None:
        self.lost = max(0, self.next_seq - 1 - self.disk.marks.get("confirmed") - self.events())

    def used(self) -> int:
        """Bytes that wait, sealed or not."""
        return self.sealed.total.bytes + sum(one.bytes for one in self.waiting.values())

    def oldest(self) -> int | None:
        """When the oldest event that waits was accepted, in milliseconds of the spool's clock."""
        moments = (self.sealed.total.oldest, *(one.oldest for one in self.waiting.values()))
        return min((moment for moment in moments if moment is not None), default=None)

    def refusal(self, size: int) -> StorageFailed | None:
        """Why `size` more bytes cannot be accepted now; None if they can."""
        quota = self.quota  # another thread may put a new one in force
        if self.used() + size > quota.bytes:
            return full_by_bytes(quota)
        oldest = self.oldest()
        if oldest is not None and self.age.now() - oldest > quota.age * 1000:
            return full_by_age(quota)
        try:
            if self.disk.free() < quota.reserve + size:
                return full_disk(self.disk.folder)
        except StorageFailed as failure:
            return failure
        return None

    # --- intake

    def accept(self, requests: Sequence[Checked]) -> list[Intake | StorageFailed]:
        """Commit the checked lines of several requests together: one fsync for all of them."""
        results: list[Intake | StorageFailed] = []
        taken: list[CheckedEvent] = []
        sizes = list(accumulate(request.size for request in requests))
        room = self.refusal(sizes[-1]) is None
        for request, size in zip(requests, sizes, strict=True):
            refusal = None if room else self.refusal(size)
            results.append(refusal or self._take(request, taken))
        try:
            if taken:
                self.disk.safely(lambda: self._commit(taken), heal=lambda: self._load_again(taken))
        except StorageFailed as failure:
            self.known.withdraw([event.given for event in taken if event.given is not None])
            return [failure if isinstance(result, Intake) else result for result in results]
        return results

    def _take(self, request: Checked, taken: list[CheckedEvent]) -> Intake:
        """Add what is new to `taken`; an id that is known is the same event again, or another one's."""
        accepted, bad = len(request.events), list(request.rejected)
        for number, event in zip(request.numbers, request.events, strict=True):
            repeated = None if event.given is None else self.known.repeated(event.given, event.body)
            if repeated is None:
                taken.append(event)
            elif not repeated:
                accepted -= 1
                bad.append(Rejection(number, "id: Another event was accepted under this id."))
        return Intake(accepted, tuple(sorted(bad, key=lambda one: one.line)))

    def _commit(self, taken: Sequence[CheckedEvent]) -> None:
        chunks = numbered_chunks(taken, self.next_seq, self.age.now())
        self.trace("commit")
        self.disk.database.commit(chunks)
        self.trace("committed")
        self.next_seq += len(taken)
        self.age.keep(self.next_seq - 1)
        for chunk in chunks:
            waiting = self.waiting[chunk.kind]
            waiting.events += chunk.events
            waiting.bytes += len(chunk.lines)
            waiting.oldest = chunk.at if waiting.oldest is None else waiting.oldest

    # --- sealing

    def choose(self, kind: EventKind, *, everything: bool) -> list[Chunk]:
        """The chunks of the next batch; none if it is not due. `everything`: whatever there is, is due."""
        waiting, limits = self.waiting[kind], self.limits
        aged = waiting.oldest is not None and self.age.now() - waiting.oldest > limits.age * 1000
        full = waiting.events >= limits.events or waiting.bytes >= limits.bytes
        if not waiting.events or not (everything or full or aged):
            return []
        return self.disk.safely(lambda: self._next_chunks(kind), heal=self._load)

    def _next_chunks(self, kind: EventKind) -> list[Chunk]:
        chosen: list[Chunk] = []
        events = size = 0
        for chunk in self.disk.database.chunks(kind):
            events, size = events + chunk.events, size + len(chunk.lines)
            if chosen and (events > self.limits.events or size > self.limits.bytes):
                break
            if chosen and self.sealed.between(kind, chosen[-1].last, chunk.first):
                break
            chosen.append(chunk)
        return chosen

    def some_chunks(self, kind: EventKind, after: int) -> list[Chunk]:
        """Some of the unsealed chunks that begin after `after`, to look at."""
        return self.disk.safely(
            lambda: list(islice(self.disk.database.chunks(kind, after), 20)), heal=self._load
        )

    def write(self, chunks: Sequence[Chunk]) -> tuple[Batch, bytes] | None:
        """Write the batch file of these chunks (in any thread); None if the disk has altered every event."""
        lines, checks = joined(chunks, self.disk.note)
        if not lines:
            return None
        self.trace("seal")
        kind, oldest = chunks[0].kind, min(chunk.at for chunk in chunks)
        where = self.disk.sealed, self.appliance
        batch = self.disk.safely(
            lambda: files.seal(*where, lines, kind=kind, oldest_at=oldest, now=self.now(), trace=self.trace)
        )
        self.trace("sealed")
        return batch, checks

    def record(self, chunks: Sequence[Chunk], written: tuple[Batch, bytes] | None) -> None:
        """File the batch and drop its chunks from the database."""
        try:
            self.disk.safely(lambda: self._record(chunks, written), heal=self._load)
        except StorageFailed:
            if written:
                (self.disk.sealed / written[0].name).unlink(missing_ok=True)
            raise
        self.trace("recorded")
        self._vacuum()

    def _record(self, chunks: Sequence[Chunk], written: tuple[Batch, bytes] | None) -> None:
        kind, database = chunks[0].kind, self.disk.database
        if written and any(one.name == written[0].name for one in self.sealed.batches):  # `heal` has filed it
            return
        with database.transaction():
            if written:
                database.record(*written)
            events, size = database.drop(kind, chunks[0].first, chunks[-1].last)
            self.known.save(database)
        self.known.saved()
        waiting = self.waiting[kind]
        self.waiting[kind] = Waiting(waiting.events - events, waiting.bytes - size, database.oldest(kind))
        if written:
            self.sealed.added(written[0])

    def _vacuum(self) -> None:
        with suppress(sqlite3.Error):
            self.trace("vacuum")
            self.disk.database.vacuum()
            self.trace("vacuumed")

    # --- delivery

    def confirm(self, batch: Batch) -> None:
        """The server has the first batch of its kind."""
        self.trace("confirm")
        self.sealed.confirm(batch, accepted=self.next_seq - 1)
        self.disk.ballast.take(self.quota.reserve)
