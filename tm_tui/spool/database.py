"""The events that are not sealed yet, and the list of sealed batches, in SQLite.

Events lie in chunks, one a kind and commit: a commit costs one row however many events it has, and sealing
joins chunks without looking at single events. Figures behind the settings: docs/benchmarks.md.
"""

# ruff: noqa: S608 - the names of tables are constants of this module
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tm_tui.spool.batch import Batch, milliseconds, moment
from tm_tui.spool.events import EventKind

__all__ = ["Chunk", "SpoolDatabase", "is_damage"]

TABLES: dict[EventKind, str] = {"threat-event": "threat_events", "root-cause": "root_causes"}
BATCH_COLUMNS = "name, kind, first, last, events, bytes, sealed_at, oldest_at"
_PAGE = 4096
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
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
"""

_SETTINGS = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA synchronous = FULL;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -2000;
PRAGMA journal_size_limit = 16777216;
"""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Events of one kind that were accepted together. `at` is in milliseconds since 1970.

    `lines` holds whole lines as they will be delivered, `checks` a CRC-32 for each (see batch.checks_of).
    """

    kind: EventKind
    first: int
    last: int
    events: int
    at: int
    checks: bytes
    lines: bytes


def batch_of(row: tuple[Any, ...]) -> Batch:
    """Make a batch of a row of `BATCH_COLUMNS`."""
    name, kind, first, last, events, size, sealed_at, oldest_at = row
    return Batch(name, kind, first, last, events, size, moment(sealed_at), moment(oldest_at))


def is_damage(error: sqlite3.Error) -> bool:
    """Tell damage to the file from other failures."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}


class SpoolDatabase:
    """One connection, used by one thread at a time. All methods raise sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._connection.executescript(_SETTINGS)
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the connection (SQLite writes the log back into the file)."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; on the disk when it ends."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def add(self, chunks: Sequence[Chunk], *, twice: Literal["ABORT", "IGNORE"] = "ABORT") -> None:
        """Insert chunks (within a transaction); `twice`: what to do with one that is there already."""
        for chunk in chunks:
            self._connection.execute(
                f"INSERT OR {twice} INTO {TABLES[chunk.kind]} VALUES (?, ?, ?, ?, ?, ?)",
                (chunk.first, chunk.last, chunk.events, chunk.at, chunk.checks, chunk.lines),
            )

    def chunks(self, kind: EventKind, after: int = -1) -> Iterator[Chunk]:
        """Chunks in order. Other calls may not come in between.

        Take what is needed, then close the iterator.
        """
        rows = self._connection.execute(
            f"SELECT seq, last, events, at, checks, lines FROM {TABLES[kind]} WHERE seq > ? ORDER BY seq",
            (after,),
        )
        return (Chunk(kind, *row) for row in rows)

    def newest(self, kind: EventKind, events: int) -> list[bytes]:
        """The lines of the newest chunks that hold so many events, in order."""
        found: list[bytes] = []
        for amount, lines in self._connection.execute(
            f"SELECT events, lines FROM {TABLES[kind]} ORDER BY seq DESC"
        ):
            found.append(lines)
            events -= amount
            if events <= 0:
                break
        return found[::-1]

    def drop(self, kind: EventKind, first: int, last: int) -> tuple[int, int]:
        """Delete the chunks that begin within `first..last` (within a transaction).

        Events and bytes deleted.
        """
        row = self._connection.execute(
            "SELECT coalesce(sum(events), 0), coalesce(sum(length(lines)), 0)"
            f" FROM {TABLES[kind]} WHERE seq BETWEEN ? AND ?",
            (first, last),
        ).fetchone()
        self._connection.execute(
            f"DELETE FROM {TABLES[kind]} WHERE seq BETWEEN ? AND ?",
            (first, last),
        )
        return row[0], row[1]

    def totals(self, kind: EventKind) -> tuple[int, int, int, int | None]:
        """Events, bytes, the greatest seq, and when the oldest was accepted."""
        row = self._connection.execute(
            "SELECT coalesce(sum(events), 0), coalesce(sum(length(lines)), 0), coalesce(max(last), 0),"
            f" min(at) FROM {TABLES[kind]}"
        ).fetchone()
        return row[0], row[1], row[2], row[3]

    def oldest(self, kind: EventKind) -> int | None:
        """When the oldest unsealed event was accepted."""
        row = self._connection.execute(f"SELECT at FROM {TABLES[kind]} ORDER BY seq LIMIT 1").fetchone()
        return row[0] if row else None

    def record(self, batch: Batch, checks: bytes) -> None:
        """File a sealed batch (within a transaction)."""
        self._connection.execute(
            "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                batch.first,
                batch.kind,
                batch.name,
                batch.last,
                batch.events,
                batch.bytes,
                milliseconds(batch.sealed_at),
                milliseconds(batch.oldest_at),
                checks,
            ),
        )

    def forget(self, name: str) -> None:
        """Strike a batch off the list (within a transaction)."""
        self._connection.execute("DELETE FROM batches WHERE name = ?", (name,))

    def batches(self) -> tuple[Batch, ...]:
        """The sealed batches in the order of their first events."""
        rows = self._connection.execute(f"SELECT {BATCH_COLUMNS} FROM batches ORDER BY first")
        return tuple(batch_of(row) for row in rows)

    def checks(self, name: str) -> bytes:
        """The lines' checksums of a batch; empty if it is not filed."""
        row = self._connection.execute("SELECT checks FROM batches WHERE name = ?", (name,)).fetchone()
        return row[0] if row else b""

    def keep_marks(self, values: Mapping[str, int]) -> None:
        """A second copy of the marks, should their file be damaged (within a transaction)."""
        self._connection.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?)", values.items())

    def marks(self) -> dict[str, int]:
        """The second copy of the marks; may be older."""
        return dict(self._connection.execute("SELECT name, value FROM marks"))

    def know(self, number: int, ids: str, oldest: int) -> None:
        """Keep another lot of ids (within a transaction), and none before lot `oldest`."""
        self._connection.execute("INSERT INTO known VALUES (?, ?)", (number, ids))
        self._connection.execute("DELETE FROM known WHERE number < ?", (oldest,))

    def known(self) -> Iterator[tuple[int, str]]:
        """The lots of ids, oldest first."""
        return iter(self._connection.execute("SELECT number, ids FROM known ORDER BY number"))

    def vacuum(self) -> bool:
        """Give a portion of free pages back to the disk; True if there is more to give."""
        free: int = self._connection.execute("PRAGMA freelist_count").fetchone()[0]
        if free < _VACUUM_AT:
            return False
        self._connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PORTION});")
        return True
