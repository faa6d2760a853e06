"""What there is of each kind, and what the next sweep takes away: counted, and nothing touched."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, func, select, text

from tm_tui.clock import moment_of
from tm_tui.portal import tables
from tm_tui.portal.engines import is_sqlite
from tm_tui.portal.retention.kinds import KINDS, Rows, rows_of
from tm_tui.portal.retention.settings import Retention

__all__ = ["Kept", "Space", "kept", "space"]

_SIZED = {"batches", "cases", "reports"}


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind: days that it is kept (0: for ever), what there is, and what of it goes; bytes where known."""

    kind: str
    title: str
    days: int
    origin: str
    number: int
    bytes: int | None
    oldest: datetime | None
    going: int
    going_bytes: int | None


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes of the database; how many of a file of SQLite's are unused; how many blobs wait to be deleted."""

    bytes: int
    unused: int | None
    blobs: int


def kept(connection: Connection, retention: Retention, now: datetime) -> tuple[Kept, ...]:
    """All kinds. Reads all rows of large tables: seconds, for millions of events."""
    return tuple(_kept(connection, kind, retention, now) for kind in KINDS)


def _kept(connection: Connection, kind: str, retention: Retention, now: datetime) -> Kept:
    found = [_counted(connection, rows, sized=kind in _SIZED) for rows in rows_of(kind, retention, now)]
    oldest = min((row.oldest for row in found if row.oldest is not None), default=None)
    if oldest is not None and kind in {"beats", "fleet"}:
        oldest = datetime.fromordinal(int(oldest)).astimezone().timestamp()
    return Kept(
        kind=kind,
        title=KINDS[kind],
        days=getattr(retention, kind),
        origin=retention.origin(kind),
        number=sum(row.number for row in found),
        bytes=int(found[0].bytes) if kind in _SIZED else None,
        oldest=None if oldest is None else moment_of(oldest),
        going=sum(int(row.going) for row in found),
        going_bytes=int(found[0].going_bytes) if kind in _SIZED else None,
    )


def _counted(connection: Connection, rows: Rows, *, sized: bool) -> Any:
    over = case((rows.over, 1), else_=0)
    chosen = [
        func.count().label("number"),
        func.coalesce(func.sum(over), 0).label("going"),
        func.min(rows.age).label("oldest"),
    ]
    if sized:
        size = rows.table.c.bytes
        chosen += [
            func.coalesce(func.sum(size), 0).label("bytes"),
            func.coalesce(func.sum(case((rows.over, size), else_=0)), 0).label("going_bytes"),
        ]
    wanted = select(*chosen).select_from(rows.table)
    return connection.execute(wanted if rows.kept is None else wanted.where(rows.kept)).one()


def space(connection: Connection) -> Space:
    """How large the database is."""
    blobs = connection.execute(select(func.count()).select_from(tables.doomed)).scalar_one()
    if not is_sqlite(connection):
        size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        return Space(size, None, blobs)
    page, pages, unused = (
        connection.execute(text(f"PRAGMA {name}")).scalar_one()
        for name in ("page_size", "page_count", "freelist_count")
    )
    return Space(page * pages, page * unused, blobs)
