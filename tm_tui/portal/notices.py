"""What the portal announces in its replies to beats. Patterns and reports will put their notices here."""

import sqlite3
from datetime import datetime

from tm_tui.status_server.protocol import Notice

__all__ = ["announce", "for_appliance", "withdraw"]

_MOST = 100


def announce(connection: sqlite3.Connection, notice: Notice, appliance: str | None, now: datetime) -> None:
    """Announce something to one appliance, or to all (None)."""
    connection.execute(
        "INSERT INTO notices (appliance, kind, id, title, created_at) VALUES (?, ?, ?, ?, ?)",
        (appliance, notice.kind, notice.id, notice.title, now.timestamp()),
    )


def withdraw(connection: sqlite3.Connection, kind: str, number: str) -> None:
    """Announce something no more."""
    connection.execute("DELETE FROM notices WHERE kind = ? AND id = ?", (kind, number))


def for_appliance(connection: sqlite3.Connection, appliance: str) -> tuple[Notice, ...]:
    """The newest hundred notices that concern an appliance, the oldest first."""
    rows = connection.execute(
        "SELECT kind, id, title FROM notices WHERE appliance IS NULL OR appliance = ?"
        " ORDER BY number DESC LIMIT ?",
        (appliance, _MOST),
    ).fetchall()
    return tuple(Notice(kind=row["kind"], id=row["id"], title=row["title"]) for row in reversed(rows))
