"""Incident reports: one of each root cause, once its threat event is there, or the wait for it is over."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, RowMapping, func, or_, select, update

from tm_tui.portal import jobs, tables
from tm_tui.portal.reports import days, shelf
from tm_tui.portal.reports.incident import incident_text, incident_title
from tm_tui.portal.reports.shelf import Report

__all__ = ["WAIT_SECONDS", "due_after", "make_incidents", "next_due", "plan"]

WAIT_SECONDS = 600.0
"""So long a root cause waits for the threat event that it explains; then its report says it is missing."""
_MOST_INCIDENTS = 1000
"""Incident reports of one appliance in 24 hours; further root causes are counted in the daily report."""
_AT_ONCE = 20
_DAYS = 7
"""So many days before and after, other endpoints with the same threat are named."""
_CAUSE, _THREAT = tables.root_causes.c, tables.threats.c
_REGISTERED = select(tables.products.c.appliance)


def due_after(
    connection: Connection,
    appliance: str,
    events: Sequence[Mapping[str, Any]],
    causes: Sequence[Mapping[str, Any]],
    now: float,
) -> float | None:
    """When incident reports can be made after these rows were entered. None: they change nothing."""
    ids = [row["id"] for row in events]
    explained = [row["threat_event_id"] for row in causes]
    ours = (_CAUSE.appliance == appliance, _CAUSE.waiting == 1)
    found = select(_CAUSE.id).where(*ours, _CAUSE.threat_event_id.in_(ids)).limit(1)
    if ids and connection.execute(found).first() is not None:
        return now
    found = select(_THREAT.id).where(_THREAT.appliance == appliance, _THREAT.id.in_(explained)).limit(1)
    if explained and connection.execute(found).first() is not None:
        return now
    return min((row["received_at"] + WAIT_SECONDS for row in causes), default=None)


def plan(connection: Connection, appliance: str) -> None:
    """Have reports made of root causes that wait, if any does: the appliance has just registered."""
    due = next_due(connection, appliance)
    if due is not None:
        jobs.ask(connection, f"incidents/{appliance}", "incidents", due, appliance=appliance)


def next_due(connection: Connection, appliance: str) -> float | None:
    """When the root cause that has waited longest has had its time; None: none waits."""
    waiting = (_CAUSE.appliance == appliance, _CAUSE.waiting == 1)
    oldest = connection.execute(select(func.min(_CAUSE.received_at)).where(*waiting)).scalar()
    return None if oldest is None else oldest + WAIT_SECONDS


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
    waited = _CAUSE.received_at <= (now.timestamp() - WAIT_SECONDS if wait else now.timestamp() + 1)
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
    """Other endpoints with the same threat within a week."""
    if cause["threat"] is None:
        return ()
    of, day = tables.day_threats.c, days.day_of(cause["at"], None)
    around = of.day.in_(range(day - _DAYS, day + _DAYS + 1))
    chosen = (
        select(of.hostname)
        .distinct()
        .where(
            of.appliance == cause["appliance"],
            around,
            of.threat == cause["threat"],
            of.hostname != cause["hostname"],
        )
    )
    return tuple(connection.execute(chosen.order_by(of.hostname).limit(6)).scalars())
