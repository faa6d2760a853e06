"""Alerts and messages in the database, so that a restart repeats nothing and forgets nothing."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, update

from tm_tui.clock import moment_of
from tm_tui.portal import instances, tables
from tm_tui.portal.alerts.message import Item, Kind, Message
from tm_tui.portal.alerts.rules import JITTER, Began, Change, Known, Seen
from tm_tui.portal.alerts.settings import AlertSettings

__all__ = [
    "AT_ONCE",
    "Outgoing",
    "apply",
    "composed",
    "due",
    "failed",
    "listed",
    "look",
    "put",
    "put_group",
    "sent",
    "standing",
    "standing_by_kind",
    "untold",
    "waiting",
]

_ALERT, _MESSAGE, _OF = tables.alerts.c, tables.alert_messages.c, tables.products.c
_MOST_TRIES_SECONDS = 3 * 86400.0
"""So long a message is tried."""
_MOST_DUE = 20
AT_ONCE = 200
"""So many changes are written in one transaction."""
_LONGEST_GROUP = 5
"""Groups are closed after so many times `group_seconds`, though more keeps coming."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on one way."""

    number: int
    way: str
    message: Message
    tries: int
    made_at: float


def standing(connection: Connection) -> dict[tuple[Kind, str], Known]:
    """The alerts that hold."""
    rows = connection.execute(
        select(_ALERT.kind, _ALERT.subject, _ALERT.number, _ALERT.since).where(_ALERT.ended_at.is_(None))
    )
    return {(row.kind, row.subject): Known(row.number, row.since) for row in rows}


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert, as a page shows it."""

    number: int
    kind: Kind
    subject: str
    detail: str
    since: datetime
    told_at: datetime | None
    ended_at: datetime | None


def listed(
    connection: Connection, *, subject: str | None = None, before: int | None = None, most: int = 50
) -> tuple[Alert, ...]:
    """The newest alerts, of one appliance or of all; the ones that hold come first on the first page."""
    chosen = select(tables.alerts)
    if subject is not None:
        chosen = chosen.where(_ALERT.subject == subject)
    if before is not None:
        chosen = chosen.where(_ALERT.number < before)
    rows = connection.execute(chosen.order_by(_ALERT.number.desc()).limit(most))
    return tuple(
        Alert(
            row.number,
            row.kind,
            row.subject,
            row.detail,
            moment_of(row.since),
            None if row.told_at is None else moment_of(row.told_at),
            None if row.ended_at is None else moment_of(row.ended_at),
        )
        for row in rows
    )


def standing_by_kind(connection: Connection) -> dict[str, int]:
    """How many alerts hold, by kind."""
    chosen = select(_ALERT.kind, func.count().label("number")).where(_ALERT.ended_at.is_(None))
    return {row.kind: row.number for row in connection.execute(chosen.group_by(_ALERT.kind))}


def waiting(connection: Connection) -> dict[str, tuple[int, str]]:
    """How many messages wait on each way, and what became of the oldest's last try."""
    chosen = select(_MESSAGE.way, _MESSAGE.failure).where(_MESSAGE.done_at.is_(None))
    found: dict[str, tuple[int, str]] = {}
    for row in connection.execute(chosen.order_by(_MESSAGE.number.desc())):
        number, failure = found.get(row.way, (0, ""))
        found[row.way] = (number + 1, row.failure or failure)
    return found


def look(connection: Connection, settings: AlertSettings, now: datetime) -> tuple[Seen, ...]:
    """Those appliances about which something may begin or end."""
    last = func.coalesce(_OF.last_beat_at, _OF.updated_at)
    late = now.timestamp() - last > settings.silent_intervals * JITTER * _OF.heartbeat_seconds
    named = select(_ALERT.subject).where(_ALERT.ended_at.is_(None))
    twice = instances.clones(connection, now)
    full = _OF.waiting_events >= settings.queue_events
    rows = connection.execute(
        select(_OF.appliance, _OF.heartbeat_seconds, last.label("last_at"), _OF.waiting_events).where(
            or_(late, last > now.timestamp(), full, _OF.appliance.in_(named), _OF.appliance.in_(twice))
        )
    )
    return tuple(
        Seen(
            row.appliance,
            row.heartbeat_seconds,
            row.last_at,
            row.waiting_events or 0,
            twice.get(row.appliance, ()),
        )
        for row in rows
    )


def apply(connection: Connection, changes: Sequence[Change], now: datetime) -> None:
    """Write down what began and what ended, at most `AT_ONCE`.

    What ended before anybody was told of it is told to nobody.
    """
    at = now.timestamp()
    began = [
        {"kind": one.kind, "subject": one.subject, "since": one.since, "detail": one.detail, "noted_at": at}
        for one in changes
        if isinstance(one, Began)
    ]
    ended = [
        {"of": one.number, "ended_at": one.at, "end_noted_at": at, "end_told_at": at if one.quietly else None}
        for one in changes
        if not isinstance(one, Began)
    ]
    if began:
        connection.execute(insert(tables.alerts), began)
    if ended:
        connection.execute(update(tables.alerts).where(_ALERT.number == bindparam("of")), ended)
        told = {"told_at": at, "end_told_at": at}
        unheard = (_ALERT.number.in_([one["of"] for one in ended]), _ALERT.told_at.is_(None))
        connection.execute(update(tables.alerts).where(*unheard).values(told))


_BEGAN = and_(_ALERT.told_at.is_(None), _ALERT.ended_at.is_(None))
_ENDED = and_(_ALERT.ended_at.is_not(None), _ALERT.end_told_at.is_(None))


def untold(connection: Connection) -> bool:
    """Whether there is anything of which no message was made yet."""
    return connection.execute(select(_ALERT.number).where(or_(_BEGAN, _ENDED)).limit(1)).first() is not None


def composed(
    connection: Connection, portal: str, settings: AlertSettings, now: datetime
) -> tuple[str, int] | None:
    """One message of all that is not told yet, as JSON, and of how many things; None: the group may grow."""
    rows = connection.execute(select(tables.alerts).where(or_(_BEGAN, _ENDED))).all()
    if not rows:
        return None
    noted = [row.end_noted_at or row.noted_at for row in rows]
    waited, longest = now.timestamp() - max(noted), now.timestamp() - min(noted)
    group = settings.group_seconds
    if waited < group and longest < _LONGEST_GROUP * group and longest >= 0:
        return None
    items = tuple(_item(row) for row in rows)
    message = Message(number=secrets.token_hex(8), at=now, portal=portal, items=items)
    return message.model_dump_json(), len(rows)


def put_group(connection: Connection, ways: Sequence[str], message: str, now: datetime) -> None:
    """Leave what `composed` made to be sent; all of it is told then. Nobody may write alerts in between."""
    at = now.timestamp()
    connection.execute(update(tables.alerts).where(_BEGAN).values(told_at=at))
    connection.execute(update(tables.alerts).where(_ENDED).values(end_told_at=at))
    _put(connection, ways, message, now)


def _item(row: Any) -> Item:
    over = row.ended_at is not None
    return Item(
        kind=row.kind,
        state="ended" if over else "began",
        subject=row.subject,
        since=moment_of(row.since),
        ended=moment_of(row.ended_at) if over else None,
        detail=row.detail,
    )


def put(connection: Connection, ways: Sequence[str], message: Message, now: datetime) -> None:
    """Leave a message to be sent on each of the ways."""
    _put(connection, ways, message.model_dump_json(), now)


def _put(connection: Connection, ways: Sequence[str], message: str, now: datetime) -> None:
    at = now.timestamp()
    for way in ways:
        row = {"way": way, "message": message, "made_at": at, "due_at": at}
        connection.execute(insert(tables.alert_messages).values(row))


def due(connection: Connection, way: str, now: datetime) -> tuple[Outgoing, ...]:
    """All that waits on a way, the oldest first, if anything of it is due."""
    waiting = select(tables.alert_messages).where(_MESSAGE.way == way, _MESSAGE.done_at.is_(None))
    rows = connection.execute(waiting.order_by(_MESSAGE.number).limit(_MOST_DUE)).all()
    if all(row.due_at > now.timestamp() for row in rows):
        return ()
    return tuple(
        Outgoing(row.number, way, Message.model_validate_json(row.message), row.tries, row.made_at)
        for row in rows
    )


def sent(connection: Connection, number: int, now: datetime) -> None:
    """It went out."""
    done = update(tables.alert_messages).where(_MESSAGE.number == number)
    connection.execute(done.values(done_at=now.timestamp(), failure="", tries=_MESSAGE.tries + 1))


def failed(connection: Connection, one: Outgoing, failure: str, wait: float, now: datetime) -> bool:
    """It did not go out: all of the way waits `wait` seconds, but for what is new. Too old, it is given up.

    Returns whether it was given up.
    """
    at, over = now.timestamp(), now.timestamp() - one.made_at > _MOST_TRIES_SECONDS
    ours = update(tables.alert_messages).where(_MESSAGE.way == one.way, _MESSAGE.done_at.is_(None))
    connection.execute(ours.where(_MESSAGE.due_at < at + wait).values(due_at=at + wait))
    told: dict[str, Any] = {"failure": failure, "tries": one.tries + 1, **({"done_at": at} if over else {})}
    connection.execute(ours.where(_MESSAGE.number == one.number).values(told))
    return over
