"""What the rows of the spool's tables say, and how damage shows: each has a check of its own numbers too.

Events are numbered into chunks at intake; at sealing chunks are chosen, checked and joined.
"""

import sqlite3
import struct
import zlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from msgspec import Struct

from tm_tui.spoken import count
from tm_tui.spool.batch import Batch, checks_of, intact, is_name, milliseconds, moment
from tm_tui.spool.events import KINDS, EventKind
from tm_tui.spool.intake import CheckedEvent

__all__ = [
    "MOST_SEQ",
    "Chunk",
    "DatabaseDamaged",
    "Note",
    "batch_of",
    "batch_row",
    "chunk_of",
    "chunk_row",
    "is_damage",
    "joined",
    "numbered_chunks",
    "read_back",
]

MOST_SEQ = 10**12 - 1
"""What a batch's name has room for."""

Note = Callable[[str], None]
"""Takes a whole sentence for the admin about what damage to the disk has cost."""


class Chunk(Struct, frozen=True, gc=False):
    """Events of one kind that were accepted together. `at` is in milliseconds (AgeClock).

    `lines` holds whole lines as they will be delivered, `checks` a CRC-32 for each (see batch.checks_of).
    """

    kind: EventKind
    first: int
    last: int
    events: int
    at: int
    checks: bytes
    lines: bytes


_TROUBLES = {
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PERM),
    *(sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_INTERRUPT),
}
"""What the disk, its owner or a bug of ours does; all else that SQLite says means a damaged file."""
_UNREADABLE = {
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
}


class DatabaseDamaged(sqlite3.DatabaseError):
    """What was read is nothing that we wrote."""


def is_damage(error: BaseException) -> bool:
    """Tell damage to the file, which is whatever does not read back, from other failures."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, DatabaseDamaged)
    return code in _UNREADABLE or code & 0xFF not in _TROUBLES


class _ReadBack(AbstractContextManager[None]):
    """See `read_back`. No generator, as each accepted event goes through it."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, TypeError | ValueError | OverflowError):
            raise DatabaseDamaged(str(error)) from None
        if isinstance(error, sqlite3.OperationalError) and not hasattr(error, "sqlite_errorcode"):
            raise DatabaseDamaged("A text is none.") from None  # Python's own, where a column is no UTF-8


_READ_BACK = _ReadBack()


def read_back() -> AbstractContextManager[None]:
    """Damaged pages have values of any kind, and SQLite's words about them may be no text."""
    return _READ_BACK


def _signed(numbers: Sequence[int], checks: bytes, text: str = "") -> bytes:
    """The checks of a row's lines, with one more for its numbers and its text."""
    return checks + struct.pack("<I", _sum(numbers, checks, text))


def _sum(numbers: Sequence[int], checks: bytes, text: str) -> int:
    return zlib.crc32(f"{' '.join(map(str, numbers))} {text}".encode() + checks)


def _unsigned(numbers: Sequence[int], events: int, checks: bytes, text: str = "") -> bytes:
    """The reverse of `_signed`; rows of earlier versions have no such check. Raises DatabaseDamaged."""
    found = checks[: 4 * events]
    last = checks[4 * events :]
    if len(found) == 4 * events and (not last or last == struct.pack("<I", _sum(numbers, found, text))):
        return found
    raise DatabaseDamaged("The numbers of a row were altered.")


def batch_of(row: tuple[Any, ...]) -> tuple[Batch, bytes]:
    """Make a batch and its lines' checks of a row of the table. Raises DatabaseDamaged."""
    with read_back():
        first, kind, name, last, events, size, sealed_at, oldest_at, checks = row
        numbers = (first, last, events, size, sealed_at, oldest_at)
        sound = 0 <= first <= last <= MOST_SEQ and size >= 0
        if not (sound and kind in KINDS and is_name(name)):
            raise DatabaseDamaged("This is no batch.")
        checks = _unsigned(numbers, events, checks, f"{kind} {name}")
        return Batch(name, kind, first, last, events, size, moment(sealed_at), oldest_at), checks


def batch_row(batch: Batch, checks: bytes) -> tuple[object, ...]:
    """The reverse of `batch_of`."""
    times = milliseconds(batch.sealed_at), batch.oldest_at
    numbers = (batch.first, batch.last, batch.events, batch.bytes, *times)
    return (
        batch.first,
        batch.kind,
        batch.name,
        *numbers[1:],
        _signed(numbers, checks, f"{batch.kind} {batch.name}"),
    )


def chunk_row(chunk: Chunk) -> tuple[object, ...]:
    """The reverse of `chunk_of`."""
    numbers = (chunk.first, chunk.last, chunk.events, chunk.at)
    return (*numbers, _signed(numbers, chunk.checks), chunk.lines)


def chunk_of(kind: EventKind, row: tuple[Any, ...]) -> Chunk:
    """Make a chunk of a row of its table. Raises DatabaseDamaged."""
    with read_back():
        first, last, events, at, checks, lines = row
        if not (0 <= first <= last <= MOST_SEQ and 0 < events <= last - first + 1):
            raise DatabaseDamaged("This is no chunk.")
        return Chunk(kind, first, last, events, at, _unsigned(row[:4], events, checks), bytes(lines))


def numbered_chunks(events: Sequence[CheckedEvent], first: int, at: int) -> list[Chunk]:
    """Give each event its `seq`, counting from `first`, and put those of a kind together."""
    if len(events) == 1:  # from one caller, who waits for each
        return [_chunk(events[0].kind, [(first, events[0].body)], at)]
    found = []
    for kind in KINDS:
        mine = [(seq, event.body) for seq, event in enumerate(events, first) if event.kind == kind]
        if mine:
            found.append(_chunk(kind, mine, at))
    return found


def _chunk(kind: EventKind, mine: Sequence[tuple[int, bytes]], at: int) -> Chunk:
    lines = [b'{"seq":%d,%s' % (seq, body[1:]) for seq, body in mine]
    checks = array("I", map(zlib.crc32, lines)).tobytes()
    return Chunk(kind, mine[0][0], mine[-1][0], len(mine), at, checks, b"\n".join(lines) + b"\n")


def joined(chunks: Iterable[Chunk], note: Note) -> tuple[bytes, bytes]:
    """The lines of several chunks and their checksums; lines that the disk has altered are left out."""
    lines: list[bytes] = []
    checks: list[bytes] = []
    for chunk in chunks:
        if checks_of(chunk.lines) == chunk.checks:
            lines.append(chunk.lines)
            checks.append(chunk.checks)
            continue
        whole = intact(chunk.lines.splitlines(), chunk.checks)
        altered = count(chunk.events - len(whole), "event")
        note(f"The disk has altered {altered} in the log queue: left out.")
        lines += [line + b"\n" for line in whole]
        checks.append(array("I", map(zlib.crc32, whole)).tobytes())
    return b"".join(lines), b"".join(checks)
