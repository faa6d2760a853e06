"""A beat, in one transaction: counted, by days too, its sender told from others, and what is replied."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from tm_tui.portal import instances, notices, products, tables
from tm_tui.portal.engines import insert
from tm_tui.status_server.protocol import HeartbeatRequest, Notice

__all__ = ["Taken", "note", "take"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What the appliance is told. `clone`: its identity exists twice."""

    notices: tuple[Notice, ...]
    clone: bool


def take(
    connection: Connection, beat: HeartbeatRequest, address: str, now: datetime, account: str
) -> Taken | None:
    """Count a beat of a registered appliance; None: it is not registered.

    Raises Refused: 403 for an appliance of another account, 410 for one that was removed.
    """
    if not products.beat(connection, beat, now, account):
        return None
    instances.note(connection, beat.appliance, beat.instance, address, now)
    found = notices.for_appliance(connection, beat.appliance)
    return Taken(found, bool(instances.clones(connection, now, beat.appliance)))


def note(connection: Connection, appliance: str, now: datetime) -> None:
    """Count one beat."""
    row = {"appliance": appliance, "day": now.astimezone().date().toordinal(), "beats": 1}
    entry = insert(connection, tables.beat_days).values(row)
    more = {"beats": tables.beat_days.c.beats + 1}
    connection.execute(entry.on_conflict_do_update(index_elements=["appliance", "day"], set_=more))
