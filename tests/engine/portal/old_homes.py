"""Databases as portals of before left them."""

import sqlite3
from contextlib import closing
from pathlib import Path

_SCHEMA = Path(__file__).with_name("before_alembic.sql")


def make_old(path: Path) -> None:
    """An empty database of the last portal before Alembic."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_SCHEMA.read_text())


def as_before(path: Path, *, owners: bool = True) -> None:
    """Give a database of now the form of then, with its rows. Without `owners`: of the first portals."""
    new = path.with_name("new.sqlite3")
    make_old(new)
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        if not owners:
            connection.executescript(
                "ALTER TABLE accounts DROP COLUMN role; DROP TABLE appliances; DROP TABLE instances"
            )
        connection.execute("ATTACH ? AS now", (str(path),))
        tables = connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            here, there = (
                {row[1] for row in connection.execute(f"PRAGMA {of}.table_info({table})")}
                for of in ("main", "now")
            )
            names = ", ".join(sorted(here & there))
            if names:
                connection.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM now.{table}")
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    new.rename(path)
