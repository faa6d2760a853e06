"""After any kind of end: bring the database, the batch files and the marks into step.

A batch file that is there whole was sealed, and stands for its events. What the marks say was delivered is
gone. SQLite silently ends its write-ahead log at the first damaged frame: here it is seen (the log's format:
https://www.sqlite.org/fileformat2.html, section 4).
"""

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tm_tui.atomic import storage_failure
from tm_tui.files import opened, overwrite
from tm_tui.spoken import count
from tm_tui.spool import batch as files
from tm_tui.spool.batch import Batch, BatchDamaged
from tm_tui.spool.database import SpoolDatabase
from tm_tui.spool.events import KINDS, EventKind
from tm_tui.spool.known_ids import KnownIds
from tm_tui.spool.marks import Marks
from tm_tui.spool.pages import PAGE
from tm_tui.spool.rows import Chunk, Note, joined
from tm_tui.spool.tidy import is_file, remove, set_aside
from tm_tui.text import safe_text

__all__ = ["ROOM", "Recovery", "is_whole", "make_room"]

_HEADER = 32
_FRAME_HEADER = 24
_FRAME = _FRAME_HEADER + PAGE
_MAGIC = 0x377F0682  # checksums over little-endian words
_PIECE = 64 << 10
ROOM = _HEADER + 1024 * _FRAME
"""Bytes that the log takes from its opening on: SQLite begins anew in the same file after 1,000 frames."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """One start's work. Raises OSError, sqlite3.Error; may be repeated at will."""

    database: SpoolDatabase
    sealed: Path
    marks: Marks
    appliance: str
    now: datetime
    age: int
    """The spool's own clock."""
    note: Note
    known: KnownIds
    """Read before anything is dropped: a producer may repeat what was sealed before it was answered."""

    def run(self) -> None:
        """Do it all."""
        for new in self.sealed.glob(".new-*"):
            remove(new)
        present = {path.name for path in self.sealed.iterdir() if is_file(path)}
        for batch in self.database.batches():
            self._keep_or_forget(batch, present=batch.name in present)
        filed = {batch.name: batch for batch in self.database.batches()}
        for path in sorted(self.sealed.iterdir()):
            if path.name not in filed and (found := self._adopt(path, filed.values())):
                filed[found.name] = found
        for kind in KINDS:
            if delivered := self.marks.get(kind):
                self._without(kind, 0, delivered)
        unsealed = {kind: self.database.first(kind) for kind in KINDS}
        for batch in self.database.batches():
            if batch.last >= unsealed[batch.kind]:
                self._without(batch.kind, batch.first, batch.last)
            if batch.first <= self.marks.get(batch.kind):
                self._seal_the_rest(batch, self.marks.get(batch.kind))

    def _keep_or_forget(self, batch: Batch, *, present: bool) -> None:
        delivered = batch.last <= self.marks.get(batch.kind)
        if present and not delivered:
            return
        with self.database.transaction():
            self.database.forget(batch.name)
        if present:
            (self.sealed / batch.name).unlink(missing_ok=True)
        if not delivered:
            self.note(
                f"The sealed batch {batch.name} with {count(batch.events, 'event')} is missing from the disk."
            )

    def _adopt(self, path: Path, filed: Iterable[Batch]) -> Batch | None:
        """A file that is not filed: sealed just before the end, or left over from one that is done with."""
        try:
            packed = files.read_file(path)
            lines = files.unpack(packed)
            kind = files.kind_of(lines)
            first, last = files.ends_of(lines)
        except BatchDamaged:
            set_aside(path, self.now)
            self.note(f"{safe_text(path.name)} in the log queue is no whole batch; it was set aside.")
            return None
        except OSError as error:  # its owner's affair: it stays until it can be read
            self.note(f"{storage_failure(path, error)}")
            return None
        known = any(one.kind == kind and one.first <= last and first <= one.last for one in filed)
        if known or last <= self.marks.get(kind):
            path.unlink()
            return None
        appliance = files.appliance_of(path.name) or self.appliance
        name, now = files.name_for(appliance, first, packed), self.now
        found = Batch(name, kind, first, last, lines.count(b"\n"), len(packed), now, self.age)
        if name != path.name:  # somebody has moved it, or it has grown
            found = files.seal(self.sealed, appliance, lines, kind=kind, oldest_at=self.age, now=now)
            path.unlink()
        with self.database.transaction():
            self.database.record(found, files.checks_of(lines))
            self.database.drop(kind, first, last)
            self.known.save(self.database)
        self.known.saved()
        return found

    def _without(self, kind: EventKind, first: int, last: int) -> None:
        """Drop the events of these numbers, delivered or in a batch, should the database have them still.

        They come back when it loses its newest changes, or when damage is salvaged.
        """
        partly = self.database.overlapping(kind, first, last)
        with self.database.transaction():
            dropped, _ = self.database.drop(kind, first, last)
            if not dropped and not partly:
                return
            for chunk in partly:
                lines = joined([chunk], self.note)[0].splitlines(keepends=True)
                self.database.drop(kind, chunk.first, chunk.last)
                before = [line for line in lines if files.seq_of(line) < first]
                behind = [line for line in lines if files.seq_of(line) > last]
                self.database.add([_part(chunk, left) for left in (before, behind) if left])
            self.known.save(self.database)
        self.known.saved()

    def _seal_the_rest(self, batch: Batch, delivered: int) -> None:
        """Of a batch that was delivered in part (a split whose record was lost), seal the rest anew."""
        try:
            lines = files.read_lines(self.sealed, batch).splitlines(keepends=True)
        except (BatchDamaged, OSError):  # found again, and repaired or told, when it is read for delivery
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


def _part(chunk: Chunk, lines: list[bytes]) -> Chunk:
    text = b"".join(lines)
    return Chunk(chunk.kind, *files.ends_of(text), len(lines), chunk.at, files.checks_of(text), text)


def make_room(wal: Path) -> None:
    """Let the open log's file have all its blocks, written with zeros behind what is in it. Raises OSError.

    A sync costs much less where neither the size of the file nor its blocks change. SQLite sees no end of the
    log in the size of its file, and takes zeros for none of its frames. In pieces: once 4 MB were given back,
    malloc keeps as much of what comes later.
    """
    with opened(wal, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC) as file:
        size, zeros = os.fstat(file).st_size, bytes(_PIECE)
        while size < ROOM - 1:
            size += os.pwrite(file, zeros[: ROOM - 1 - size], size)
        if size < ROOM:
            overwrite(file, zeros[:1], size)


def is_whole(wal: Path) -> bool:
    """Whether SQLite will read all that was committed to this log. Raises OSError.

    An end that was only being written is no damage: there is no commit behind it.
    """
    try:
        data = wal.read_bytes()
    except FileNotFoundError:
        return True
    frames = (len(data) - _HEADER) // _FRAME
    if frames < 1 or data.count(0) == len(data):  # nothing was written yet, or nothing but its room
        return True
    if not _header_is_good(data):
        return False
    end = _last_commit(data, frames)
    return _good_frames(data, end) == end


def _checksum(data: bytes | memoryview, one: int, two: int) -> tuple[int, int]:
    words = struct.unpack(f"<{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


def _header_is_good(data: bytes) -> bool:
    magic, _, page = struct.unpack_from(">III", data)
    return (magic, page) == (_MAGIC, PAGE) and _checksum(data[:24], 0, 0) == struct.unpack_from(
        ">II", data, 24
    )


def _last_commit(data: bytes, frames: int) -> int:
    """How many frames there are up to the last commit of this log (older logs have other salts)."""
    last = 0
    for number in range(frames):
        at = _HEADER + number * _FRAME
        _, size, *_ = struct.unpack_from(">II", data, at)
        if data[at + 8 : at + 16] == data[16:24] and size:
            last = number + 1
    return last


def _good_frames(data: bytes, end: int) -> int:
    sums = struct.unpack_from(">II", data, 24)
    view = memoryview(data)
    for number in range(end):
        at = _HEADER + number * _FRAME
        sums = _checksum(view[at : at + 8], *sums)
        sums = _checksum(view[at + _FRAME_HEADER : at + _FRAME], *sums)
        if data[at + 8 : at + 16] != data[16:24] or sums != struct.unpack_from(">II", data, at + 16):
            return number
    return end
