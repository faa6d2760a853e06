"""The portal's database: its form through the versions, its writers, and what a failure of it means."""

import asyncio
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from old_homes import as_before, make_old
from portals import ANY_APPLIANCE, registration
from sqlalchemy import Connection, event, insert, select, text

from tm_tui.errors import StorageFailed, TmError
from tm_tui.portal import accounts, appliances, products, schema, tables
from tm_tui.portal.database import Database, opened
from tm_tui.status_server.protocol import RegistrationRequest

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def form_of(path: Path) -> dict[str, Any]:
    """Tables with their columns and keys, and indexes with their columns, as the file says."""
    with closing(sqlite3.connect(path)) as connection:
        named = connection.execute(
            "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
        ).fetchall()
        found: dict[str, Any] = {}
        for kind, name in named:
            rows = connection.execute(
                f"PRAGMA {'table' if kind == 'table' else 'index'}_xinfo({name})"
            ).fetchall()
            if kind == "table":
                found[name] = {(row[1], row[2], bool(row[3] or row[5]), row[5]) for row in rows}
            else:
                found[name] = [row[2] for row in rows if row[5]]
    return found


def test_an_upgraded_database_is_like_a_new_one(tmp_path: Path) -> None:
    """Whichever way a home came to this version, it has the same tables, columns, keys and indexes."""
    old, new = tmp_path / "old", tmp_path / "new"
    make_old(old)
    for path in (old, new):
        with opened(path):
            pass
    assert form_of(old) == form_of(new)
    (copy,) = tmp_path.glob("old.before-*")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert "alembic_version" not in form_of(copy)


def test_the_newest_script_is_the_form_of_now() -> None:
    """A change of the tables without its migration, or the other way round, is noticed here."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == tables.SCHEMA
    names = {Path(script.path).name.split("_")[1] for script in scripts.walk_revisions()}
    assert names == {script.revision for script in scripts.walk_revisions()}


def test_a_newer_database_is_refused_in_words(tmp_path: Path) -> None:
    """Who goes back a version is told so, and nothing of the home is touched."""
    path = tmp_path / "portal.sqlite3"
    with opened(path) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = path.read_bytes()
    with pytest.raises(StorageFailed, match="newer portal"), opened(path):
        pass
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.before-*"))


def test_owners_of_the_first_homes_are_found(tmp_path: Path) -> None:
    """An appliance is bound as it registered, else as it sent its newest case, else to the first account."""
    path = tmp_path / "portal.sqlite3"
    with opened(path) as connection:
        for number, name in enumerate(("first", "second", "third")):
            row = {"name": name, "secret": "x:y", "created_at": float(number)}
            connection.execute(insert(tables.accounts).values(row))
        request = RegistrationRequest.model_validate(registration("tm-registered"))
        products.register(connection, request, "second", NOW)
        common = {"form": "zip", "bytes": 1, "sha256": "", "endpoint": "", "threat": "", "description": ""}
        for touched, account in ((1.0, "second"), (2.0, "third")):
            row = {"upload": account, "key": account, "appliance": "tm-case", "account": account}
            connection.execute(insert(tables.cases).values(common | row | {"touched_at": touched}))
        row = {"name": "b", "appliance": "tm-batch", "kind": "x", "events": 1, "bytes": 1, "received_at": 1.0}
        connection.execute(insert(tables.batches).values(row))
    as_before(path, owners=False)
    with opened(path) as connection:
        owners = dict(connection.execute(select(tables.appliances)).all())
    assert owners == {"tm-registered": "second", "tm-case": "third", "tm-batch": "first"}


async def kept_busy(database: Database) -> tuple[asyncio.Future[None], Event]:
    """The database's writer is at work until the event is set."""
    begun, go = Event(), Event()

    def work(_connection: Connection) -> None:
        begun.set()
        assert go.wait(60)

    busy = asyncio.ensure_future(database.call(work))
    assert await asyncio.to_thread(begun.wait, 10)
    return busy, go


async def test_what_waits_is_committed_together_and_fails_alone(tmp_path: Path) -> None:
    """Calls that came while the disk was busy share a commit; one that is refused takes none with it."""
    database, commits = Database(tmp_path / "portal.sqlite3"), 0

    def committed(_connection: Connection) -> None:
        nonlocal commits
        commits += 1

    def add(connection: Connection, name: str) -> None:
        row = {"name": name, "secret": "x:y", "created_at": 0.0, "role": "appliance"}
        connection.execute(insert(tables.accounts).values(row))
        if name == "bad":
            raise TmError("No.", "Never.")

    try:
        event.listen(database.engine, "commit", committed)
        busy, go = await kept_busy(database)
        rest = [asyncio.ensure_future(database.call(add, name)) for name in ("a", "bad", "b")]
        await asyncio.sleep(0)
        go.set()
        await busy
        outcomes = await asyncio.gather(*rest, return_exceptions=True)
        assert [type(one) for one in outcomes] == [type(None), TmError, type(None)]
        assert [one.name for one in await database.read(accounts.listed)] == ["a", "b"]
        assert commits == 2
    finally:
        database.close()


async def test_beats_go_before_what_can_wait(tmp_path: Path) -> None:
    """However much a report or a batch has to write: what an appliance waits for is next."""
    database, done = Database(tmp_path / "portal.sqlite3"), []
    try:
        busy, go = await kept_busy(database)
        names = [f"later {number}" for number in range(3)]
        later = [
            asyncio.ensure_future(database.later(lambda _, name: done.append(name), name)) for name in names
        ]
        beat = asyncio.ensure_future(database.call(lambda _connection: done.append("beat")))
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(busy, beat, *later)
        assert done == ["beat", "later 0", "later 1", "later 2"]
    finally:
        database.close()


async def test_a_read_waits_for_no_writer(tmp_path: Path) -> None:
    """A page of ten thousand products is drawn beside the beats, of one moment, and keeps none of them."""
    database, writing, go = Database(tmp_path / "portal.sqlite3"), Event(), Event()

    def write(connection: Connection) -> None:
        appliances.bind(connection, ANY_APPLIANCE, "one")
        writing.set()
        assert go.wait(60)

    try:
        busy = asyncio.ensure_future(database.call(write))
        assert await asyncio.to_thread(writing.wait, 10)
        assert await database.read(appliances.owned, "one") == frozenset()
        go.set()
        await busy
        assert await database.read(appliances.owned, "one") == {ANY_APPLIANCE}
    finally:
        database.close()
