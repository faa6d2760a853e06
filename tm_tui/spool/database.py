"""The events that are not sealed yet, and the list of sealed batches, in SQLite.

Events lie in chunks, one a kind and commit: a commit costs one row however many events it has, and sealing
joins chunks without looking at single events. Figures behind the settings: docs/benchmarks.md.
"""

# ruff: noqa: S608 - the names of tables are constants of this module
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tm_tui.spool.batch import Batch
from tm_tui.spool.events import EventKind
from tm_tui.spool.rows import (
    MOST_SEQ,
    Chunk,
    DatabaseDamaged,
    batch_of,
    batch_row,
    chunk_of,
    chunk_row,
    read_back,
)

__all__ = ["SpoolDatabase"]

TABLES: dict[EventKind, str] = {"threat-event": "threat_events", "root-cause": "root_causes"}
_INSERT = {kind: f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?)" for kind, table in TABLES.items()}
BATCH_COLUMNS = "first, kind, name, last, events, bytes, sealed_at, oldest_at, checks"
_PAGE = 4096
_MOST_SPAN = 100_000
"""More numbers than one commit could ever give."""
_COPY = "marks"
_VACUUM_AT = 2048
_VACUUM_PORTION = 512

_SCHEMA = f"""
PRAGMA page_size = {_PAGE};
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
""" + "".join(
    f"""
CREATE TABLE IF NOT EXISTS {table} (
  seq INTEGER PRIMARY KEY, last INTEGER NOT NULL, events INTEGER NOT NULL, at INTEGER NOT NULL,
  checks BLOB NOT NULL, lines BLOB NOT NULL) STRICT;
"""
    for table in TABLES.values()
)
_SCHEMA += """
CREATE TABLE IF NOT EXISTS batches (
  first INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT PRIMARY KEY, last INTEGER NOT NULL,
  events INTEGER NOT NULL, bytes INTEGER NOT NULL, sealed_at INTEGER NOT NULL, oldest_at INTEGER NOT NULL,
  checks BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS known (number INTEGER PRIMARY KEY, ids TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS copies (name TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
"""

_SETTINGS = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA synchronous = FULL;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -2000;
PRAGMA journal_size_limit = 16777216;
"""


class SpoolDatabase:
    """One connection, used by one thread at a time. All methods raise sqlite3.Error, DatabaseDamaged too."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        with read_back():
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._connection.executescript(_SETTINGS)
                self._connection.executescript(_SCHEMA)
            except (sqlite3.Error, ValueError):
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the connection (SQLite writes the log back into the file)."""
        with read_back():
            self._connection.close()

    def _all(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with read_back():
            return self._connection.execute(query, values).fetchall()

    def _each(self, query: str, values: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        with read_back():
            cursor = self._connection.execute(query, values)
        while True:
            with read_back():
                row = cursor.fetchone()
            if row is None:
                return
            yield row

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; on the disk when it ends."""
        self._all("BEGIN IMMEDIATE")
        try:
            yield
            self._all("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._all("ROLLBACK")
            raise

    def commit(self, chunks: Sequence[Chunk]) -> None:
        """Insert chunks, all or none; on the disk when it returns."""
        if len(chunks) == 1:  # a statement is a transaction by itself, for half the work
            self.add(chunks)
            return
        with self.transaction():
            self.add(chunks)

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Insert chunks (within a transaction)."""
        for chunk in chunks:
            with read_back():
                self._connection.execute(_INSERT[chunk.kind], chunk_row(chunk))

    def chunks(self, kind: EventKind, after: int = -1) -> Iterator[Chunk]:
        """Read chunks in order. Nothing else may use the database before the iterator is closed."""
        query = f"SELECT seq, last, events, at, checks, lines FROM {TABLES[kind]} WHERE seq > ? ORDER BY seq"
        return (chunk_of(kind, row) for row in self._each(query, (after,)))

    def overlapping(self, kind: EventKind, first: int, last: int) -> list[Chunk]:
        """The chunks that hold some numbers of `first..last`, and others beside them."""
        columns = f"SELECT seq, last, events, at, checks, lines FROM {TABLES[kind]}"
        found = self._all(f"{columns} WHERE seq < ? ORDER BY seq DESC LIMIT 1", (first,))
        found += self._all(
            f"{columns} WHERE seq BETWEEN ? AND ? AND last > ? ORDER BY seq", (first, last, last)
        )
        return [chunk for chunk in (chunk_of(kind, row) for row in found) if chunk.last >= first]

    def newest(self, kind: EventKind, events: int) -> list[Chunk]:
        """The newest chunks that hold so many events, in order."""
        found: list[Chunk] = []
        columns = f"SELECT seq, last, events, at, checks, lines FROM {TABLES[kind]}"
        for row in self._each(f"{columns} ORDER BY seq DESC"):
            found.append(chunk_of(kind, row))
            events -= found[-1].events
            if events <= 0:
                break
        return found[::-1]

    def drop(self, kind: EventKind, first: int, last: int) -> tuple[int, int]:
        """Delete the chunks that lie within `first..last` (within a transaction).

        Events and bytes deleted.
        """
        within = f"FROM {TABLES[kind]} WHERE seq BETWEEN ? AND ? AND last <= ?"
        values = (first, last, last)
        sums = f"SELECT coalesce(sum(events), 0), coalesce(sum(length(lines)), 0) {within}"
        ((events, size),) = self._all(sums, values)
        self._all(f"DELETE {within}", values)
        return events, size

    def totals(self, kind: EventKind) -> tuple[int, int, int, int | None]:
        """Events, bytes, the greatest seq, and when the oldest was accepted. Raises DatabaseDamaged."""
        ((events, size, last, oldest, sound),) = self._all(
            "SELECT coalesce(sum(events), 0), coalesce(sum(length(lines)), 0), coalesce(max(last), 0),"
            " min(at), coalesce(min(seq >= 0 AND last >= seq AND last - seq < ? AND last <= ?"
            " AND events BETWEEN 1 AND last - seq + 1 AND length(checks) - 4 * events IN (0, 4)"
            " AND length(lines) > events), 1)"
            f" FROM {TABLES[kind]}",
            (_MOST_SPAN, MOST_SEQ),
        )
        if not sound:
            raise DatabaseDamaged("The numbers of a row do not fit together.")
        return events, size, last, oldest

    def first(self, kind: EventKind) -> int:
        """The number with which the unsealed events begin; beyond all numbers if there are none."""
        return int(self._all(f"SELECT coalesce(min(seq), ?) FROM {TABLES[kind]}", (MOST_SEQ + 1,))[0][0])

    def oldest(self, kind: EventKind) -> int | None:
        """When the oldest unsealed event was accepted."""
        found = self._all(f"SELECT at FROM {TABLES[kind]} ORDER BY seq LIMIT 1")
        return found[0][0] if found else None

    def record(self, batch: Batch, checks: bytes) -> None:
        """File a sealed batch (within a transaction)."""
        row = batch_row(batch, checks)
        self._all(f"INSERT INTO batches ({BATCH_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def forget(self, name: str) -> None:
        """Strike a batch off the list (within a transaction)."""
        self._all("DELETE FROM batches WHERE name = ?", (name,))

    def batches(self) -> tuple[Batch, ...]:
        """The sealed batches in the order of their first events."""
        rows = self._each(f"SELECT {BATCH_COLUMNS} FROM batches ORDER BY first")
        return tuple(batch_of(row)[0] for row in rows)

    def is_in_step(self) -> bool:
        """Whether every sealed batch is found by its name: an index may be damaged by itself."""
        found = self._all(
            "SELECT count(*) FROM batches AS a NOT INDEXED WHERE a.rowid IS NOT"
            " (SELECT b.rowid FROM batches AS b INDEXED BY sqlite_autoindex_batches_1 WHERE b.name = a.name)"
        )
        return not found[0][0]

    def checks(self, name: str) -> bytes:
        """The lines' checksums of a batch; empty if it is not filed."""
        found = self._all(f"SELECT {BATCH_COLUMNS} FROM batches WHERE name = ?", (name,))
        return batch_of(found[0])[1] if found else b""

    def keep_marks(self, copy: str) -> None:
        """A second copy of the marks, should their file be damaged (within a transaction)."""
        self._all("INSERT OR REPLACE INTO copies VALUES (?, ?)", (_COPY, copy))

    def marks(self) -> str:
        """The second copy of the marks; may be older, or empty."""
        found = self._all("SELECT text FROM copies WHERE name = ?", (_COPY,))
        return found[0][0] if found else ""

    def know(self, number: int, ids: str, oldest: int) -> None:
        """Keep another lot of ids (within a transaction), and none before lot `oldest`."""
        self._all("INSERT INTO known VALUES (?, ?)", (number, ids))
        self._all("DELETE FROM known WHERE number < ?", (oldest,))

    def known(self) -> Iterator[tuple[int, str]]:
        """The lots of ids, oldest first."""
        return ((row[0], row[1]) for row in self._each("SELECT number, ids FROM known ORDER BY number"))

    def vacuum(self) -> bool:
        """Give a portion of free pages back to the disk; True if there is more to give."""
        free: int = self._all("PRAGMA freelist_count")[0][0]
        if free < _VACUUM_AT:
            return False
        with read_back():
            self._connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PORTION});")
        return True
