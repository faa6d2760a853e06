"""Appliances that an operator removed, until their admin or an operator wants them back.

docs/protocol.md, "Removed".
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from tm_tui.errors import TmError
from tm_tui.moments import moment_of
from tm_tui.portal.refusals import Refused
from tm_tui.text import safe_text

__all__ = ["SCHEMA", "Removal", "check", "listed", "note", "readmit"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS removals (
    appliance TEXT PRIMARY KEY, removed_at REAL NOT NULL, removed_by TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Removal:
    """One appliance that was removed, when, and by whom."""

    appliance: str
    removed_at: datetime
    removed_by: str


def note(connection: sqlite3.Connection, appliance: str, by: str, now: datetime) -> None:
    """Note that it is removed; call it in the transaction that removes it."""
    connection.execute(
        "INSERT INTO removals VALUES (?1, ?2, ?3) ON CONFLICT (appliance)"
        " DO UPDATE SET removed_at = ?2, removed_by = ?3",
        (appliance, now.timestamp(), by),
    )


def check(connection: sqlite3.Connection, appliance: str, *, renew: bool = False) -> None:
    """Forget the removal if its admin renews it. Raises Refused (410 `removed`) where it stands."""
    row = connection.execute("SELECT removed_at FROM removals WHERE appliance = ?", (appliance,)).fetchone()
    if row is None:
        return
    if renew:
        connection.execute("DELETE FROM removals WHERE appliance = ?", (appliance,))
        return
    at = moment_of(row["removed_at"]).isoformat(timespec="seconds").replace("+00:00", "Z")
    cause = f"The appliance {safe_text(appliance, 80)} was removed from the Registered Products."
    remedy = "Save the settings at the appliance, with TMSP switched on; or ask the portal's operator."
    raise Refused(410, "removed", cause, remedy, more={"cause": "removed", "removed_at": at})


def readmit(connection: sqlite3.Connection, appliance: str) -> None:
    """Let it register again by itself. Raises TmError when it was not removed."""
    if not connection.execute("DELETE FROM removals WHERE appliance = ?", (appliance,)).rowcount:
        cause = f"{safe_text(appliance, 80)} was not removed."
        raise TmError(cause, "See `tm-tui portal products removed`.")


def listed(connection: sqlite3.Connection) -> tuple[Removal, ...]:
    """All that stand, the newest first."""
    rows = connection.execute("SELECT * FROM removals ORDER BY removed_at DESC, appliance")
    return tuple(Removal(row["appliance"], moment_of(row["removed_at"]), row["removed_by"]) for row in rows)
