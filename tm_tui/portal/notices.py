"""What the portal announces in its replies to beats. Patterns and reports will put their notices here."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from tm_tui.patterns.pattern import Pattern
from tm_tui.portal import tables
from tm_tui.status_server.protocol import Notice
from tm_tui.text import safe_text

__all__ = ["announce", "for_appliance", "of_pattern", "withdraw"]

_MOST = 100
_OF = tables.notices.c


def announce(connection: Connection, notice: Notice, appliance: str | None, now: datetime) -> None:
    """Announce something to one appliance, or to all (None)."""
    told = {"kind": notice.kind, "id": notice.id, "title": notice.title, "created_at": now.timestamp()}
    connection.execute(insert(tables.notices).values(appliance=appliance, **told))


def of_pattern(pattern: Pattern) -> Notice:
    """What is announced of a pattern."""
    title = safe_text(f"{pattern.type.capitalize()} {pattern.id}, {pattern.description}", 200)
    return Notice(kind="pattern", id=str(pattern.id), title=title)


def withdraw(connection: Connection, kind: str, number: str, appliance: str | None = None) -> None:
    """Announce something no more; one appliance's alone, where it is named."""
    chosen = [_OF.kind == kind, _OF.id == number]
    if appliance is not None:
        chosen.append(_OF.appliance == appliance)
    connection.execute(delete(tables.notices).where(*chosen))


def for_appliance(connection: Connection, appliance: str) -> tuple[Notice, ...]:
    """The newest hundred notices that concern an appliance, the oldest first."""
    chosen = select(_OF.kind, _OF.id, _OF.title).where(_OF.appliance.is_(None) | (_OF.appliance == appliance))
    rows = connection.execute(chosen.order_by(_OF.number.desc()).limit(_MOST)).all()
    return tuple(Notice(kind=row.kind, id=row.id, title=row.title) for row in reversed(rows))
