"""Appliances that an operator removed, until their admin or an operator wants them back.

docs/protocol.md, "Removed".
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from tm_tui.clock import moment_of
from tm_tui.errors import TmError
from tm_tui.portal import tables
from tm_tui.portal.engines import insert
from tm_tui.portal.refusals import Refused
from tm_tui.text import safe_text

__all__ = ["Removal", "check", "listed", "note", "number", "readmit", "stands"]

_OF = tables.removals.c


@dataclass(frozen=True, slots=True)
class Removal:
    """One appliance that was removed, when, and by whom."""

    appliance: str
    removed_at: datetime
    removed_by: str


def note(connection: Connection, appliance: str, by: str, now: datetime) -> None:
    """Note that it is removed; call it in the transaction that removes it."""
    values = {"removed_at": now.timestamp(), "removed_by": by}
    noted = insert(connection, tables.removals).values(appliance=appliance, **values)
    connection.execute(noted.on_conflict_do_update(index_elements=["appliance"], set_=values))


def check(connection: Connection, appliance: str, *, renew: bool = False) -> None:
    """Forget the removal if its admin renews it. Raises Refused (410 `removed`) where it stands."""
    removed = connection.execute(select(_OF.removed_at).where(_OF.appliance == appliance)).scalar()
    if removed is None:
        return
    if renew:
        connection.execute(delete(tables.removals).where(_OF.appliance == appliance))
        return
    at = moment_of(removed).isoformat(timespec="seconds").replace("+00:00", "Z")
    cause = f"The appliance {safe_text(appliance, 80)} was removed from the Registered Products."
    remedy = "Save the settings at the appliance, with TMSP switched on; or ask the portal's operator."
    raise Refused(410, "removed", cause, remedy, more={"cause": "removed", "removed_at": at})


def readmit(connection: Connection, appliance: str) -> None:
    """Let it register again by itself. Raises TmError when it was not removed."""
    if not connection.execute(delete(tables.removals).where(_OF.appliance == appliance)).rowcount:
        cause = f"{safe_text(appliance, 80)} was not removed."
        raise TmError(cause, "See `tm-tui portal products removed`.")


def number(connection: Connection) -> int:
    """How many stand."""
    return connection.execute(select(func.count()).select_from(tables.removals)).scalar_one()


def stands(connection: Connection, appliance: str) -> bool:
    """Whether this one was removed."""
    return connection.execute(select(_OF.removed_at).where(_OF.appliance == appliance)).first() is not None


def listed(connection: Connection, after: str = "", most: int | None = None) -> tuple[Removal, ...]:
    """All that stand, by name; those after a name, or so many of them."""
    chosen = select(tables.removals).where(_OF.appliance > after).order_by(_OF.appliance).limit(most)
    rows = connection.execute(chosen)
    return tuple(Removal(row.appliance, moment_of(row.removed_at), row.removed_by) for row in rows)
