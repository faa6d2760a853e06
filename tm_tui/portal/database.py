"""The portal's one SQLite file, used by the running portal on a thread and by the commands beside it."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from tm_tui.atomic import storage_failure
from tm_tui.errors import StorageFailed
from tm_tui.portal import appliances, cases, instances, removals
from tm_tui.portal.refusals import Refused
from tm_tui.portal.reports.tables import SCHEMA as _REPORTS
from tm_tui.text import safe_text

__all__ = ["Database", "opened"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_DISK = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    name TEXT PRIMARY KEY, secret TEXT NOT NULL, created_at REAL NOT NULL,
    role TEXT NOT NULL DEFAULT 'appliance') STRICT;
CREATE TABLE IF NOT EXISTS products (
    appliance TEXT PRIMARY KEY, product TEXT NOT NULL, version TEXT NOT NULL, edition TEXT NOT NULL,
    email TEXT NOT NULL, account TEXT NOT NULL, heartbeat_seconds INTEGER NOT NULL,
    registered_at REAL NOT NULL, updated_at REAL NOT NULL, beats INTEGER NOT NULL DEFAULT 0,
    last_beat_at REAL, revision INTEGER,
    uptime_seconds REAL, waiting_events INTEGER, clock_skew_seconds REAL) STRICT;
CREATE TABLE IF NOT EXISTS notices (
    number INTEGER PRIMARY KEY, appliance TEXT, kind TEXT NOT NULL, id TEXT NOT NULL, title TEXT NOT NULL,
    created_at REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, appliance TEXT NOT NULL, kind TEXT NOT NULL,
    events INTEGER NOT NULL, bytes INTEGER NOT NULL, received_at REAL NOT NULL, first_seq INTEGER,
    last_seq INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS batches_of ON batches (appliance, number);
CREATE TABLE IF NOT EXISTS endpoints (
    appliance TEXT NOT NULL, key TEXT NOT NULL, hostname TEXT NOT NULL, ip TEXT, mac TEXT,
    status TEXT NOT NULL, event_type TEXT NOT NULL, threat TEXT NOT NULL, severity TEXT NOT NULL,
    event_id TEXT NOT NULL, at REAL NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (appliance, key)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS read_batches (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
"""


def _connect(path: Path) -> sqlite3.Connection:
    """Open or make the file (0600). Raises StorageFailed."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise storage_failure(path, error) from None
    connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        parts = (_SCHEMA, _REPORTS, cases.SCHEMA, appliances.SCHEMA, instances.SCHEMA, removals.SCHEMA)
        connection.executescript("".join(parts))
        _upgrade(connection)
    except sqlite3.Error as error:
        connection.close()
        raise _failed(path, error) from None
    return connection


def _upgrade(connection: sqlite3.Connection) -> None:
    """Bring a database of before to the form of now: its accounts had no roles, its appliances no owners."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        columns = {row["name"] for row in connection.execute("PRAGMA table_info(accounts)")}
        if "role" not in columns:
            connection.execute("ALTER TABLE accounts ADD COLUMN role TEXT NOT NULL DEFAULT 'appliance'")
            appliances.bind_older(connection)


def _failed(path: Path, error: sqlite3.Error) -> StorageFailed:
    reason = safe_text(str(error))
    return StorageFailed(
        f"{safe_text(str(path))} cannot be used: {reason}.",
        "Check the disk, or restore the file from a backup.",
    )


def _refused(error: sqlite3.Error) -> Refused:
    """507 when the disk stands in the way: full, or it fails in a way that a full one does too."""
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the detail of an extended code
    status = 507 if kind in _DISK else 500
    code = "disk-full" if kind == sqlite3.SQLITE_FULL else "storage-failed"
    cause = f"The portal's database cannot be used: {safe_text(str(error))}."
    return Refused(status, code, cause, "Check the portal's disk, then try again.")


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The database for a command beside the running portal. Raises StorageFailed."""
    connection = _connect(path)
    try:
        yield connection
    except sqlite3.Error as error:
        raise _failed(path, error) from None
    finally:
        connection.close()


class Database:
    """The database of a running portal: short calls in order, each on the database's own thread."""

    def __init__(self, path: Path) -> None:
        self._connection = _connect(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="portal-database")

    async def call(
        self, function: Callable[Concatenate[sqlite3.Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Run `function(connection, ...)`. Raises Refused (507, 500) when the file cannot be used."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._thread, lambda: function(self._connection, *args, **kwargs)
            )
        except sqlite3.Error as error:
            raise _refused(error) from None

    def close(self) -> None:
        """Wait for the call in progress, then close the file."""
        self._thread.shutdown()
        self._connection.close()
