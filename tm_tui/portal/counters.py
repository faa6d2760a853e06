"""Numbers that are given once each, without gaps where nothing fails: by the row that holds the last one."""

import hashlib

from sqlalchemy import Connection, select

from tm_tui.portal import tables
from tm_tui.portal.engines import insert

__all__ = ["changed", "following"]


def following(connection: Connection, name: str) -> int:
    """The next number of this name. Others wait for it until this transaction ends."""
    first = insert(connection, tables.counters).values(name=name, value=1)
    more = {"value": tables.counters.c.value + 1}
    taken = first.on_conflict_do_update(index_elements=["name"], set_=more).returning(tables.counters.c.value)
    number: int = connection.execute(taken).scalar_one()
    return number


def changed(connection: Connection, name: str, text: str) -> bool:
    """Whether a text is another one than at the last call; it is noted by a number made of it."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])
    before = connection.execute(
        select(tables.counters.c.value).where(tables.counters.c.name == name)
    ).scalar()
    if before == number:
        return False
    noted = insert(connection, tables.counters).values(name=name, value=number)
    connection.execute(noted.on_conflict_do_update(index_elements=["name"], set_={"value": number}))
    return before is not None
