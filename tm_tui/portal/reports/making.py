"""Reports of days, weeks and months: which are due is known by their jobs; each is made once."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select

from tm_tui.portal import counters, jobs, tables
from tm_tui.portal.reports import days, shelf
from tm_tui.portal.reports.periods import KINDS, Kind, Period, current, last_ended
from tm_tui.portal.reports.shelf import Report
from tm_tui.portal.reports.summary import summary_text

__all__ = ["Composed", "compose", "make_due", "make_so_far", "next_due", "plan", "plan_anew", "put"]

_OF = tables.products.c
_JOBS: dict[Kind, jobs.Kind] = {
    "daily": "report-daily",
    "weekly": "report-weekly",
    "monthly": "report-monthly",
}
_MISSED: dict[Kind, int] = {"daily": 7, "weekly": 4, "monthly": 2}
"""How far back a portal that was down makes up for what it missed."""


@dataclass(frozen=True, slots=True)
class Composed:
    """What came of looking at one product: a report, if one was missing, and when to look again."""

    report: Report | None
    due: float


def compose(
    connection: Connection, appliance: str, kind: Kind, now: datetime, zone: tzinfo | None = None
) -> Composed | None:
    """Write the oldest report of a kind that is due and was not made, of a downtime too; keep nothing.

    None: the appliance is not registered.
    """
    product = connection.execute(_product(appliance)).mappings().first()
    if product is None:
        return None
    due = current(kind, now, zone).ends.timestamp()
    since = product["registered_at"]
    periods = [one for one in last_ended(kind, now, _MISSED[kind], zone) if one.ends.timestamp() > since]
    made = shelf.which(connection, [_id(appliance, one) for one in periods])
    missing = [one for one in periods if _id(appliance, one) not in made]
    if not missing:
        return Composed(None, due)
    report = _composed(connection, product, missing[0], now)
    return Composed(report, now.timestamp() if len(missing) > 1 else due)


def put(connection: Connection, report: Report, now: datetime) -> bool:
    """Put it on the shelf, and announce it. False: it was there already."""
    if not shelf.put(connection, report, now):
        return False
    shelf.announce(connection, report.appliance, [report], now)
    return True


def plan(connection: Connection, appliance: str, now: datetime, zone: tzinfo | None = None) -> None:
    """Have the reports of a product made from now on."""
    due = {kind: current(kind, now, zone).ends.timestamp() for kind in KINDS}
    wanted = [(f"report/{appliance}/{kind}", _JOBS[kind], due[kind]) for kind in KINDS]
    jobs.ask_all(connection, appliance, wanted)


def plan_anew(connection: Connection, now: datetime, zone: tzinfo | None = None) -> None:
    """Have no report wait beyond the end of the period of `now`: after a step back, or in another zone."""
    same_zone = not counters.changed(connection, "zone", days.zone_mark(zone))
    for kind in KINDS:
        ends = current(kind, now, zone).ends.timestamp()
        jobs.not_after(connection, _JOBS[kind], ends if same_zone else now.timestamp())


def make_due(connection: Connection, now: datetime, zone: tzinfo | None = None) -> tuple[Report, ...]:
    """Make all that is due of each Registered Product, in one go."""
    made: list[Report] = []
    for appliance in connection.execute(select(_OF.appliance).order_by(_OF.appliance)).scalars().all():
        days.count_all(connection, appliance, zone)
        for kind in KINDS:
            while (found := compose(connection, appliance, kind, now, zone)) and found.report:
                put(connection, found.report, now)
                made.append(found.report)
    return tuple(made)


def make_so_far(
    connection: Connection,
    kind: Kind,
    now: datetime,
    appliance: str | None = None,
    zone: tzinfo | None = None,
) -> tuple[Report, ...]:
    """Make a report of the period that is not over, of one product or of all."""
    period, moment = current(kind, now, zone), f"-at-{now.astimezone(zone):%Y%m%dT%H%M%S}"
    chosen = _product(appliance) if appliance else select(tables.products).order_by(_OF.appliance)
    made: list[Report] = []
    for product in connection.execute(chosen).mappings().all():
        days.count_all(connection, product["appliance"], zone)
        report = _composed(connection, product, period, now, moment)
        if put(connection, report, now):
            made.append(report)
    return tuple(made)


def _product(appliance: str) -> Select[Any]:
    return select(tables.products).where(_OF.appliance == appliance)


def _composed(
    connection: Connection, product: RowMapping, period: Period, now: datetime, moment: str = ""
) -> Report:
    appliance = product["appliance"]
    text = summary_text(connection, appliance, product["last_beat_at"], period, now)
    title = f"{period.words}{', so far' if moment else ''}"
    return Report(f"{_id(appliance, period)}{moment}", appliance, period.kind, title, text)


def _id(appliance: str, period: Period) -> str:
    return f"{appliance}-{period.kind}-{period.name}"


def next_due(now: datetime, zone: tzinfo | None = None) -> float:
    """Seconds until the next day begins."""
    return max(0.0, (current("daily", now, zone).ends - now).total_seconds())
