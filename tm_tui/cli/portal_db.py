"""`tm-tui portal db`: the portal's database brought up to date, checked, or copied to another engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tm_tui.cli.lazy import Group
from tm_tui.cli.output import json_option
from tm_tui.cli.portal_home import done, failures_told, home_of, settings_in, with_home
from tm_tui.errors import TmError

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["db"]


@contextmanager
def _engine(where: Path | str) -> Iterator["Engine"]:
    """A database, and its failures in one line."""
    from sqlalchemy.exc import SQLAlchemyError

    from tm_tui.portal.engines import failed, made_engine

    with failures_told():
        engine = made_engine(where)
        try:
            yield engine
        except SQLAlchemyError as error:
            raise failed(engine, error) from None
        finally:
            engine.dispose()


def _own(context: click.Context, own_home: Path | None) -> Path | str:
    from tm_tui.portal.settings import database_at

    home = home_of(context, own_home)
    with failures_told():
        return database_at(settings_in(home).database, home.path)


@click.group(cls=Group)
def db() -> None:
    """The portal's database: portal.toml says where it is."""


@db.command()
@click.option("--backed-up", is_flag=True, help="On a server: there is a backup, as by pg_dump.")
@json_option
@with_home
def upgrade(context: click.Context, own_home: Path | None, *, backed_up: bool, as_json: bool) -> None:
    """Bring it to the form of this version. On a server: end all processes of the portal first.

    Of a file of SQLite's a copy is left beside it. On a server nothing but your own backup leads back, so
    that it has to be said that there is one; all of it happens in one transaction, or nothing.
    """
    from tm_tui.portal import schema
    from tm_tui.portal.engines import shown

    with _engine(_own(context, own_home)) as engine:
        if schema.keeps_no_copy(engine) and not backed_up:
            cause = f"{shown(engine)} is on a server: the upgrade leaves no copy of it as it was."
            raise TmError(cause, "Back it up with pg_dump, then run this again with --backed-up.")
        aside = schema.upgrade(engine)
    kept = f" A copy of it as it was: {aside}." if aside else ""
    done(f"The database is up to date.{kept}", as_json=as_json, upgraded=True, copy=str(aside or "") or None)


@db.command()
@json_option
@with_home
def check(context: click.Context, own_home: Path | None, *, as_json: bool) -> None:
    """Look whether it is whole and of this version's form; count its rows."""
    from tm_tui.portal import database_copy, schema

    with _engine(_own(context, own_home)) as engine:
        schema.prepare(engine)
        rows = database_copy.check(engine)
    lines = [f"{name}: {number}" for name, number in rows.items()]
    done("\n".join(["The database is whole. Rows:", *lines]), as_json=as_json, rows=rows)


@db.command()
@json_option
@with_home
def compact(context: click.Context, own_home: Path | None, *, as_json: bool) -> None:
    """Give what a file of SQLite's does not use back to the disk. End the portal first.

    Needs as much room again as the file has. Once done, a file of an earlier portal does so by itself.
    """
    from tm_tui.portal import engines, schema

    home = home_of(context, own_home)
    with _engine(_own(context, own_home)) as engine, home.claimed():
        if not engines.is_sqlite(engine):
            raise TmError("This database is no file of SQLite's.", "A server's database does that by itself.")
        schema.prepare(engine)
        path = Path(engine.url.database or "")
        before = path.stat().st_size
        engines.compact(engine)
        after = path.stat().st_size
    done(f"{before:,} bytes before, {after:,} now.", as_json=as_json, before=before, after=after)


@db.command()
@click.option("--to", "target", required=True, metavar="URL", help="An empty database.")
@json_option
@with_home
def copy(context: click.Context, target: str, own_home: Path | None, *, as_json: bool) -> None:
    """Copy it to another database, and compare them row by row.

    End the portal first: what comes later is not copied. URL is sqlite:///FILE or
    postgresql+psycopg://USER@HOST/NAME. Afterwards set `database` in portal.toml.
    """
    from tm_tui.portal import database_copy, schema

    with _engine(_own(context, own_home)) as source, _engine(target) as engine:
        schema.prepare(source)
        schema.prepare(engine)
        rows = database_copy.copy(source, engine)
    done(f"{rows} rows copied; both databases are equal.", as_json=as_json, rows=rows)
