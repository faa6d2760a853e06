"""The two database engines: how each is opened, and what its failures mean."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, event, make_url, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoneFree

from tm_tui.atomic import storage_failure
from tm_tui.errors import StorageFailed
from tm_tui.portal.refusals import Refused
from tm_tui.text import safe_text

__all__ = [
    "READING",
    "compact",
    "delete_some",
    "failed",
    "insert",
    "is_away",
    "is_sqlite",
    "made_engine",
    "refused",
    "shown",
]

READING = {"portal_reading": True}
"""Execution options of a connection that only reads: on SQLite it waits for no writer, and none for it."""
_DISK = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_HELD = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_LATER = frozenset({"08", "40", "53", "57"})
"""SQLSTATE classes that a repeat may not meet: no connection, undone for another's sake, no room, ended."""
_ONCE = frozenset({"25006", "25P03", "55P03"})
"""The same of single ones: a standby that only reads, a transaction that waited too long, a lock."""
_SECONDS = 5
_RETRY_SECONDS = 5
_MOST_OPEN = 24


def made_engine(where: Path | str, *, limited: bool = False) -> Engine:
    """For a file of SQLite's, or an URL: `sqlite:///FILE`, `postgresql+psycopg://...`.

    `limited`: no wait for a server is without end, as in a process that serves. Raises StorageFailed.
    """
    if isinstance(where, Path):
        url = sqlalchemy.URL.create("sqlite", database=str(where))
    else:
        try:
            url = make_url(where)
        except ArgumentError:
            raise _unknown() from None
    if url.drivername == "sqlite" and url.database not in {None, "", ":memory:"}:
        return _sqlite(url)
    if url.drivername == "postgresql+psycopg":
        from tm_tui.portal.postgresql import postgresql_engine  # only who has a server needs its library

        return postgresql_engine(url, limited=limited)
    raise _unknown()


def _unknown() -> StorageFailed:
    remedy = "Give sqlite:///FILE, or postgresql+psycopg://USER@HOST/NAME."
    return StorageFailed("This is no URL of a database that the portal can use.", remedy)


def is_sqlite(connection: Connection | Engine) -> bool:
    """Whether it is a file of SQLite's."""
    return connection.dialect.name == "sqlite"


def _sqlite(url: sqlalchemy.URL) -> Engine:
    """One file (0600) that many may read while one writes; a commit is on the disk."""
    path = Path(url.database or "")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        new = path.stat().st_size == 0
    except OSError as error:
        raise storage_failure(path, error) from None
    more = {"timeout": _SECONDS, "isolation_level": None}  # we say BEGIN ourselves
    engine = sqlalchemy.create_engine(url, connect_args=more, pool_size=_MOST_OPEN, max_overflow=0)
    if new:
        event.listen(engine, "connect", _gives_space_back)
    event.listen(engine, "connect", _sqlite_connected)
    event.listen(engine, "begin", _sqlite_begins)
    return engine


def _gives_space_back(connection: sqlite3.Connection, _record: object) -> None:
    """A new file's unused pages can go back to the disk. Nothing, once there is a page."""
    if not connection.execute("PRAGMA page_count").fetchone()[0]:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")


def _sqlite_connected(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _sqlite_begins(connection: Connection) -> None:
    reading = connection.get_execution_options().get("portal_reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def insert(connection: Connection, table: Table) -> Any:
    """INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`, as this engine has them."""
    return sqlite.insert(table) if is_sqlite(connection) else postgresql.insert(table)


def delete_some(connection: Connection, table: Table, over: ColumnElement[bool], most: int) -> int:
    """Delete at most so many of the rows for which `over` holds. Returns how many."""
    if most <= 0:
        return 0
    keys = list(table.primary_key)
    chosen = select(*keys).where(over).limit(most)
    return connection.execute(delete(table).where(tuple_(*keys).in_(chosen))).rowcount


def compact(engine: Engine) -> None:
    """Write a file of SQLite's anew, without what is unused; nobody else may use it. Raises StorageFailed."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        for statement in ("PRAGMA auto_vacuum = INCREMENTAL", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            cursor.execute(statement)
    except sqlite3.Error as error:
        cause = f"{shown(engine)} cannot be written anew: {safe_text(str(error), 300)}."
        raise StorageFailed(cause, "Make room on its disk, and end what uses it.") from None
    finally:
        raw.close()


def shown(engine: Engine) -> str:
    """The database as a message names it: a file, or host and name; no password."""
    url = engine.url
    if is_sqlite(engine):
        return safe_text(url.database or "")
    return safe_text(f"{url.database} at {url.host or 'the local socket'}")


def failed(engine: Engine, error: SQLAlchemyError) -> StorageFailed:
    """For commands."""
    remedy = (
        "Check the disk, or restore the file from a backup."
        if is_sqlite(engine)
        else "Check that the database server runs and lets this portal in."
    )
    return StorageFailed(f"{shown(engine)} cannot be used: {_reason(error)}.", remedy)


def refused(error: SQLAlchemyError) -> Refused:
    """For clients: 507 when the disk stands in the way, 503 while it is away or busy, else 500."""
    cause = f"The portal's database cannot be used: {_reason(error)}."
    disk = "Check the portal's disk, then try again."
    original = error.orig if isinstance(error, DBAPIError) else None
    kind = getattr(original, "sqlite_errorcode", 0) & 0xFF  # without the detail of an extended code
    state = getattr(original, "sqlstate", None) or ""
    if kind == sqlite3.SQLITE_FULL or state == "53100":
        return Refused(507, "disk-full", cause, "Make room for the database, then try again.")
    if kind in _DISK or state[:2] == "58":
        return Refused(507, "storage-failed", cause, disk)
    if (
        kind in _HELD
        or isinstance(error, NoneFree)
        or is_away(error)
        or state[:2] in _LATER
        or state in _ONCE
    ):
        return Refused(503, "busy", cause, "Try again in a moment.", retry_after=_RETRY_SECONDS)
    return Refused(500, "storage-failed", cause, "Look into the portal's log, and the database's.")


def is_away(error: SQLAlchemyError) -> bool:
    """Whether a server does not answer, starts or ends; of a file: whether another process holds it."""
    original = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(original, sqlite3.Error):
        return getattr(original, "sqlite_errorcode", 0) & 0xFF in _HELD
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(original, "sqlstate", None)
    return state is None or state[:2] == "08" or state[:4] == "57P0"


def _reason(error: SQLAlchemyError) -> str:
    """The library's or server's own words, the first line of them, without statement and values."""
    words = str(error.orig if isinstance(error, DBAPIError) else type(error).__name__).strip()
    return safe_text(words.partition("\n")[0].rstrip("."), 300)
