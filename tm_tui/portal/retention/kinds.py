"""What is kept for a time: for each kind, which rows of which tables have had theirs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Table, and_, exists, literal, or_

from tm_tui.portal import tables
from tm_tui.portal.retention.settings import Retention

__all__ = ["KINDS", "Rows", "rows_of"]

KINDS: dict[str, str] = {
    "events": "Events read from batches",
    "batches": "Files of batches",
    "cases": "Files of cases",
    "reports": "Reports",
    "beats": "Beats by day",
    "fleet": "The fleet by day",
    "audit": "Audit",
    "alerts": "Alerts that are over",
}
"""Each, and how it is called."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table: those that count as `kept`, those whose time is `over`, and their `age` column."""

    table: Table
    kept: ColumnElement[bool] | None
    over: ColumnElement[bool]
    age: ColumnElement[float] | ColumnElement[int]


def rows_of(kind: str, retention: Retention, now: datetime) -> Iterator[Rows]:
    """The rows of a kind; `over` is false where it is kept for ever. Days are those of the portal's zone."""
    oldest = retention.oldest(kind, now.timestamp())
    before = -1e300 if oldest is None else oldest
    day = -(1 << 40) if oldest is None else now.astimezone().date().toordinal() - getattr(retention, kind)
    if kind == "events":
        for table in (tables.threats, tables.root_causes):
            of = table.c
            yield Rows(table, None, and_(of.at < before, of.received_at < before), of.at)
    elif kind == "batches":
        yield _batches(before)
    elif kind == "cases":
        yield _cases(before)
    elif kind in {"beats", "fleet"}:
        table = tables.beat_days if kind == "beats" else tables.fleet_days
        yield Rows(table, None, table.c.day < day, table.c.day)
    elif kind == "alerts":
        ended, done = tables.alerts.c.ended_at, tables.alert_messages.c.done_at
        yield Rows(tables.alerts, ended.is_not(None), ended < before, ended)
        yield Rows(tables.alert_messages, done.is_not(None), done < before, done)
    else:
        age = tables.audit.c.at if kind == "audit" else tables.reports.c.made_at
        yield Rows(age.table, None, age < before, age)


def _batches(before: float) -> Rows:
    """One that is still to be read stays."""
    of = tables.batches.c
    kept = of.swept_at.is_(None)
    unread = exists().where(tables.jobs.c.key == literal("read/").concat(of.name))
    return Rows(tables.batches, kept, and_(kept, of.received_at < before, ~unread), of.received_at)


def _cases(before: float) -> Rows:
    of = tables.cases.c
    kept = and_(of.number.is_not(None), of.swept_at.is_(None))
    done_with = or_(of.status == "sample-downloaded", of.pattern_id != "")
    return Rows(tables.cases, kept, and_(kept, done_with, of.updated_at < before), of.received_at)
