"""Beats counted by days of the portal's zone, as they come."""

from datetime import datetime

from sqlalchemy import Connection

from tm_tui.portal import tables
from tm_tui.portal.engines import insert

__all__ = ["note"]


def note(connection: Connection, appliance: str, now: datetime) -> None:
    """Count one beat."""
    row = {"appliance": appliance, "day": now.astimezone().date().toordinal(), "beats": 1}
    entry = insert(connection, tables.beat_days).values(row)
    more = {"beats": tables.beat_days.c.beats + 1}
    connection.execute(entry.on_conflict_do_update(index_elements=["appliance", "day"], set_=more))
