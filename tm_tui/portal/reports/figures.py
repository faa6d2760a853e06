"""What the logs of one appliance say of a stretch of time, counted in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, func, select

from tm_tui.portal import endpoints, tables
from tm_tui.portal.endpoints import Endpoint
from tm_tui.portal.reports.periods import Period

__all__ = ["Figures", "figures_of", "trend"]

_MOST_ENDPOINTS = 50
_OF = tables.threats.c


@dataclass(frozen=True, slots=True)
class Figures:
    """One period's. Events count by their own time; `late` ones came in it and are of earlier ones."""

    events: int
    late: int
    root_causes: int
    types: tuple[tuple[str, int], ...]
    statuses: tuple[tuple[str, int], ...]
    severities: tuple[tuple[str, int], ...]
    threats: tuple[tuple[str, str, int, int], ...]
    """(threat, severity, events, endpoints), the most frequent first."""
    hosts: int
    issues: tuple[Endpoint, ...]
    """Endpoints with an issue at the moment of counting; at most 50."""
    more_issues: int
    incidents: tuple[tuple[str, str], ...]
    """(id, title) of the incident reports made in this period, the newest first; at most 50."""


def figures_of(connection: Connection, appliance: str, period: Period, now: datetime) -> Figures:
    """Count."""
    begins, ends = period.begins.timestamp(), min(period.ends.timestamp(), now.timestamp())
    within = _Within(connection, appliance, begins, ends)
    statuses = within.counts("status")
    issues, more = _issues(connection, appliance, now)
    return Figures(
        events=sum(number for _, number in statuses),
        late=within.late(),
        root_causes=within.number(tables.root_causes),
        types=within.counts("event_type"),
        statuses=statuses,
        severities=within.counts("severity"),
        threats=within.threats(),
        hosts=within.hosts(),
        issues=issues,
        more_issues=more,
        incidents=within.incidents(),
    )


@dataclass(frozen=True, slots=True)
class _Within:
    """Questions about one appliance between two moments."""

    connection: Connection
    appliance: str
    begins: float
    ends: float

    def _of(self, table: Table) -> ColumnElement[bool]:
        of = table.c
        return and_(of.appliance == self.appliance, of.at >= self.begins, of.at < self.ends)

    def number(self, table: Table) -> int:
        """How many rows."""
        return self.connection.execute(select(func.count()).where(self._of(table))).scalar_one()

    def late(self) -> int:
        """Threat events that came in this stretch, and happened before it."""
        came = and_(_OF.received_at >= self.begins, _OF.received_at < self.ends)
        chosen = select(func.count()).where(_OF.appliance == self.appliance, _OF.at < self.begins, came)
        return self.connection.execute(chosen).scalar_one()

    def hosts(self) -> int:
        """Endpoints with threat events."""
        chosen = select(func.count(_OF.hostname.distinct())).where(self._of(tables.threats))
        return self.connection.execute(chosen).scalar_one()

    def counts(self, column: str) -> tuple[tuple[str, int], ...]:
        """How many threat events have each value of a column, the most frequent first."""
        number = func.count().label("number")
        chosen = select(_OF[column], number).where(self._of(tables.threats)).group_by(_OF[column])
        rows = self.connection.execute(chosen.order_by(number.desc(), _OF[column]))
        return tuple((row[0], row[1]) for row in rows)

    def threats(self) -> tuple[tuple[str, str, int, int], ...]:
        """The most frequent ones."""
        number, named = func.count().label("number"), (_OF.threat, _OF.severity)
        chosen = select(*named, number, func.count(_OF.hostname.distinct())).where(self._of(tables.threats))
        chosen = chosen.group_by(*named).order_by(number.desc(), _OF.threat, _OF.severity).limit(10)
        return tuple((row[0], row[1], row[2], row[3]) for row in self.connection.execute(chosen))

    def incidents(self) -> tuple[tuple[str, str], ...]:
        """The incident reports that were made."""
        made = tables.reports.c
        chosen = select(made.id, made.title).where(
            made.appliance == self.appliance,
            made.kind == "incident",
            made.made_at >= self.begins,
            made.made_at < self.ends,
        )
        rows = self.connection.execute(chosen.order_by(made.number.desc()).limit(50))
        return tuple((row.id, row.title) for row in rows)


def trend(connection: Connection, appliance: str, stretches: Sequence[Period]) -> tuple[tuple[int, int], ...]:
    """(events, those of severity critical or high) of each period."""
    found = []
    for period in stretches:
        within = _Within(connection, appliance, period.begins.timestamp(), period.ends.timestamp())
        counted = dict(within.counts("severity"))
        grave = sum(number for word, number in counted.items() if word in {"critical", "high"})
        found.append((sum(counted.values()), grave))
    return tuple(found)


def _issues(connection: Connection, appliance: str, now: datetime) -> tuple[tuple[Endpoint, ...], int]:
    found = endpoints.listed(connection, now, appliance=appliance, most=_MOST_ENDPOINTS)
    if len(found) < _MOST_ENDPOINTS:
        return found, 0
    return found, endpoints.issues_of(connection, appliance, now) - len(found)
