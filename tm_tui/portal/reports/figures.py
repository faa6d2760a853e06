"""What the logs of one appliance say of a period, of the days that were counted as they came."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Label, Row, Table, and_, func, select

from tm_tui.portal import endpoints, tables
from tm_tui.portal.endpoints import Endpoint
from tm_tui.portal.reports.periods import Period
from tm_tui.portal.reports.tables import day_counts, day_late, day_threats

__all__ = ["Figures", "figures_of", "trend"]

_MOST_ENDPOINTS = 50
_OF = day_threats.c


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
    """Count. The days of the appliance must be counted in this zone (`days`)."""
    within = _Within(connection, appliance, period, min(period.ends.timestamp(), now.timestamp()))
    issues, more = _issues(connection, appliance, now)
    statuses = within.counts("status")
    return Figures(
        events=sum(number for _, number in statuses),
        late=within.late(),
        root_causes=sum(number for _, number in within.counts("cause")),
        types=within.counts("type"),
        statuses=statuses,
        severities=within.severities(),
        threats=within.threats(),
        hosts=within.hosts(),
        issues=issues,
        more_issues=more,
        incidents=within.incidents(),
    )


@dataclass(frozen=True, slots=True)
class _Within:
    """Questions about one appliance in one period. They read a row for what happened often in a day."""

    connection: Connection
    appliance: str
    period: Period
    ends: float

    def _of(self, table: Table, column: str = "day") -> ColumnElement[bool]:
        first, last = self.period.first.toordinal(), self.period.last.toordinal()
        return and_(table.c.appliance == self.appliance, table.c[column].between(first, last))

    def late(self) -> int:
        """Threat events that came in it, and happened before it."""
        of, number = day_late.c, func.coalesce(func.sum(day_late.c.events), 0)
        before = of.day < self.period.first.toordinal()
        return int(
            self.connection.execute(select(number).where(self._of(day_late, "came"), before)).scalar_one()
        )

    def hosts(self) -> int:
        """Endpoints with threat events."""
        chosen = select(func.count(_OF.hostname.distinct())).where(self._of(day_threats))
        return self.connection.execute(chosen).scalar_one()

    def counts(self, what: str) -> tuple[tuple[str, int], ...]:
        """How many there were by word, the most frequent first."""
        of = day_counts.c
        chosen = select(of.word, _number(day_counts)).where(self._of(day_counts), of.what == what)
        return _ordered(self.connection.execute(chosen.group_by(of.word)))

    def severities(self) -> tuple[tuple[str, int], ...]:
        """How many there were by severity, the most frequent first."""
        chosen = select(_OF.severity, _number(day_threats)).where(self._of(day_threats))
        return _ordered(self.connection.execute(chosen.group_by(_OF.severity)))

    def threats(self) -> tuple[tuple[str, str, int, int], ...]:
        """The most frequent ones."""
        number, named = _number(day_threats), (_OF.threat, _OF.severity)
        chosen = select(*named, number, func.count(_OF.hostname.distinct())).where(self._of(day_threats))
        chosen = chosen.group_by(*named).order_by(number.desc(), _OF.threat, _OF.severity).limit(10)
        return tuple((row[0], row[1], int(row[2]), row[3]) for row in self.connection.execute(chosen))

    def incidents(self) -> tuple[tuple[str, str], ...]:
        """The incident reports that were made."""
        made = tables.reports.c
        chosen = select(made.id, made.title).where(
            made.appliance == self.appliance,
            made.kind == "incident",
            made.made_at >= self.period.begins.timestamp(),
            made.made_at < self.ends,
        )
        rows = self.connection.execute(chosen.order_by(made.number.desc()).limit(50))
        return tuple((row.id, row.title) for row in rows)


def _number(table: Table) -> Label[int]:
    return func.sum(table.c.events).label("number")


def _ordered(rows: Iterable[Row[str, int]]) -> tuple[tuple[str, int], ...]:
    found = [(word, int(number)) for word, number in rows]
    return tuple(sorted(found, key=lambda one: (-one[1], one[0])))


def trend(connection: Connection, appliance: str, stretches: Sequence[Period]) -> tuple[tuple[int, int], ...]:
    """(events, those of severity critical or high) of each period."""
    first, last = stretches[0].first.toordinal(), stretches[-1].last.toordinal()
    chosen = select(_OF.day, _OF.severity, _number(day_threats)).where(
        _OF.appliance == appliance, _OF.day.between(first, last)
    )
    rows = connection.execute(chosen.group_by(_OF.day, _OF.severity)).all()
    found = []
    for period in stretches:
        within = [row for row in rows if period.first.toordinal() <= row.day <= period.last.toordinal()]
        grave = sum(int(row.number) for row in within if row.severity in {"critical", "high"})
        found.append((sum(int(row.number) for row in within), grave))
    return tuple(found)


def _issues(connection: Connection, appliance: str, now: datetime) -> tuple[tuple[Endpoint, ...], int]:
    found = endpoints.listed(connection, now, appliance=appliance, most=_MOST_ENDPOINTS)
    if len(found) < _MOST_ENDPOINTS:
        return found, 0
    return found, endpoints.issues_of(connection, appliance, now) - len(found)
