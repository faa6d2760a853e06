"""A damaged database is set aside, and a fresh one gets everything that can still be read."""

# ruff: noqa: S608 - the names of tables are constants of database.py
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from tm_tui.spool.batch import Batch, checks_of, ends_of, intact, is_name, is_of
from tm_tui.spool.chunks import Note
from tm_tui.spool.database import BATCH_COLUMNS, TABLES, Chunk, SpoolDatabase, batch_of, is_damage
from tm_tui.spool.events import KINDS, EventKind
from tm_tui.spool.recovery import set_aside
from tm_tui.spool.wal import mend_header, mend_wal

__all__ = ["open_database"]

_NAME = "events.db"
_AT_ONCE = 200
_BEYOND = 1 << 60
_LONGEST_STEP = 64
_HOPE = 1_000_000
"""So many numbers without a readable row, and the rest is given up."""


def open_database(folder: Path, now: datetime, note: Note, *, damaged: bool = False) -> SpoolDatabase:
    """Open `folder/queue`, salvaging it if it is damaged.

    Raises OSError, sqlite3.Error (the disk's troubles).

    `damaged`: it is known already that something in it cannot be read.
    """
    queue, new = folder / "queue", folder / "queue.new"
    if new.exists() and not queue.exists():
        new.rename(queue)
    queue.mkdir(mode=0o700, exist_ok=True)
    _empty(new)
    mended = mend_wal(queue / f"{_NAME}-wal")
    if not mended and not damaged:
        try:
            return _looked_at(SpoolDatabase(queue / _NAME))
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
    _salvage(queue, new)
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
        list(database.known())
        database.marks()
    except sqlite3.Error:
        database.close()
        raise
    return database


def _empty(folder: Path) -> None:
    if folder.exists():
        for inside in folder.iterdir():
            inside.unlink()
        folder.rmdir()


def _salvage(queue: Path, new: Path) -> None:
    """Copy what can be read from the database in `queue` to a fresh one in `new`."""
    new.mkdir(mode=0o700)
    with suppress(FileNotFoundError):
        mend_header(queue / _NAME)
    with (
        closing(SpoolDatabase(new / _NAME)) as target,
        closing(sqlite3.connect(queue / _NAME, isolation_level=None)) as source,
    ):
        with target.transaction():
            for row in _filed(source, queue.parent / "batches"):
                target.record(*row)
        for kind in KINDS:
            chunks = _readable(source, kind)
            while some := list(islice(chunks, _AT_ONCE)):
                with target.transaction():
                    target.add(some, twice="IGNORE")  # damaged links lead to the same page twice
        with suppress(sqlite3.DatabaseError):
            for number, ids in source.execute("SELECT number, ids FROM known ORDER BY number").fetchall():
                with target.transaction():
                    target.know(number, ids, 0)
        with suppress(sqlite3.DatabaseError):
            marks = dict(source.execute("SELECT name, value FROM marks").fetchall())
            with target.transaction():
                target.keep_marks(marks)


def _filed(source: sqlite3.Connection, sealed: Path) -> Iterator[tuple[Batch, bytes]]:
    """Sealed batches that can be read here and are there; the others are adopted by their files."""
    with suppress(sqlite3.DatabaseError, ValueError, OverflowError):
        for row in source.execute(f"SELECT {BATCH_COLUMNS}, checks FROM batches ORDER BY first"):
            batch, checks = batch_of(row[:-1]), row[-1]
            path = sealed / batch.name
            whole = batch.kind in KINDS and len(checks) == 4 * batch.events and batch.first <= batch.last
            if whole and is_name(batch.name) and path.exists() and path.stat().st_size == batch.bytes:
                yield batch, checks


def _readable(source: sqlite3.Connection, kind: EventKind) -> Iterator[Chunk]:
    """Chunks that can be read and are whole; of altered ones, the lines that are whole."""
    for row in _rows(source, TABLES[kind]):
        match row:
            case (int(), int(), int(), int(at), bytes(checks), bytes(lines)):
                left = [line for line in intact(lines.splitlines(), checks) if is_of(kind, line)]
                if left:
                    text = b"\n".join(left) + b"\n"
                    yield Chunk(kind, *ends_of(text), len(left), at, checks_of(text), text)


def _rows(source: sqlite3.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    """Rows in order, up to both sides of each place that cannot be read."""
    columns = f"SELECT seq, last, events, at, checks, lines FROM {table}"
    good, after, step = -1, -1, 1
    while after - good < _HOPE:
        try:
            row = source.execute(f"{columns} WHERE seq > ? ORDER BY seq LIMIT 1", (after,)).fetchone()
        except sqlite3.DatabaseError:
            row = (after,)
        if row and row[0] <= after:  # not readable, or a damaged page that answers another question
            after += step
            step = min(step * 2, _LONGEST_STEP)
            continue
        if after != good:
            yield from _backwards(source, columns, row[0] if row else _BEYOND, good)
        if not row:
            return
        yield row
        good, after, step = row[0], row[0], 1


def _backwards(source: sqlite3.Connection, columns: str, below: int, above: int) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    query = f"{columns} WHERE seq > ? AND seq < ? ORDER BY seq DESC LIMIT 1"
    with suppress(sqlite3.DatabaseError):
        while (row := source.execute(query, (above, below)).fetchone()) and above < row[0] < below:
            found.append(row)
            below = row[0]
    return found[::-1]
