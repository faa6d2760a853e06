"""Blobs that are to go: noted in the transaction after which nobody asks for them, until they are gone.

Whatever is killed in between leaves the note, and what it names is deleted later.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, select

from tm_tui.portal import tables
from tm_tui.portal.blobs.store import Blobs
from tm_tui.portal.engines import insert

__all__ = ["Doomed", "doom", "gone", "listed", "remove"]

_OF = tables.doomed.c


@dataclass(frozen=True, slots=True)
class Doomed:
    """A blob, or with `/` at its end all below that name. `asked`: how often it was noted anew."""

    name: str
    asked: int


def doom(connection: Connection, names: Iterable[str]) -> None:
    """Note blobs that are to go; one that is noted already may have come anew, and goes again."""
    rows = [{"name": name} for name in names]
    if rows:
        entry, again = insert(connection, tables.doomed), {"asked": _OF.asked + 1}
        connection.execute(entry.on_conflict_do_update(index_elements=["name"], set_=again), rows)


def listed(connection: Connection, most: int) -> list[Doomed]:
    """Some of them."""
    rows = connection.execute(select(tables.doomed).order_by(_OF.name).limit(most))
    return [Doomed(row.name, row.asked) for row in rows]


def remove(blobs: Blobs, found: Sequence[Doomed]) -> None:
    """Delete the blobs; what is gone already is as good. Blocks. Raises OSError."""
    for one in found:
        if one.name.endswith("/"):
            for blob in tuple(blobs.list(one.name)):
                blobs.delete(blob.name)
        else:
            blobs.delete(one.name)


def gone(connection: Connection, found: Sequence[Doomed]) -> None:
    """They are deleted. One that was noted anew meanwhile stays noted."""
    for one in found:
        connection.execute(delete(tables.doomed).where(and_(_OF.name == one.name, _OF.asked == one.asked)))
