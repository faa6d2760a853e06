"""The list of sealed batches: confirmed when they are delivered, split or mended when they cannot be."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from pathlib import Path

from tm_tui.errors import StorageFailed
from tm_tui.spoken import count
from tm_tui.spool import batch as files
from tm_tui.spool.batch import Batch, BatchDamaged
from tm_tui.spool.disk import Disk
from tm_tui.spool.events import KINDS, EventKind
from tm_tui.spool.tidy import is_file, set_aside
from tm_tui.spool.trace import Trace

__all__ = ["SealedBatches"]

_PIECE = 4096


@dataclass(frozen=True, slots=True)
class Sum:
    """What some batches come to; `oldest` in milliseconds of the spool's clock."""

    batches: int
    events: int
    bytes: int
    oldest: int | None

    @classmethod
    def of(cls, batches: Sequence[Batch]) -> "Sum":
        """Add them up."""
        oldest = min(map(_oldest_at, batches), default=None)
        return cls(len(batches), sum(map(_events, batches)), sum(map(_bytes, batches)), oldest)

    def plus(self, batch: Batch) -> "Sum":
        """One more."""
        oldest = batch.oldest_at if self.oldest is None else min(self.oldest, batch.oldest_at)
        return Sum(self.batches + 1, self.events + batch.events, self.bytes + batch.bytes, oldest)


_events, _bytes, _oldest_at = attrgetter("events"), attrgetter("bytes"), attrgetter("oldest_at")


class SealedBatches:
    """Changed by one thread; its tuples and numbers may be read by any, as they are replaced, never altered.

    Methods raise StorageFailed.
    """

    def __init__(self, disk: Disk, appliance: str, trace: Trace, now: Callable[[], datetime]) -> None:
        self._disk, self._appliance, self._trace, self._now = disk, appliance, trace, now
        self.batches: tuple[Batch, ...] = ()
        self.kinds: dict[EventKind, Sum] = {}
        self._set(disk.database.batches())

    def _set(self, batches: Sequence[Batch]) -> None:
        """Count here: there may be thousands, and every commit and every status asks for the sums."""
        self.batches = tuple(sorted(batches, key=attrgetter("first")))
        self.kinds = {kind: Sum.of([one for one in self.batches if one.kind == kind]) for kind in KINDS}
        self.total = Sum.of(self.batches)

    def added(self, batch: Batch) -> None:
        """A batch was sealed and filed."""
        if self.batches and batch.first < self.batches[-1].first:
            self._set((*self.batches, batch))
            return
        self.batches = (*self.batches, batch)
        self.kinds[batch.kind] = self.kinds[batch.kind].plus(batch)
        self.total = self.total.plus(batch)

    def between(self, kind: EventKind, last: int, first: int) -> bool:
        """Whether a batch of this kind lies between two numbers, as it may after damage was salvaged."""
        return any(one.kind == kind and last < one.first < first for one in self.batches)

    def confirm(self, batch: Batch, accepted: int) -> None:
        """The server has it: note that first, in a way that a full disk cannot prevent, then drop it.

        Only the first batch of its kind can be confirmed: the marks say "all up to here" (else ValueError).
        `accepted` is the newest `seq`, kept so that no number is given twice.
        """
        if any(one.kind == batch.kind and one.first < batch.first for one in self.batches):
            raise ValueError(f"{batch.name} is not the first of its kind.")
        marks = self._disk.marks
        confirmed = {"confirmed": marks.get("confirmed") + batch.events, "accepted": accepted}
        self._disk.safely(lambda: marks.put(**{batch.kind: batch.last}, **confirmed))
        self._trace("marked")
        self._set([one for one in self.batches if one.name != batch.name])
        # What fails from here on is done at the next start (`Recovery`). The file goes first: it makes room.
        with suppress(OSError):
            (self._disk.sealed / batch.name).unlink(missing_ok=True)
        self._trace("unlinked")
        with suppress(StorageFailed):
            self._disk.safely(lambda: self._file(batch, []))
        self._trace("dropped")

    def _file(self, old: Batch, new: Sequence[tuple[Batch, bytes]]) -> None:
        with self._disk.database.transaction():
            self._disk.database.forget(old.name)
            self._disk.database.keep_marks(self._disk.marks.copy())
            for one in new:
                self._disk.database.record(*one)

    def split(self, batch: Batch) -> tuple[Batch, ...]:
        """Seal a batch anew as two (the server found it too large); () if it holds one event only."""
        try:
            text = self._disk.safely(lambda: files.read_lines(self._disk.sealed, batch))
        except BatchDamaged:  # since it was read for delivery; it will be read again
            return ()
        lines = text.splitlines(keepends=True)
        middle = len(lines) // 2
        if not middle:
            return ()
        halves = [self._sealed_anew(batch, b"".join(part)) for part in (lines[:middle], lines[middle:])]
        self._trace("split")
        self._replace(batch, halves)
        return tuple(half for half, _ in halves)

    def mend(self, batch: Batch) -> None:
        """A batch file is damaged or gone: find it under another name, or seal what of it is whole anew."""
        path = self._disk.sealed / batch.name
        if other := self._disk.safely(lambda: files.misplaced(self._disk.sealed, batch)):
            self._disk.safely(lambda: _exchange(path, other))
            self._disk.note(f"The sealed batch {batch.name} had another name; it has its own again.")
            return
        checks = self._disk.safely(lambda: self._disk.database.checks(batch.name))
        left: list[bytes] = []
        if os.path.lexists(path):
            aside = self._disk.safely(lambda: set_aside(path, self._now()))
            left = files.intact(files.readable_lines(_what_is_left(aside)), checks)
        self._replace(batch, [self._sealed_anew(batch, b"\n".join(left) + b"\n")] if left else [])
        lost = batch.events - len(left)
        self._disk.note(f"The disk has altered the sealed batch {batch.name}; lost: {count(lost, 'event')}.")

    def _sealed_anew(self, batch: Batch, lines: bytes) -> tuple[Batch, bytes]:
        where = self._disk.sealed, self._appliance
        kind, oldest, sealed = batch.kind, batch.oldest_at, batch.sealed_at
        new = self._disk.safely(
            lambda: files.seal(*where, lines, kind=kind, oldest_at=oldest, now=sealed, trace=self._trace)
        )
        return new, files.checks_of(lines)

    def _replace(self, old: Batch, new: Sequence[tuple[Batch, bytes]]) -> None:
        self._disk.safely(lambda: self._file(old, new))
        kept = [one for one in self.batches if one.name != old.name]
        self._set([*kept, *(batch for batch, _ in new)])
        if all(batch.name != old.name for batch, _ in new):  # mended whole, it has its old name again
            with suppress(OSError):
                (self._disk.sealed / old.name).unlink(missing_ok=True)


def _exchange(path: Path, other: Path) -> None:
    """Give `other` the name of `path`, and what has that name the other. A crash in between does no harm."""
    between = path.with_name(f"{path.name}.moved")
    if os.path.lexists(path):
        path.rename(between)
    other.rename(path)
    if os.path.lexists(between):
        between.rename(other)


def _what_is_left(path: Path) -> bytes:
    """The bytes of a damaged batch, as far as the disk gives them."""
    parts: list[bytes] = []
    with suppress(OSError):
        if is_file(path):
            with path.open("rb", buffering=0) as file:
                while part := file.read(_PIECE):
                    parts.append(part)
    return b"".join(parts)
