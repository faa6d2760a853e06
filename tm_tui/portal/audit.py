"""Who did what to what, when, and from where: kept for operators to look at and to take away."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from tm_tui.clock import moment_of
from tm_tui.portal import tables
from tm_tui.text import safe_text

__all__ = ["Entry", "note", "page", "reword"]

_OF = tables.audit.c


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed. `source`: an address, or the command line."""

    number: int
    at: datetime
    who: str
    source: str
    what: str
    subject: str


def note(connection: Connection, by: tuple[str, str], what: str, subject: str, now: datetime) -> int:
    """Note a deed, in the transaction that does it; its number. `by`: who, and from where."""
    who, source = by
    row = {"at": now.timestamp(), "who": safe_text(who, 255), "source": safe_text(source, 200)}
    entry = insert(tables.audit).values(**row, what=what, subject=safe_text(subject, 255))
    number: int = connection.execute(entry.returning(_OF.number)).scalar_one()
    return number


def reword(connection: Connection, number: int, subject: str) -> None:
    """Say more exactly what an entry is about, as of one that counts."""
    connection.execute(
        update(tables.audit).where(_OF.number == number).values(subject=safe_text(subject, 255))
    )


def page(connection: Connection, before: int | None, most: int) -> tuple[Entry, ...]:
    """Deeds with a number below `before`, the newest first."""
    chosen = select(tables.audit).order_by(_OF.number.desc()).limit(most)
    rows = connection.execute(chosen if before is None else chosen.where(_OF.number < before)).mappings()
    return tuple(_entry(row) for row in rows)


def _entry(row: Any) -> Entry:
    return Entry(**{**row, "at": moment_of(row["at"])})
