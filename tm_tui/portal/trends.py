"""What becomes of the fleet from day to day, for charts: beats, events by severity, issues, silence.

Days are those of the portal's zone. Beats are counted as they come; issues and silence are what they were
when the portal last looked on that day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, func, select, update

from tm_tui.portal import tables
from tm_tui.portal.endpoints import issues
from tm_tui.portal.engines import insert
from tm_tui.portal.fleet import counts

__all__ = [
    "Standing",
    "beats_of",
    "beats_of_fleet",
    "days_until",
    "looks",
    "put",
    "severities",
    "standing",
]

_BEAT, _LOOK = tables.beat_days.c, tables.fleet_days.c


def days_until(now: datetime, most: int) -> tuple[date, ...]:
    """The days of a chart, the last one today."""
    today = now.astimezone().date()
    return tuple(today - timedelta(days=back) for back in reversed(range(most)))


def beats_of(connection: Connection, appliance: str, since: date) -> Mapping[date, int]:
    """Beats of an appliance by day."""
    chosen = select(_BEAT.day, _BEAT.beats).where(
        _BEAT.appliance == appliance, _BEAT.day >= since.toordinal()
    )
    return {date.fromordinal(row.day): row.beats for row in connection.execute(chosen)}


def beats_of_fleet(connection: Connection, since: date) -> Mapping[date, int]:
    """Beats of all by day: counted now from the last day on about which a look said how many there were."""
    chosen = select(_LOOK.day, _LOOK.beats).where(_LOOK.day >= since.toordinal(), _LOOK.beats > 0)
    noted = {row.day: row.beats for row in connection.execute(chosen.order_by(_LOOK.day))}
    last = max(noted, default=since.toordinal())
    found = noted | _counted(connection, last)
    return {date.fromordinal(day): number for day, number in found.items()}


def _counted(connection: Connection, day: int) -> dict[int, int]:
    """Beats by day from a day on. Reads a row for each appliance and day."""
    chosen = select(_BEAT.day, func.sum(_BEAT.beats).label("beats")).where(_BEAT.day >= day)
    return {row.day: int(row.beats) for row in connection.execute(chosen.group_by(_BEAT.day))}


@dataclass(frozen=True, slots=True)
class Standing:
    """How the fleet stands now."""

    appliances: int
    missing: int
    issues: int
    beats: Mapping[int, int]
    """By day: of today, and of the day before it at which the portal looked last."""


def standing(connection: Connection, now: datetime) -> Standing:
    """How it stands now."""
    found, today = counts(connection, now), now.astimezone().date().toordinal()
    chosen = select(func.max(_LOOK.day)).where(_LOOK.day < today)
    before = connection.execute(chosen).scalar()
    beats = _counted(connection, today if before is None else before)
    return Standing(found.total, found.missing, issues(connection, now), beats)


def put(connection: Connection, found: Standing, now: datetime) -> None:
    """Note how it stands today, in place of what was noted of today before; an earlier day gets its beats."""
    today = now.astimezone().date().toordinal()
    row = {"appliances": found.appliances, "missing": found.missing, "issues": found.issues}
    row["beats"] = found.beats.get(today, 0)
    entry = insert(connection, tables.fleet_days).values(day=today, **row)
    connection.execute(entry.on_conflict_do_update(index_elements=["day"], set_=row))
    for day, number in found.beats.items():
        if day != today:
            connection.execute(update(tables.fleet_days).where(_LOOK.day == day).values(beats=number))


def looks(connection: Connection, since: date) -> Mapping[date, tuple[int, int]]:
    """Endpoints with an issue, and missing appliances, by day."""
    rows = connection.execute(select(tables.fleet_days).where(_LOOK.day >= since.toordinal()))
    return {date.fromordinal(row.day): (row.issues, row.missing) for row in rows}


def severities(
    connection: Connection, days: tuple[date, ...], appliance: str | None = None
) -> Mapping[date, Mapping[str, int]]:
    """Threat events by day and severity; of one appliance, or of all."""
    of = tables.fleet_threats.c if appliance is None else tables.day_threats.c
    chosen = select(of.day, of.severity, func.sum(of.events).label("events"))
    chosen = chosen.where(of.day >= days[0].toordinal(), of.day <= days[-1].toordinal())
    if appliance is not None:
        chosen = chosen.where(tables.day_threats.c.appliance == appliance)
    found: dict[date, dict[str, int]] = {}
    for row in connection.execute(chosen.group_by(of.day, of.severity)):
        found.setdefault(date.fromordinal(row.day), {})[row.severity] = int(row.events)
    return found
