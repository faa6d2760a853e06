"""A portal's database brought to another engine, row by row, and compared."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, insert, select, text

from tm_tui.errors import StorageFailed
from tm_tui.portal.engines import READING, is_sqlite, shown
from tm_tui.portal.tables import metadata

__all__ = ["check", "copy", "differing"]

_AT_ONCE = 1000


def copy(source: Engine, target: Engine) -> int:
    """Copy all rows in one transaction of the target, as they were at one moment. Returns how many.

    Raises StorageFailed when there is something in the target, or when it is not equal afterwards;
    SQLAlchemyError.
    """
    rows = 0
    with _snapshot(source) as before, target.begin() as after:
        for table in metadata.sorted_tables:
            if after.execute(select(table).limit(1)).first() is not None:
                remedy = "Give an empty one, which no portal has used."
                raise StorageFailed(f"There is something in {shown(target)} already.", remedy)
            for some in _portions(before, table):
                after.execute(insert(table), some)
                rows += len(some)
            _go_on_numbering(after, table)
        different = differing(before, after)
        if different:
            cause = f"The copy in {shown(target)} differs in {', '.join(different)}; it was not kept."
            raise StorageFailed(cause, "Try again; if it stays so, report it.")
    return rows


def _snapshot(source: Engine) -> Connection:
    """All of it as it is now, whatever is written beside."""
    options: dict[str, Any] = READING if is_sqlite(source) else {"isolation_level": "REPEATABLE READ"}
    return source.connect().execution_options(**options)


def _portions(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    rows = connection.execution_options(stream_results=True).execute(_ordered(table)).mappings()
    for some in rows.partitions(_AT_ONCE):
        yield [dict(row) for row in some]


def _ordered(table: Table) -> Any:
    return select(table).order_by(*table.primary_key)


def _go_on_numbering(connection: Connection, table: Table) -> None:
    """PostgreSQL's own numbers go on behind those that were copied."""
    if is_sqlite(connection) or "number" not in table.primary_key:
        return
    last = connection.execute(select(func.max(table.c.number))).scalar()
    if last is not None:
        named = {"table": table.name, "last": last}
        connection.execute(text("SELECT setval(pg_get_serial_sequence(:table, 'number'), :last)"), named)


def differing(before: Connection, after: Connection) -> list[str]:
    """The tables that are not equal, row by row."""
    return [table.name for table in metadata.sorted_tables if not _equal(before, after, table)]


def _equal(before: Connection, after: Connection, table: Table) -> bool:
    one, two = (connection.execute(_ordered(table)) for connection in (before, after))
    return all(a is not None and b is not None and tuple(a) == tuple(b) for a, b in zip_longest(one, two))


def check(engine: Engine) -> dict[str, int]:
    """How many rows each table has. Raises StorageFailed where the file is damaged, SQLAlchemyError."""
    with _snapshot(engine) as connection:
        if is_sqlite(engine):
            found = connection.execute(text("PRAGMA integrity_check")).scalar()
            if found != "ok":
                raise StorageFailed(f"{shown(engine)} is damaged.", "Restore it from a backup.")
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
