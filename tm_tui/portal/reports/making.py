"""Which reports are due, and making them: each once, in one transaction with its notice."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from sqlalchemy import Connection, RowMapping, func, or_, select, update

from tm_tui.portal import tables
from tm_tui.portal.reports import shelf
from tm_tui.portal.reports.incident import incident_text, incident_title
from tm_tui.portal.reports.periods import KINDS, Kind, Period, current, last_ended
from tm_tui.portal.reports.shelf import Report
from tm_tui.portal.reports.summary import summary_text

__all__ = ["WAIT_SECONDS", "longest_waiting", "make_due", "make_incidents", "make_so_far", "next_due"]

WAIT_SECONDS = 600.0
"""So long a root cause waits for the threat event that it explains; then its report says it is missing."""
_MOST_LOOKED_AT = 1000
_MOST_INCIDENTS = 1000
"""Incident reports of one appliance in 24 hours; further root causes are counted in the daily report."""
_AT_ONCE = 20
_MISSED: dict[Kind, int] = {"daily": 7, "weekly": 4, "monthly": 2}
"""How far back a portal that was down makes up for what it missed."""
_WEEK = 7 * 86400.0
_CAUSE, _THREAT = tables.root_causes.c, tables.threats.c
_REGISTERED = select(tables.products.c.appliance)


# --- incidents


def make_incidents(
    connection: Connection,
    now: datetime,
    *,
    wait: bool = True,
    appliance: str | None = None,
    zone: tzinfo | None = None,
) -> tuple[Report, ...] | None:
    """Make the incident reports that can be made, some at a time; None when there is nothing left to do.

    With `wait`, a root cause whose threat event is not there yet gets its time.
    """
    waited = _CAUSE.received_at < (now.timestamp() - WAIT_SECONDS if wait else now.timestamp() + 1)
    explained = (_THREAT.appliance == _CAUSE.appliance) & (_THREAT.id == _CAUSE.threat_event_id)
    told = (_THREAT.threat, _THREAT.severity, _THREAT.status, _THREAT.event_type, _THREAT.source)
    chosen = (
        select(tables.root_causes, *told)
        .join(tables.threats, explained, isouter=True)
        .where(_CAUSE.waiting == 1, _CAUSE.appliance.in_(_REGISTERED), or_(_THREAT.id.is_not(None), waited))
    )
    if appliance is not None:
        chosen = chosen.where(_CAUSE.appliance == appliance)
    chosen = chosen.order_by(_CAUSE.appliance, _CAUSE.at).limit(_AT_ONCE)
    found = connection.execute(chosen).mappings().all()
    return tuple(_incidents(connection, found, now, zone)) if found else None


def _incidents(
    connection: Connection, causes: Sequence[RowMapping], now: datetime, zone: tzinfo | None
) -> Iterator[Report]:
    made: dict[str, list[Report]] = {}
    for cause in causes:
        appliance = cause["appliance"]
        if _incidents_today(connection, appliance, now) < _MOST_INCIDENTS:
            text = incident_text(cause, _others(connection, cause), now, zone)
            digest = hashlib.sha256(f"{appliance}\0{cause['id']}".encode()).hexdigest()[:16]
            report = Report(
                f"{appliance}-incident-{digest}", appliance, "incident", incident_title(cause), text
            )
            if shelf.put(connection, report, now):
                made.setdefault(appliance, []).append(report)
        done = update(tables.root_causes).where(_CAUSE.appliance == appliance, _CAUSE.id == cause["id"])
        connection.execute(done.values(waiting=0, chain=""))
    for appliance, reports in made.items():
        shelf.announce(connection, appliance, reports, now)
        yield from reports


def _incidents_today(connection: Connection, appliance: str, now: datetime) -> int:
    made = tables.reports.c
    chosen = select(func.count()).where(
        made.appliance == appliance, made.kind == "incident", made.made_at > now.timestamp() - 86400
    )
    return connection.execute(chosen).scalar_one()


def _others(connection: Connection, cause: RowMapping) -> tuple[str, ...]:
    """Other endpoints with the same threat within a week, as far as that many events name them.

    The database has one thread: what looks at millions of rows would keep beats waiting.
    """
    around = _THREAT.at.between(cause["at"] - _WEEK, cause["at"] + _WEEK)
    same = (_THREAT.appliance == cause["appliance"], _THREAT.threat == cause["threat"], around)
    looked_at = select(_THREAT.hostname).where(*same).limit(_MOST_LOOKED_AT).subquery()
    name = looked_at.c.hostname
    others = select(name).distinct().where(name != cause["hostname"]).order_by(name).limit(6)
    return tuple(connection.execute(others).scalars())


def longest_waiting(connection: Connection) -> float | None:
    """When the oldest root cause arrived that waits for its threat event, in Unix seconds."""
    waiting = (_CAUSE.waiting == 1, _CAUSE.appliance.in_(_REGISTERED))
    return connection.execute(select(func.min(_CAUSE.received_at)).where(*waiting)).scalar()


# --- days, weeks, months


def make_due(connection: Connection, now: datetime, zone: tzinfo | None = None) -> tuple[Report, ...]:
    """Make what is due of each Registered Product and was not made, the missed ones of a downtime too."""
    made: list[Report] = []
    for product in _products(connection):
        periods = [
            period
            for kind in KINDS
            for period in last_ended(kind, now, _MISSED[kind], zone)
            if period.ends.timestamp() > product["registered_at"]
            and not shelf.has(connection, _id(product["appliance"], period))
        ]
        made += _made(connection, product, [(period, "") for period in periods], now)
    return tuple(made)


def make_so_far(
    connection: Connection,
    kind: Kind,
    now: datetime,
    appliance: str | None = None,
    zone: tzinfo | None = None,
) -> tuple[Report, ...]:
    """Make a report of the period that is not over, of one product or of all."""
    moment = f"-at-{now.astimezone(zone):%Y%m%dT%H%M%S}"
    made: list[Report] = []
    for product in _products(connection):
        if appliance in {None, product["appliance"]}:
            made += _made(connection, product, [(current(kind, now, zone), moment)], now)
    return tuple(made)


def _products(connection: Connection) -> Sequence[RowMapping]:
    of = tables.products.c
    chosen = select(of.appliance, of.registered_at, of.last_beat_at).order_by(of.appliance)
    return connection.execute(chosen).mappings().all()


def _made(
    connection: Connection, product: RowMapping, wanted: list[tuple[Period, str]], now: datetime
) -> list[Report]:
    appliance = product["appliance"]
    made: list[Report] = []
    if not wanted:
        return made
    for period, moment in wanted:
        text = summary_text(connection, appliance, product["last_beat_at"], period, now)
        id_, title = f"{_id(appliance, period)}{moment}", period.words
        report = Report(id_, appliance, period.kind, f"{title}{', so far' if moment else ''}", text)
        if shelf.put(connection, report, now):
            made.append(report)
    shelf.announce(connection, appliance, made, now)
    return made


def _id(appliance: str, period: Period) -> str:
    return f"{appliance}-{period.kind}-{period.name}"


def next_due(now: datetime, zone: tzinfo | None = None) -> float:
    """Seconds until the next day begins."""
    return max(0.0, (current("daily", now, zone).ends - now).total_seconds())
