"""A beat, in one transaction: counted, its sender told apart from others, and what the reply says."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from tm_tui.portal import instances, notices, products
from tm_tui.status_server.protocol import HeartbeatRequest, Notice

__all__ = ["Taken", "take"]


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
