"""Which reports are due, and making them: each once, in one transaction with its notice."""

import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime, tzinfo

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


# --- incidents


def make_incidents(
    connection: sqlite3.Connection,
    now: datetime,
    *,
    wait: bool = True,
    appliance: str | None = None,
    zone: tzinfo | None = None,
) -> tuple[Report, ...] | None:
    """Make the incident reports that can be made, some at a time; None when there is nothing left to do.

    With `wait`, a root cause whose threat event is not there yet gets its time.
    """
    found = connection.execute(
        "SELECT root_causes.*, threats.threat, threats.severity, threats.status, threats.event_type,"
        " threats.source FROM root_causes LEFT JOIN threats ON threats.appliance = root_causes.appliance"
        " AND threats.id = root_causes.threat_event_id WHERE waiting"
        " AND root_causes.appliance IN (SELECT appliance FROM products)"
        " AND (threats.id IS NOT NULL OR root_causes.received_at < ?1)"
        " AND (?2 IS NULL OR root_causes.appliance = ?2)"
        " ORDER BY root_causes.appliance, root_causes.at LIMIT ?3",
        (now.timestamp() - WAIT_SECONDS if wait else now.timestamp() + 1, appliance, _AT_ONCE),
    ).fetchall()
    if not found:
        return None
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        return tuple(_incidents(connection, found, now, zone))


def _incidents(
    connection: sqlite3.Connection, causes: list[sqlite3.Row], now: datetime, zone: tzinfo | None
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
        connection.execute(
            "UPDATE root_causes SET waiting = 0, chain = '' WHERE appliance = ? AND id = ?",
            (appliance, cause["id"]),
        )
    for appliance, reports in made.items():
        shelf.announce(connection, appliance, reports, now)
        yield from reports


def _incidents_today(connection: sqlite3.Connection, appliance: str, now: datetime) -> int:
    (number,) = connection.execute(
        "SELECT count(*) FROM reports WHERE appliance = ? AND kind = 'incident' AND made_at > ?",
        (appliance, now.timestamp() - 86400),
    ).fetchone()
    return int(number)


def _others(connection: sqlite3.Connection, cause: sqlite3.Row) -> tuple[str, ...]:
    """Other endpoints with the same threat within a week, as far as that many events name them.

    The database has one thread: what looks at millions of rows would keep beats waiting.
    """
    rows = connection.execute(
        "SELECT DISTINCT hostname FROM (SELECT hostname FROM threats WHERE appliance = ? AND threat = ?"
        " AND at BETWEEN ? AND ? LIMIT ?) WHERE hostname <> ? ORDER BY hostname LIMIT 6",
        (
            *(cause["appliance"], cause["threat"], cause["at"] - _WEEK, cause["at"] + _WEEK),
            *(_MOST_LOOKED_AT, cause["hostname"]),
        ),
    )
    return tuple(row["hostname"] for row in rows)


def longest_waiting(connection: sqlite3.Connection) -> float | None:
    """When the oldest root cause arrived that waits for its threat event, in Unix seconds."""
    (oldest,) = connection.execute(
        "SELECT min(received_at) FROM root_causes WHERE waiting"
        " AND appliance IN (SELECT appliance FROM products)"
    ).fetchone()
    return None if oldest is None else float(oldest)


# --- days, weeks, months


def make_due(connection: sqlite3.Connection, now: datetime, zone: tzinfo | None = None) -> tuple[Report, ...]:
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
    connection: sqlite3.Connection,
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


def _products(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT appliance, registered_at, last_beat_at FROM products ORDER BY appliance"
    ).fetchall()


def _made(
    connection: sqlite3.Connection, product: sqlite3.Row, wanted: list[tuple[Period, str]], now: datetime
) -> list[Report]:
    appliance = product["appliance"]
    made: list[Report] = []
    if not wanted:
        return made
    connection.execute("BEGIN IMMEDIATE")
    with connection:
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
