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
    within = (appliance, begins, ends)

    def counts(column: str) -> tuple[tuple[str, int], ...]:
        rows = connection.execute(
            f"SELECT {column}, count(*) FROM threats WHERE appliance = ? AND at >= ? AND at < ?"  # noqa: S608 # our own word
            f" GROUP BY {column} ORDER BY 2 DESC, 1",
            within,
        )
        return tuple((row[0], row[1]) for row in rows)

    statuses = counts("status")
    issues, more = _issues(connection, appliance, now)
    return Figures(
        events=sum(number for _, number in statuses),
        late=_one(
            connection,
            "SELECT count(*) FROM threats WHERE appliance = ?1 AND at < ?2 AND received_at >= ?2"
            " AND received_at < ?3",
            within,
        ),
        root_causes=_one(
            connection, "SELECT count(*) FROM root_causes WHERE appliance = ? AND at >= ? AND at < ?", within
        ),
        types=counts("event_type"),
        statuses=statuses,
        severities=counts("severity"),
        threats=tuple(
            tuple(row)
            for row in connection.execute(
                "SELECT threat, severity, count(*), count(DISTINCT hostname) FROM threats WHERE appliance = ?"
                " AND at >= ? AND at < ? GROUP BY threat, severity ORDER BY 3 DESC, 1 LIMIT 10",
                within,
            )
        ),
        hosts=_one(
            connection,
            "SELECT count(DISTINCT hostname) FROM threats WHERE appliance = ? AND at >= ? AND at < ?",
            within,
        ),
        issues=issues,
        more_issues=more,
        incidents=tuple(
            (row["id"], row["title"])
            for row in connection.execute(
                "SELECT id, title FROM reports WHERE appliance = ? AND kind = 'incident' AND made_at >= ?"
                " AND made_at < ? ORDER BY number DESC LIMIT 50",
                within,
            )
        ),
    )


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


def _one(connection: sqlite3.Connection, question: str, values: tuple[object, ...]) -> int:
    return int(connection.execute(question, values).fetchone()[0])


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
