"""A damaged database is set aside, and a fresh one gets everything that can still be read."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from tm_tui.spool.batch import Batch, BatchDamaged, checks_of, ends_of, intact, kind_of_line, seq_of
from tm_tui.spool.database import SpoolDatabase
from tm_tui.spool.events import KINDS
from tm_tui.spool.known_ids import is_lot
from tm_tui.spool.marks import newest_copy
from tm_tui.spool.pages import DATABASE_MAGIC, LOG_MAGIC, Place, Remains, Value
from tm_tui.spool.recovery import is_whole
from tm_tui.spool.rows import MOST_SEQ, Chunk, DatabaseDamaged, Note, batch_of, chunk_of, is_damage
from tm_tui.spool.tidy import is_file, remove, set_aside

__all__ = ["open_database"]

_NAME = "events.db"
_AT_ONCE = 200
_MOST_LOTS = 1 << 48
_CHUNK, _BATCH, _PAIR = 6, 9, 2
"""How many columns the tables have: those of events, that of batches, those of known ids and of copies."""


def open_database(folder: Path, now: datetime, note: Note, *, damaged: bool = False) -> SpoolDatabase:
    """Open `folder/queue`, salvaging it if it is damaged.

    Raises OSError, sqlite3.Error (the disk's troubles).

    `damaged`: it is known already that something in it cannot be read.
    """
    queue, new = folder / "queue", folder / "queue.new"
    if new.exists() and not queue.exists():
        new.rename(queue)
    queue.mkdir(mode=0o700, exist_ok=True)
    remove(new)
    strays = [] if damaged else _strays(folder, queue)
    if not damaged and not strays and is_whole(queue / f"{_NAME}-wal"):
        try:
            return _looked_at(SpoolDatabase(queue / _NAME))
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
    _salvage(queue, new, [*strays, *_strays(folder / "batches")])
    for stray in strays:
        if stray.parent != queue:
            set_aside(stray, now)
    aside = set_aside(queue, now)
    new.rename(queue)
    note(f"The log queue was damaged; what could be read was saved, the old one is in {aside}.")
    return SpoolDatabase(queue / _NAME)


def _looked_at(database: SpoolDatabase) -> SpoolDatabase:
    """Walk the tables without reading the events themselves."""
    try:
        for kind in KINDS:
            database.totals(kind)
        database.batches()
        if not database.is_in_step() or not all(is_lot(ids) for _, ids in database.known()):
            raise DatabaseDamaged("What stands beside the events does not fit together.")
        database.marks()
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            database.close()
        raise
    return database


def _salvage(queue: Path, new: Path, strays: Iterable[Path]) -> None:
    """Copy what can be read from the database in `queue`, and from strays, to a fresh one in `new`."""
    new.mkdir(mode=0o700)
    databases, logs = [queue / _NAME], [queue / f"{_NAME}-wal"]
    for path in strays:
        (databases if _head(path) == DATABASE_MAGIC else logs).append(path)
    with (
        closing(SpoolDatabase(new / _NAME)) as target,
        Remains(databases, logs) as remains,
    ):
        chunks, others = list[Place](), list[Place]()
        for place in remains.places():
            (chunks if place.columns == _CHUNK else others).append(place)
        found = _others(remains, others, queue.parent / "batches")
        with target.transaction():
            for batch in found.batches.values():
                target.record(*batch)
            for number, ids in sorted(found.lots.items()):
                target.know(number, ids, 0)
            if copy := newest_copy(found.copies):
                target.keep_marks(copy)
        events = _chunks(remains, chunks)
        while some := list(islice(events, _AT_ONCE)):
            with target.transaction():
                target.add(some)


def _strays(*folders: Path) -> list[Path]:
    """Files that begin as a database or a log does, and have another name: somebody has swapped files."""
    found: list[Path] = []
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            head = _head(path)
            is_log = head.startswith(LOG_MAGIC)
            if (is_log and path.name != f"{_NAME}-wal") or (head == DATABASE_MAGIC and path.name != _NAME):
                found.append(path)
    return found


def _head(path: Path) -> bytes:
    with suppress(OSError):
        if is_file(path):
            with path.open("rb") as file:
                return file.read(len(DATABASE_MAGIC))
    return b""


class _Others(NamedTuple):
    """What is not events."""

    batches: dict[str, tuple[Batch, bytes]]
    lots: dict[int, str]
    copies: list[str]


def _others(remains: Remains, places: Iterable[Place], sealed: Path) -> _Others:
    """Sealed batches that are there (others are adopted by their files), known ids, copies of marks."""
    found = _Others({}, {}, [])
    for place in places:
        if place.columns not in {_BATCH, _PAIR}:
            continue
        with suppress(DatabaseDamaged, UnicodeDecodeError):
            match remains.values(place):
                case (None, bytes(ids)) if 0 <= place.key < _MOST_LOTS and is_lot(text := ids.decode()):
                    found.lots.setdefault(place.key, text)
                case (bytes(), bytes(copy)):
                    found.copies.append(copy.decode())
                case (int(), *_) as row if len(row) == _BATCH:
                    batch, checks = batch_of((*map(_text, row[:-1]), row[-1]))
                    path = sealed / batch.name
                    if is_file(path) and path.stat().st_size == batch.bytes:
                        found.batches[batch.name] = batch, checks
    return found


def _text(value: Value) -> int | str | None:
    return value.decode() if isinstance(value, bytes) else value


def _chunks(remains: Remains, places: list[Place]) -> Iterator[Chunk]:
    """What is whole of the events, in order and each once: of an altered chunk, the lines that are whole."""
    last = dict.fromkeys(KINDS, -1)
    at = 0
    for first, some in groupby(sorted(places), lambda place: place.key):
        lines: dict[int, bytes] = {}
        for place in some:
            row = remains.values(place)
            at = _accepted_at(first, row, at)
            lines |= _lines(row)
        for kind in KINDS:
            mine = [
                lines[seq] for seq in sorted(lines) if seq > last[kind] and kind_of_line(lines[seq]) == kind
            ]
            if mine:
                text = b"\n".join(mine) + b"\n"
                yield Chunk(kind, *ends_of(text), len(mine), at, checks_of(text), text)
                last[kind] = seq_of(mine[-1])


def _lines(row: tuple[Value, ...]) -> dict[int, bytes]:
    """The lines of a row that are as their checksums say, by their numbers."""
    found: dict[int, bytes] = {}
    match row:
        case (None, int(), int(), int(), bytes(checks), bytes(lines)):
            for line in intact(lines.splitlines(), checks):
                with suppress(BatchDamaged):
                    if (seq := seq_of(line)) <= MOST_SEQ:
                        found[seq] = line
    return found


def _accepted_at(first: int, row: tuple[Value, ...], before: int) -> int:
    """When a row's events were accepted; if that was altered, as those before them."""
    with suppress(DatabaseDamaged):
        return chunk_of(KINDS[0], (first, *row[1:])).at
    return before
