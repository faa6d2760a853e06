"""After any kind of end: bring the database, the batch files and the marks into step.

A batch file that is there whole was sealed, and stands for its events. What the marks say was delivered is
gone.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tm_tui.spool import batch as files
from tm_tui.spool.batch import Batch, BatchDamaged
from tm_tui.spool.chunks import Note, joined
from tm_tui.spool.database import Chunk, SpoolDatabase
from tm_tui.spool.events import KINDS, EventKind
from tm_tui.spool.known import KnownIds
from tm_tui.spool.marks import Marks
from tm_tui.text import safe_text

__all__ = ["Recovery", "set_aside"]

_KEPT = 4
"""So many damaged things are kept beside the newest."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """One start's work. Raises OSError, sqlite3.Error; may be repeated at will."""

    database: SpoolDatabase
    sealed: Path
    marks: Marks
    appliance: str
    now: datetime
    note: Note
    known: KnownIds
    """Read before anything is dropped: a producer may repeat what was sealed before it was answered."""

    def run(self) -> None:
        """Do it all."""
        for new in self.sealed.glob(".new-*"):
            new.unlink()
        present = {path.name for path in self.sealed.iterdir()}
        for batch in self.database.batches():
            self._keep_or_forget(batch, present=batch.name in present)
        filed = {batch.name: batch for batch in self.database.batches()}
        for path in sorted(self.sealed.iterdir()):
            if path.name not in filed and (found := self._adopt(path, filed.values())):
                filed[found.name] = found
        for kind in KINDS:
            self._drop_delivered(kind, self.marks.get(kind))
        for batch in self.database.batches():
            if batch.first <= self.marks.get(batch.kind):
                self._seal_the_rest(batch, self.marks.get(batch.kind))

    def _keep_or_forget(self, batch: Batch, *, present: bool) -> None:
        delivered = batch.last <= self.marks.get(batch.kind)
        if present and not delivered:
            return
        with self.database.transaction():
            self.database.forget(batch.name)
        (self.sealed / batch.name).unlink(missing_ok=True)
        if not delivered:
            self.note(f"The sealed batch {batch.name} with {batch.events} events is missing from the disk.")

    def _adopt(self, path: Path, filed: Iterable[Batch]) -> Batch | None:
        """A file that is not filed: sealed just before the end, or left over from one that is done with."""
        try:
            packed = path.read_bytes()
            files.check_name(path.name, packed)
            lines = files.unpack(packed)
            kind = files.kind_of(lines)
            first, last = files.ends_of(lines)
        except BatchDamaged:
            set_aside(path, self.now)
            self.note(f"{safe_text(path.name)} in the log queue is no whole batch; it was set aside.")
            return None
        known = any(one.kind == kind and one.first <= last and first <= one.last for one in filed)
        if known or last <= self.marks.get(kind):
            path.unlink()
            return None
        events = lines.count(b"\n")
        found = Batch(path.name, kind, first, last, events, len(packed), self.now, self.now)
        with self.database.transaction():
            self.database.record(found, files.checks_of(lines))
            self.database.drop(kind, first, last)
            self.known.save(self.database)
        self.known.saved()
        return found

    def _drop_delivered(self, kind: EventKind, delivered: int) -> None:
        """Chunks that came back because the database lost its newest changes."""
        if not delivered:
            return
        partly: list[Chunk] = []
        for chunk in self.database.chunks(kind):
            if chunk.first > delivered:
                break
            if chunk.last > delivered:
                partly = [chunk]
        with self.database.transaction():
            self.database.drop(kind, 0, delivered)
            for chunk in partly:
                lines = joined([chunk], self.note)[0].splitlines(keepends=True)
                left = [line for line in lines if files.seq_of(line) > delivered]
                text = b"".join(left)
                ends = files.ends_of(text)
                self.database.add([Chunk(kind, *ends, len(left), chunk.at, files.checks_of(text), text)])
            self.known.save(self.database)
        self.known.saved()

    def _seal_the_rest(self, batch: Batch, delivered: int) -> None:
        """Of a batch that was delivered in part (a split whose record was lost), seal the rest anew."""
        try:
            lines = files.read_lines(self.sealed, batch).splitlines(keepends=True)
        except BatchDamaged:  # found again, and repaired, when it is read for delivery
            return
        left = b"".join(line for line in lines if files.seq_of(line) > delivered)
        rest = files.seal(
            self.sealed,
            self.appliance,
            left,
            kind=batch.kind,
            oldest_at=batch.oldest_at,
            now=batch.sealed_at,
        )
        with self.database.transaction():
            self.database.forget(batch.name)
            self.database.record(rest, files.checks_of(left))
        (self.sealed / batch.name).unlink()


def set_aside(path: Path, now: datetime) -> Path:
    """Move something damaged to `damaged/<time>-<name>` in the spool's folder, for support to look at."""
    folder = path.parent.parent / "damaged" if path.parent.name == "batches" else path.parent / "damaged"
    folder.mkdir(mode=0o700, exist_ok=True)
    with suppress(OSError):
        for old in sorted(folder.iterdir())[:-_KEPT]:
            _remove(old)
    target = folder / f"{now:%Y%m%dT%H%M%S.%f}-{path.name}"
    path.rename(target)
    return target


def _remove(path: Path) -> None:
    if path.is_dir():
        for inside in path.iterdir():
            inside.unlink()
        path.rmdir()
    else:
        path.unlink()
