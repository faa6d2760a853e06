"""Endpoints with mitigation issues: how the mitigation of each one stands, by its newest threat event.

What counts as an issue, and what as one endpoint, is docs/protocol.md, "Endpoints with mitigation issues".
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tm_tui.moments import moment_of
from tm_tui.spool.events import Status
from tm_tui.spool.issues import ISSUES, STUCK_SECONDS, endpoint_key
from tm_tui.text import SafeText, safe_text
from tm_tui.values import Moment, ZonedMoment

__all__ = [
    "ISSUES",
    "KIND",
    "STUCK_SECONDS",
    "Endpoint",
    "Mark",
    "forget_read",
    "keep",
    "listed",
    "mark_of",
    "unread_batches",
    "was_read",
]

KIND = "threat-event"
"""Of the batches that are read."""
_MOST_LISTED = 1000

_Text = Annotated[str, Field(max_length=256)]
_Short = Annotated[str, Field(max_length=64)]


class _Part(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)


class _Named(_Part):
    hostname: Annotated[str, Field(min_length=1, max_length=256)]
    ip: _Short | None = None
    mac: _Short | None = None


class _Threat(_Part):
    name: _Text
    severity: _Short


class _ThreatEvent(_Part):
    """A line of a threat event log as far as it matters here; later versions may bring more members.

    Its texts are bounded and not yet safe: that is made of the few that are kept.
    """

    id: _Short
    seq: Annotated[int, Field(ge=0, lt=1 << 62)]
    time: ZonedMoment
    endpoint: _Named
    event_type: _Short
    status: Status
    threat: _Threat


@dataclass(frozen=True, slots=True)
class Mark:
    """What one event says of one endpoint. `at` is in Unix seconds."""

    key: str
    at: float
    event: _ThreatEvent

    def newer(self, other: "Mark | None") -> bool:
        """Whether this one counts and the other does not: by time, then by `seq`."""
        return other is None or (self.at, self.event.seq) > (other.at, other.event.seq)


def mark_of(event: dict[str, object], received_at: datetime) -> Mark | None:
    """Read an event; None if it cannot be read.

    A time after the arrival of its batch counts as the arrival: a clock that once ran ahead hides nothing.
    """
    try:
        read = _ThreatEvent.model_validate(event)
    except ValidationError:
        return None
    at = max(0.0, min(read.time.timestamp(), received_at.timestamp()))
    named = read.endpoint
    return Mark(endpoint_key(named.hostname, named.mac, named.ip), at, read)


def keep(connection: sqlite3.Connection, appliance: str, marks: Iterable[Mark], batch: str | None) -> None:
    """Enter what is newer than what is known; with `batch`, that this one is read to its end. Idempotent."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        connection.executemany(
            "INSERT INTO endpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (appliance, key)"
            " DO UPDATE SET hostname = excluded.hostname, ip = excluded.ip, mac = excluded.mac,"
            " status = excluded.status, event_type = excluded.event_type, threat = excluded.threat,"
            " severity = excluded.severity, event_id = excluded.event_id, at = excluded.at,"
            " seq = excluded.seq WHERE (excluded.at, excluded.seq) > (endpoints.at, endpoints.seq)",
            (_row(appliance, mark) for mark in marks),
        )
        if batch is not None:
            connection.execute("INSERT INTO read_batches VALUES (?) ON CONFLICT DO NOTHING", (batch,))


def _row(appliance: str, mark: Mark) -> tuple[object, ...]:
    event, named, threat = mark.event, mark.event.endpoint, mark.event.threat
    addresses = (None if text is None else safe_text(text) for text in (named.ip, named.mac))
    texts = (event.event_type, threat.name, threat.severity, event.id)
    return (
        *(appliance, mark.key, safe_text(named.hostname), *addresses),
        *(event.status, *map(safe_text, texts), mark.at, event.seq),
    )


def was_read(connection: sqlite3.Connection, batch: str) -> bool:
    """Whether a batch was read to its end."""
    return bool(connection.execute("SELECT 1 FROM read_batches WHERE name = ?", (batch,)).fetchone())


def unread_batches(connection: sqlite3.Connection) -> int:
    """How many threat event logs are not read to their end: what they say is not listed yet."""
    (count,) = connection.execute(
        "SELECT count(*) FROM batches WHERE kind = ? AND name NOT IN (SELECT name FROM read_batches)", (KIND,)
    ).fetchone()
    return int(count)


def forget_read(connection: sqlite3.Connection) -> None:
    """Forget that batches were read which are not in the index (any more)."""
    connection.execute("DELETE FROM read_batches WHERE name NOT IN (SELECT name FROM batches)")


class Endpoint(BaseModel):
    """One endpoint, as JSON shows it."""

    model_config = ConfigDict(frozen=True)

    appliance: SafeText
    hostname: SafeText
    ip: SafeText | None
    mac: SafeText | None
    status: SafeText
    issue: bool
    since: Moment
    """When the event happened that tells the status."""
    age_seconds: float
    event_type: SafeText
    threat: SafeText
    severity: SafeText
    event_id: SafeText
    seq: int
    cursor: str = Field(exclude=True)
    """For `after` of `listed`."""


def listed(
    connection: sqlite3.Connection,
    now: datetime,
    *,
    every: bool = False,
    after: str = "",
    most: int = _MOST_LISTED,
) -> tuple[Endpoint, ...]:
    """Endpoints of Registered Products, by appliance and name: with an issue at `now`, or `every` one."""
    appliance, _, key = after.partition("/")
    marks = ", ".join("?" * len(ISSUES))
    rows = connection.execute(
        "SELECT * FROM (SELECT *, status IN ("  # noqa: S608 # question marks only
        f"{marks}) OR (status = 'in-progress' AND at < ?) AS issue FROM endpoints"
        " WHERE (appliance, key) > (?, ?) AND appliance IN (SELECT appliance FROM products))"
        " WHERE issue OR ? ORDER BY appliance, key LIMIT ?",
        (*ISSUES, now.timestamp() - STUCK_SECONDS, appliance, key, every, most),
    )
    return tuple(_endpoint(row, now) for row in rows)


def _endpoint(row: sqlite3.Row, now: datetime) -> Endpoint:
    return Endpoint(
        **{name: row[name] for name in row.keys() if name not in {"key", "at"}},  # noqa: SIM118 # a Row is no mapping
        since=moment_of(row["at"]),
        age_seconds=round(max(0.0, now.timestamp() - row["at"]), 3),
        cursor=f"{row['appliance']}/{row['key']}",
    )
