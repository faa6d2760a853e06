"""The sweep: takes away what has had its time, a small piece a transaction, from wherever it stands.

A piece is named by its step and what that step has done (`events/tm-1`). Blobs go outside a transaction,
after the one in which their rows said so.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, and_, select, text, update

from tm_tui.portal import doomed, tables
from tm_tui.portal.blobs.store import Blobs
from tm_tui.portal.cases import case_id
from tm_tui.portal.doomed import Doomed
from tm_tui.portal.engines import delete_some, is_sqlite
from tm_tui.portal.reports import days
from tm_tui.portal.retention.kinds import rows_of
from tm_tui.portal.retention.settings import Retention

__all__ = ["BLOBS_AT_ONCE", "Piece", "deletes_blobs", "piece", "sweep"]

BLOBS_AT_ONCE = 50
_ROWS_AT_ONCE = 500
_APPLIANCES_AT_ONCE = 200
_PAGES_AT_ONCE = 256
_UNUSED_PART = 10
"""A file of SQLite's keeps so much of itself (one part in ten) for what comes next."""
_STEPS = ("events", "beats", "fleet", "alerts", "audit", "reports", "batches", "cases", "blobs", "space")


@dataclass(frozen=True, slots=True)
class Piece:
    """What was taken away, of what kind, and where to go on; None: the sweep is over."""

    kind: str
    number: int
    following: str | None


def piece(
    connection: Connection,
    retention: Retention,
    now: datetime,
    at: str,
    deleted: Sequence[Doomed] = (),
) -> Piece:
    """Do the piece `at` (empty: the first one). `deleted`: the blobs that were, if `deletes_blobs(at)`."""
    step, _, cursor = at.partition("/")
    step = step if step in _STEPS else _STEPS[0]
    if step == "events":
        number, on = _events(connection, retention, now, cursor)
    elif step == "blobs":
        doomed.gone(connection, deleted)
        number, on = len(deleted), "" if deleted else None
    elif step == "space":
        number, on = 0, "" if _shrunk(connection) else None
    else:
        number = _DO.get(step, _deleted)(connection, retention, now, step)
        on = "" if number else None
    return Piece(step, number, f"{step}/{on}" if on is not None else _after(step))


def _after(step: str) -> str | None:
    index = _STEPS.index(step) + 1
    return f"{_STEPS[index]}/" if index < len(_STEPS) else None


def deletes_blobs(at: str) -> bool:
    """Whether blobs have to be deleted before this piece."""
    return at.startswith("blobs/")


def sweep(connection: Connection, blobs: Blobs, retention: Retention, now: datetime) -> Iterator[Piece]:
    """All of it, for a command beside the portal. Each piece is committed. Raises OSError (the blobs)."""
    at: str | None = ""
    while at is not None:
        deleted: list[Doomed] = []
        if deletes_blobs(at):
            deleted = doomed.listed(connection, BLOBS_AT_ONCE)
            connection.commit()  # nobody waits for the disk, or the bucket
            doomed.remove(blobs, deleted)
        done = piece(connection, retention, now, at, deleted)
        connection.commit()
        yield done
        at = done.following


def _events(
    connection: Connection, retention: Retention, now: datetime, cursor: str
) -> tuple[int, str | None]:
    """Events of some appliances. Returns how many went, and the last appliance that is done with."""
    oldest, number = retention.oldest("events", now.timestamp()), 0
    if oldest is None:
        return 0, None
    found = days.counted_after(connection, cursor, _APPLIANCES_AT_ONCE)
    for appliance in days.with_older(connection, found, oldest):
        for rows in rows_of("events", retention, now):
            ours = and_(rows.table.c.appliance == appliance, rows.over)
            number += delete_some(connection, rows.table, ours, _ROWS_AT_ONCE - number)
        number += days.forget(connection, appliance, oldest, _ROWS_AT_ONCE - number)
        if number >= _ROWS_AT_ONCE:
            return number, cursor
        cursor = appliance
    return number, found[-1] if len(found) == _APPLIANCES_AT_ONCE else None


def _deleted(connection: Connection, retention: Retention, now: datetime, kind: str) -> int:
    found = rows_of(kind, retention, now)
    return sum(delete_some(connection, rows.table, rows.over, _ROWS_AT_ONCE) for rows in found)


def _batches(connection: Connection, retention: Retention, now: datetime, _kind: str) -> int:
    """Their rows stay, so that they are known; their blobs are to go."""
    of = tables.batches.c
    (rows,) = rows_of("batches", retention, now)
    chosen = select(of.number, of.name, of.appliance).where(rows.over).order_by(of.received_at)
    found = connection.execute(chosen.limit(_ROWS_AT_ONCE)).all()
    _mark(connection, tables.batches, [row.number for row in found], now)
    doomed.doom(connection, [f"logs/{row.appliance}/{row.name}" for row in found])
    return len(found)


def _cases(connection: Connection, retention: Retention, now: datetime, _kind: str) -> int:
    """The same of cases, whose bytes are a file or parts."""
    of = tables.cases.c
    (rows,) = rows_of("cases", retention, now)
    chosen = select(of.number, of.upload, of.form).where(rows.over).limit(_ROWS_AT_ONCE)
    found = connection.execute(chosen).all()
    _mark(connection, tables.cases, [row.number for row in found], now)
    names = [(f"cases/{case_id(row.number)}.{row.form}", f"cases/{row.upload}/") for row in found]
    doomed.doom(connection, [name for pair in names for name in pair])
    return len(found)


def _mark(connection: Connection, table: Table, numbers: list[int], now: datetime) -> None:
    if numbers:
        marked = update(table).where(table.c.number.in_(numbers))
        connection.execute(marked.values(swept_at=now.timestamp()))


def _shrunk(connection: Connection) -> bool:
    """Give a piece of SQLite's file back to the disk, if much of it is unused. False: nothing is left to do.

    A file of a portal of before cannot do that, until `tm-tui portal db compact` was run once.
    """
    if not is_sqlite(connection):
        return False  # autovacuum does that
    unused, pages, kind = (
        connection.execute(text(f"PRAGMA {name}")).scalar_one()
        for name in ("freelist_count", "page_count", "auto_vacuum")
    )
    if kind != 2 or unused * _UNUSED_PART <= pages:  # 2 is INCREMENTAL
        return False
    raw = connection.connection.cursor()  # it gives a page back for each row, and rows have no columns
    raw.execute(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
    raw.fetchall()
    return True


_DO: dict[str, Callable[[Connection, Retention, datetime, str], int]] = {"batches": _batches, "cases": _cases}
