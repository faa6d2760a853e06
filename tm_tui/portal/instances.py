"""Which agents beat under one identity: a clone shows as two that go on beating beside each other.

An agent chooses its instance at each start. One that is replaced by a later start is silent from then on; one
that still beats a minute after another appeared runs beside it.
"""

import sqlite3
from datetime import datetime

from tm_tui.text import safe_text

__all__ = ["SCHEMA", "clones", "note"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS instances (
    appliance TEXT NOT NULL, instance TEXT NOT NULL, address TEXT NOT NULL, first_at REAL NOT NULL,
    last_at REAL NOT NULL, PRIMARY KEY (appliance, instance)) STRICT, WITHOUT ROWID;
"""
_MOST = 8
_LATE_SECONDS = 60.0
"""No beat that was sent before the later start arrives after so long."""
_SHOWN_SECONDS, _SHOWN_INTERVALS = 900.0, 3
"""So long it is shown after the last beat of the older one: the longer of both."""


def note(connection: sqlite3.Connection, appliance: str, instance: str, address: str, now: datetime) -> None:
    """Note a registration or a beat. An agent of before tells no instance, and is not told apart."""
    if not instance:
        return
    connection.execute(
        "INSERT INTO instances VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (appliance, instance)"
        " DO UPDATE SET last_at = ?4, address = ?3",
        (appliance, instance, safe_text(address, 64), now.timestamp()),
    )
    connection.execute(
        "DELETE FROM instances WHERE appliance = ?1 AND instance NOT IN (SELECT instance FROM instances"
        " WHERE appliance = ?1 ORDER BY last_at DESC LIMIT ?2)",
        (appliance, _MOST),
    )


def clones(
    connection: sqlite3.Connection, now: datetime, appliance: str | None = None
) -> dict[str, tuple[str, ...]]:
    """Appliances whose identity exists twice, and the addresses from which it beats. None: all of them."""
    rows = connection.execute(
        "SELECT DISTINCT x.appliance, x.address AS old, y.address AS new FROM instances x"
        " JOIN instances y ON y.appliance = x.appliance JOIN products p ON p.appliance = x.appliance"
        " WHERE (?1 IS NULL OR x.appliance = ?1) AND y.first_at > x.first_at"
        " AND x.last_at > y.first_at + ?2 AND x.last_at >= ?3 - max(?4, ?5 * p.heartbeat_seconds)",
        (appliance, _LATE_SECONDS, now.timestamp(), _SHOWN_SECONDS, _SHOWN_INTERVALS),
    )
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        found.setdefault(row["appliance"], {}).update({row["old"]: None, row["new"]: None})
    return {one: tuple(addresses) for one, addresses in found.items()}
