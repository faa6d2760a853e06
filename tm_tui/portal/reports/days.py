"""Threat events and root causes by days of the portal's zone, counted as they arrive: reports read these.

Days are those of the zone in which they were counted. Where the zone has changed since, they are counted anew
from the events, a day at a time (`recount`).
"""

import hashlib
import os
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, exists, func, literal, or_, select, update

from tm_tui.clock import moment_of
from tm_tui.portal.engines import delete_some, insert
from tm_tui.portal.reports.periods import midnight
from tm_tui.portal.reports.tables import (
    counted,
    day_counts,
    day_late,
    day_threats,
    fleet_threats,
    root_causes,
    threats,
)

__all__ = [
    "add",
    "are_counted",
    "begin",
    "count_all",
    "counted_after",
    "day_of",
    "forget",
    "recount",
    "with_older",
    "zone_mark",
]

_TABLES = (day_threats, day_counts, day_late)
_DAYS = ((day_threats, "day"), (day_counts, "day"), (day_late, "came"))
"""Each, and the day until which it is kept."""
_PARTS = 16
"""Of the fleet's sums."""


def zone_mark(zone: tzinfo | None) -> str:
    """What tells zones apart. None: the machine's, by its own files."""
    if zone is not None:
        return str(zone)
    named = os.environ.get("TZ")
    return f"TZ {named}" if named is not None else _local_mark()


def _local_mark() -> str:
    path = Path("/etc/localtime")
    try:
        found = path.stat()
    except OSError:
        return "UTC"
    return _content_mark(path, found.st_mtime_ns, found.st_ino)


@lru_cache(4)
def _content_mark(path: Path, _changed: int, _number: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def day_of(seconds: float, zone: tzinfo | None) -> int:
    """The day of a moment, as a number that grows by one each day."""
    return moment_of(seconds).astimezone(zone).date().toordinal()


def begin(connection: Connection, appliance: str, zone: tzinfo | None = None) -> None:
    """Lock the counts of an appliance for this transaction; the first ones are of this zone."""
    first = insert(connection, counted).values(appliance=appliance, zone=zone_mark(zone))
    connection.execute(first.on_conflict_do_nothing())
    connection.execute(select(counted.c.zone).where(counted.c.appliance == appliance).with_for_update())


def add(
    connection: Connection,
    appliance: str,
    events: Sequence[Mapping[str, Any]],
    causes: Sequence[Mapping[str, Any]],
    zone: tzinfo | None = None,
) -> None:
    """Count rows of `threats` and `root_causes` that are new, after `begin` in the same transaction."""
    named: Counter[tuple[object, ...]] = Counter()
    counts: Counter[tuple[object, ...]] = Counter()
    late: Counter[tuple[object, ...]] = Counter()
    for row in events:
        day, came = day_of(row["at"], zone), day_of(row["received_at"], zone)
        named[day, row["threat"], row["severity"], row["hostname"]] += 1
        counts[day, "status", row["status"]] += 1
        counts[day, "type", row["event_type"]] += 1
        if came > day:
            late[came, day] += 1
    for row in causes:
        counts[day_of(row["at"], zone), "cause", ""] += 1
    for table, found in zip(_TABLES, (named, counts, late), strict=True):
        _enter(connection, table, appliance, found)
    _add_to_fleet(connection, appliance, _by_severity(named))


def _enter(connection: Connection, table: Table, appliance: str, found: Counter[tuple[object, ...]]) -> None:
    names = [column.name for column in table.columns if column.name not in {"appliance", "events"}]
    rows = [
        {"appliance": appliance, "events": number, **dict(zip(names, key, strict=True))}
        for key, number in found.items()
    ]
    if rows:
        entry = insert(connection, table)
        more = {"events": table.c.events + entry.excluded.events}
        connection.execute(entry.on_conflict_do_update(index_elements=table.primary_key, set_=more), rows)


def _by_severity(named: Counter[tuple[object, ...]]) -> Counter[tuple[object, ...]]:
    """(day, severity) of (day, threat, severity, hostname)."""
    found: Counter[tuple[object, ...]] = Counter()
    for (day, _, severity, _), number in named.items():
        found[day, severity] += number
    return found


def _add_to_fleet(connection: Connection, appliance: str, found: Counter[tuple[object, ...]]) -> None:
    """The last thing that a transaction does: its rows are those of other appliances too."""
    part = zlib.crc32(appliance.encode()) % _PARTS
    rows = [
        {"day": day, "part": part, "severity": severity, "events": number}
        for (day, severity), number in sorted(found.items(), key=str)  # two writers never wait for each other
    ]
    if rows:
        entry = insert(connection, fleet_threats)
        more = {"events": fleet_threats.c.events + entry.excluded.events}
        connection.execute(
            entry.on_conflict_do_update(index_elements=fleet_threats.primary_key, set_=more), rows
        )


def _take_from_fleet(connection: Connection, appliance: str, day: int | None = None) -> None:
    """What is counted of an appliance is going to be forgotten: of a day, or all of it."""
    of = day_threats.c
    chosen = select(of.day, of.severity, func.sum(of.events)).where(of.appliance == appliance)
    if day is not None:
        chosen = chosen.where(of.day == day)
    rows = connection.execute(chosen.group_by(of.day, of.severity))
    _add_to_fleet(connection, appliance, Counter({(row[0], row[1]): -int(row[2]) for row in rows}))


def forget(
    connection: Connection, appliance: str, oldest: float, most: int, zone: tzinfo | None = None
) -> int:
    """Forget at most so many counts of days that no report will be about any more. Returns how many."""
    day, number = day_of(oldest, zone), 0
    for table, column in _DAYS:
        over = and_(table.c.appliance == appliance, table.c[column] < day)
        number += delete_some(connection, table, over, most - number)
    connection.execute(delete(fleet_threats).where(fleet_threats.c.day < day))
    return number


# --- counting anew


def are_counted(connection: Connection, appliance: str, zone: tzinfo | None = None) -> bool:
    """Whether the counts of an appliance are of this zone, and whole. One without events has none."""
    row = connection.execute(select(counted).where(counted.c.appliance == appliance)).first()
    return row is None or (row.zone == zone_mark(zone) and row.upto is None)


def count_all(connection: Connection, appliance: str, zone: tzinfo | None = None) -> None:
    """Count all days of an appliance anew if need be."""
    while not are_counted(connection, appliance, zone):
        recount(connection, appliance, zone)


def recount(connection: Connection, appliance: str, zone: tzinfo | None = None) -> None:
    """Count one more day with events anew, or note that there is none left."""
    begin(connection, appliance, zone)
    row = connection.execute(select(counted).where(counted.c.appliance == appliance)).one()
    of_us = update(counted).where(counted.c.appliance == appliance)
    upto = row.upto
    if row.zone != zone_mark(zone) or upto is None:
        _take_from_fleet(connection, appliance)
        for table in _TABLES:
            connection.execute(delete(table).where(table.c.appliance == appliance))
        upto = 0.0
    following = _following(connection, appliance, upto)
    if following is None:
        connection.execute(of_us.values(zone=zone_mark(zone), upto=None))
        return
    day = moment_of(following).astimezone(zone).date()
    ends = _count(connection, appliance, day, zone)
    connection.execute(of_us.values(zone=zone_mark(zone), upto=ends.timestamp()))


def counted_after(connection: Connection, appliance: str, most: int) -> list[str]:
    """The next appliances, by name, that have events."""
    of = counted.c.appliance
    return list(connection.execute(select(of).where(of > appliance).order_by(of).limit(most)).scalars())


def with_older(
    connection: Connection, appliances: Sequence[str], oldest: float, zone: tzinfo | None = None
) -> list[str]:
    """Those of these appliances of which anything is from before a moment, in one statement, by name."""
    day, of = day_of(oldest, zone), counted.c.appliance
    moments = ((table, table.c.at < oldest) for table in (threats, root_causes))
    numbers = ((table, table.c[name] < day) for table, name in _DAYS)
    older = or_(*(exists().where(table.c.appliance == of, old) for table, old in (*moments, *numbers)))
    chosen = select(of).where(of.in_(appliances), older).order_by(of)
    return list(connection.execute(chosen).scalars())


def _following(connection: Connection, appliance: str, upto: float) -> float | None:
    found = [
        connection.execute(
            select(func.min(table.c.at)).where(table.c.appliance == appliance, table.c.at >= upto)
        ).scalar()
        for table in (threats, root_causes)
    ]
    return min((one for one in found if one is not None), default=None)


def _count(connection: Connection, appliance: str, day: date, zone: tzinfo | None) -> datetime:
    """One day, as its events say; what came of it meanwhile is among these. Returns when it ends."""
    begins, ends = midnight(day, zone), midnight(date.fromordinal(day.toordinal() + 1), zone)
    of, number, ordinal = threats.c, func.count(), day.toordinal()
    _take_from_fleet(connection, appliance, ordinal)
    for table in _TABLES:
        connection.execute(delete(table).where(table.c.appliance == appliance, table.c.day == ordinal))
    within = and_(of.appliance == appliance, of.at >= begins.timestamp(), of.at < ends.timestamp())
    head, key = (literal(appliance), literal(ordinal)), (of.threat, of.severity, of.hostname)
    named = select(*head, *key, number).where(within).group_by(*key)
    connection.execute(day_threats.insert().from_select(list(day_threats.c.keys()), named))
    for what, column in (("status", of.status), ("type", of.event_type)):
        counts = select(*head, literal(what), column, number).where(within).group_by(column)
        connection.execute(day_counts.insert().from_select(list(day_counts.c.keys()), counts))
    cause = root_causes.c
    caused = and_(cause.appliance == appliance, cause.at >= begins.timestamp(), cause.at < ends.timestamp())
    if found := connection.execute(select(number).where(caused)).scalar_one():
        row = {"appliance": appliance, "day": ordinal, "what": "cause", "word": "", "events": found}
        connection.execute(day_counts.insert(), row)
    late: Counter[tuple[object, ...]] = Counter()
    came = select(of.received_at, number.label("number")).where(within, of.received_at >= ends.timestamp())
    for one in connection.execute(came.group_by(of.received_at)):
        late[day_of(one.received_at, zone), ordinal] += one.number
    _enter(connection, day_late, appliance, late)
    severities = connection.execute(select(of.severity, number).where(within).group_by(of.severity))
    _add_to_fleet(connection, appliance, Counter({(ordinal, row[0]): row[1] for row in severities}))
    return ends
