"""Endpoints with mitigation issues: how the mitigation of each one stands, by its newest threat event.

What counts as an issue, and what as one endpoint, is docs/protocol.md, "Endpoints with mitigation issues".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, or_, select, tuple_

from tm_tui.clock import moment_of
from tm_tui.portal import tables
from tm_tui.portal.engines import insert
from tm_tui.spool.log_line import ISSUES, STUCK_SECONDS, LoggedThreat, endpoint_key
from tm_tui.text import SafeText, safe_text
from tm_tui.values import Moment

__all__ = [
    "ISSUES",
    "KIND",
    "STUCK_SECONDS",
    "Endpoint",
    "Mark",
    "issues",
    "issues_of",
    "keep",
    "listed",
    "mark_of",
    "unread_batches",
]

KIND = "threat-event"
"""Of the events that tell it."""
_MOST_LISTED = 1000
_OF = tables.endpoints.c


@dataclass(frozen=True, slots=True)
class Mark:
    """What one event says of one endpoint. `at` is in Unix seconds."""

    key: str
    at: float
    event: LoggedThreat

    def newer(self, other: "Mark | None") -> bool:
        """Whether this one counts and the other does not: by time, then by `seq`."""
        return other is None or (self.at, self.event.seq) > (other.at, other.event.seq)


def mark_of(event: LoggedThreat, received_at: float) -> Mark:
    """What a threat event says that came at `received_at`, in Unix seconds."""
    named = event.endpoint
    return Mark(endpoint_key(named.hostname, named.mac, named.ip), event.at(received_at), event)


def keep(connection: Connection, appliance: str, marks: Iterable[Mark]) -> None:
    """Enter what is newer than what is known. Idempotent."""
    newest: dict[str, Mark] = {}
    for mark in marks:  # one row a key: PostgreSQL changes none twice
        if mark.newer(newest.get(mark.key)):
            newest[mark.key] = mark
    rows = [_row(appliance, newest[key]) for key in sorted(newest)]  # two writers never wait for each other
    entry = insert(connection, tables.endpoints)
    new = entry.excluded
    changes = {name: new[name] for name in _OF.keys() if name not in {"appliance", "key"}}  # noqa: SIM118
    entry = entry.on_conflict_do_update(
        index_elements=["appliance", "key"],
        set_=changes,
        where=tuple_(new.at, new.seq) > tuple_(_OF.at, _OF.seq),
    )
    if rows:
        connection.execute(entry, rows)


def _row(appliance: str, mark: Mark) -> dict[str, object]:
    event, named, threat = mark.event, mark.event.endpoint, mark.event.threat
    return {
        "appliance": appliance,
        "key": mark.key,
        "hostname": safe_text(named.hostname),
        "ip": None if named.ip is None else safe_text(named.ip),
        "mac": None if named.mac is None else safe_text(named.mac),
        "status": event.status,
        "event_type": safe_text(event.event_type),
        "threat": safe_text(threat.name),
        "severity": safe_text(threat.severity),
        "event_id": safe_text(event.id),
        "at": mark.at,
        "seq": event.seq,
    }


def unread_batches(connection: Connection) -> int:
    """How many threat event logs are not read to their end: what they say is not listed yet."""
    job, batch = tables.jobs.c, tables.batches.c
    unread = select(func.count()).join_from(tables.jobs, tables.batches, batch.name == job.what)
    return connection.execute(unread.where(job.kind == "read", batch.kind == KIND)).scalar_one()


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
    connection: Connection,
    now: datetime,
    *,
    every: bool = False,
    after: str = "",
    most: int = _MOST_LISTED,
    appliance: str | None = None,
) -> tuple[Endpoint, ...]:
    """Endpoints of Registered Products, by appliance and name: with an issue at `now`, or `every` one.

    `appliance`: of this one alone.
    """
    above, _, key = after.replace("\0", "").partition("/")
    issue = _is_issue(now)
    chosen = select(tables.endpoints, issue.label("issue")).where(
        tuple_(_OF.appliance, _OF.key) > tuple_(above, key),
        _OF.appliance.in_(select(tables.products.c.appliance)),
    )
    if appliance is not None:
        chosen = chosen.where(_OF.appliance == appliance)
    if not every:
        chosen = chosen.where(issue)
    rows = connection.execute(chosen.order_by(_OF.appliance, _OF.key).limit(most)).mappings()
    return tuple(_endpoint(row, now) for row in rows)


def issues_of(connection: Connection, appliance: str, now: datetime) -> int:
    """How many endpoints of an appliance have an issue."""
    chosen = select(func.count()).where(_OF.appliance == appliance, _is_issue(now))
    return connection.execute(chosen).scalar_one()


def issues(connection: Connection, now: datetime) -> int:
    """How many endpoints of Registered Products have an issue."""
    registered = _OF.appliance.in_(select(tables.products.c.appliance))
    return connection.execute(select(func.count()).where(registered, _is_issue(now))).scalar_one()


def _is_issue(now: datetime) -> ColumnElement[bool]:
    stuck = and_(_OF.status == "in-progress", _OF.at < now.timestamp() - STUCK_SECONDS)
    return or_(_OF.status.in_(sorted(ISSUES)), stuck)


def _endpoint(row: RowMapping, now: datetime) -> Endpoint:
    return Endpoint(
        **{name: value for name, value in row.items() if name not in {"key", "at"}},
        since=moment_of(row["at"]),
        age_seconds=round(max(0.0, now.timestamp() - row["at"]), 3),
        cursor=f"{row['appliance']}/{row['key']}",
    )
