"""What the logs of one appliance say of a stretch of time, counted in the database."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tm_tui.portal import endpoints
from tm_tui.portal.endpoints import Endpoint
from tm_tui.portal.reports.periods import Period

__all__ = ["Figures", "figures_of", "trend"]

_MOST_ENDPOINTS = 50
_WHERE = "WHERE appliance = ? AND at >= ? AND at < ?"
_ROOT_CAUSES = "SELECT count(*) FROM root_causes WHERE appliance = ? AND at >= ? AND at < ?"
_HOSTS = "SELECT count(DISTINCT hostname) FROM threats WHERE appliance = ? AND at >= ? AND at < ?"


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


def figures_of(connection: sqlite3.Connection, appliance: str, period: Period, now: datetime) -> Figures:
    """Count."""
    begins, ends = period.begins.timestamp(), min(period.ends.timestamp(), now.timestamp())
    within = _Within(connection, (appliance, begins, ends))
    statuses = within.counts("status")
    issues, more = _issues(connection, appliance, now)
    return Figures(
        events=sum(number for _, number in statuses),
        late=within.one(
            "SELECT count(*) FROM threats WHERE appliance = ?1 AND at < ?2 AND received_at >= ?2"
            " AND received_at < ?3"
        ),
        root_causes=within.one(_ROOT_CAUSES),
        types=within.counts("event_type"),
        statuses=statuses,
        severities=within.counts("severity"),
        threats=within.threats(),
        hosts=within.one(_HOSTS),
        issues=issues,
        more_issues=more,
        incidents=within.incidents(),
    )


@dataclass(frozen=True, slots=True)
class _Within:
    """Questions about one appliance between two moments."""

    connection: sqlite3.Connection
    values: tuple[str, float, float]

    def one(self, question: str) -> int:
        """A number."""
        return int(self.connection.execute(question, self.values).fetchone()[0])

    def counts(self, column: str) -> tuple[tuple[str, int], ...]:
        """How many threat events have each value of a column, the most frequent first."""
        rows = self.connection.execute(
            f"SELECT {column}, count(*) FROM threats {_WHERE} GROUP BY {column} ORDER BY 2 DESC, 1",  # noqa: S608 # our own words
            self.values,
        )
        return tuple((row[0], row[1]) for row in rows)

    def threats(self) -> tuple[tuple[str, str, int, int], ...]:
        """The most frequent ones."""
        rows = self.connection.execute(
            f"SELECT threat, severity, count(*), count(DISTINCT hostname) FROM threats {_WHERE}"  # noqa: S608 # our own words
            " GROUP BY threat, severity ORDER BY 3 DESC, 1 LIMIT 10",
            self.values,
        )
        return tuple((row[0], row[1], row[2], row[3]) for row in rows)

    def incidents(self) -> tuple[tuple[str, str], ...]:
        """The incident reports that were made."""
        rows = self.connection.execute(
            "SELECT id, title FROM reports WHERE appliance = ? AND kind = 'incident' AND made_at >= ?"
            " AND made_at < ? ORDER BY number DESC LIMIT 50",
            self.values,
        )
        return tuple((row["id"], row["title"]) for row in rows)


def trend(
    connection: sqlite3.Connection, appliance: str, stretches: Sequence[Period]
) -> tuple[tuple[int, int], ...]:
    """(events, those of severity critical or high) of each period."""
    found = []
    for period in stretches:
        within = (appliance, period.begins.timestamp(), period.ends.timestamp())
        counted: Counter[bool] = Counter()
        for row in connection.execute(
            "SELECT severity IN ('critical', 'high'), count(*) FROM threats WHERE appliance = ?"
            " AND at >= ? AND at < ? GROUP BY 1",
            within,
        ):
            counted[bool(row[0])] = row[1]
        found.append((counted.total(), counted[True]))
    return tuple(found)


def _issues(
    connection: sqlite3.Connection, appliance: str, now: datetime
) -> tuple[tuple[Endpoint, ...], int]:
    found: list[Endpoint] = []
    after, more = f"{appliance}/", 0
    while portion := endpoints.listed(connection, now, after=after):
        ours = [one for one in portion if one.appliance == appliance]
        room = _MOST_ENDPOINTS - len(found)
        found += ours[:room]
        more += len(ours[room:])
        if len(ours) < len(portion):
            break
        after = portion[-1].cursor
    return tuple(found), more
