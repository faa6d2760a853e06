"""A portal's database brought from SQLite to PostgreSQL and back: equal row by row, and going on."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from portals import ANY_APPLIANCE, registration, threat_event, told, with_settings
from sqlalchemy import Column, Connection, Double, Text, insert, inspect, text

from servers.postgres import Postgres
from tm_tui.portal import products, reading
from tm_tui.portal.database import opened
from tm_tui.portal.database_copy import differing
from tm_tui.portal.engines import made_engine
from tm_tui.portal.reports import shelf
from tm_tui.portal.tables import metadata
from tm_tui.status_server.protocol import RegistrationRequest

NOW = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A portal's home with rows in many tables."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with opened(home / "portal.sqlite3") as connection:
        products.register(connection, RegistrationRequest.model_validate(registration()), "account", NOW)
        portion = reading.Portion()
        for seq in range(1500):
            portion.add(threat_event(seq, f"pc-{seq} \u00e4\U0001f480"), NOW)
        reading.keep(connection, ANY_APPLIANCE, portion, NOW.timestamp())
        for number in range(3):
            report = shelf.Report(f"r-{number}", ANY_APPLIANCE, "daily", "T", "text")
            shelf.put(connection, report, NOW)
    return home


def test_there_and_back_again(home: Path, postgresql: Postgres, tmp_path: Path) -> None:
    """Nothing is lost on the way, numbers go on, and what is in use is not written over."""
    server, back = postgresql.database(), tmp_path / "back"
    copied = told("db", "copy", "--to", server, "--home", str(home))
    assert copied.returncode == 0, copied.stderr
    again = told("db", "copy", "--to", server, "--home", str(home))
    assert again.returncode == 1
    assert "already" in again.stderr
    (home / "portal.toml").write_text(f'database = "{server}"\n')
    assert '"threats": 1500' in told("db", "check", "--json", "--home", str(home)).stdout
    assert told("db", "copy", "--to", f"sqlite:///{back}", "--home", str(home)).returncode == 0
    with opened(home / "portal.sqlite3", reading=True) as one, opened(back, reading=True) as two:
        assert differing(one, two) == []
    with opened(server) as connection:
        assert shelf.put(connection, shelf.Report("r-new", ANY_APPLIANCE, "daily", "T", "text"), NOW)
    assert told("db", "upgrade", "--home", str(home)).returncode == 0


def test_a_damaged_file_is_told(home: Path) -> None:
    """A check says what is wrong, in a line."""
    with (home / "portal.sqlite3").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 2000)
    checked = told("db", "check", "--home", str(home))
    assert checked.returncode == 1
    assert "cannot be used" in checked.stderr or "damaged" in checked.stderr


def filled(connection: Connection) -> None:
    """Three rows in every table, of extremes too."""
    for table in metadata.sorted_tables:
        for number in range(1, 4):
            connection.execute(insert(table), {c.name: value_of(c, number) for c in table.columns})


def value_of(column: Column[Any], number: int) -> Any:
    if column.nullable and number == 2:
        return None
    if isinstance(column.type, Text):
        return f"{column.name} {number} \u00e4\U0001f480'\n" + "x" * 3000 * (number == 3)
    if isinstance(column.type, Double):
        return (0.1, -1e-300, 4102444800.123456)[number - 1]
    return number if column.primary_key else (number, -1, 2**53 - number)[number - 1]


def test_every_table_comes_through_both_copies(postgresql: Postgres, tmp_path: Path) -> None:
    """No table is left out, and no value is another one: there, and back again."""
    home, server, back = tmp_path / "home", postgresql.database(), tmp_path / "back"
    home.mkdir(mode=0o700)
    with opened(home / "portal.sqlite3") as connection:
        filled(connection)
    assert told("db", "copy", "--to", server, "--home", str(home)).returncode == 0
    (home / "portal.toml").write_text(f'database = "{server}"\n')
    rows = json.loads(told("db", "check", "--json", "--home", str(home)).stdout)["rows"]
    assert rows == {table.name: 3 for table in metadata.sorted_tables}
    assert told("db", "copy", "--to", f"sqlite:///{back}", "--home", str(home)).returncode == 0
    with closing(sqlite3.connect(back)) as two, closing(sqlite3.connect(home / "portal.sqlite3")) as one:
        for table in metadata.sorted_tables:
            both = [sorted(map(repr, of.execute(f"SELECT * FROM {table.name}"))) for of in (one, two)]
            assert both[0] == both[1], table.name


OLD = Path(__file__).with_name("before_0002_postgresql.sql")


def form_of(url: str) -> dict[str, Any]:
    """Tables with columns, keys and indexes, as the server says."""
    engine = made_engine(url)
    looked = inspect(engine)
    found = {
        name: (
            {(c["name"], str(c["type"]), c["nullable"]) for c in looked.get_columns(name)},
            looked.get_pk_constraint(name)["constrained_columns"],
            {tuple(one["column_names"]) for one in looked.get_unique_constraints(name)},
            {
                (one["name"], tuple(one["column_names"]), one["unique"], str(one.get("dialect_options")))
                for one in looked.get_indexes(name)
            },
        )
        for name in looked.get_table_names()
    }
    engine.dispose()
    return found


def test_an_old_home_on_postgresql_is_upgraded(postgresql: Postgres, tmp_path: Path) -> None:
    """From the first form there was: not without a backup; then like a new one, and nothing lost."""
    url, new = postgresql.database(), postgresql.database()
    home = with_settings(tmp_path / "home", f'database = "{url}"\n')
    row = "INSERT INTO batches (name, appliance, kind, events, bytes, received_at)"
    row += " VALUES ('b', 'a', 'k', 1, 1, 1)"
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(OLD.read_text())
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
        connection.execute(row)
    for words, said in ((("db", "check"), "back the database up"), (("db", "upgrade"), "pg_dump")):
        refused = told(*words, "--home", str(home))
        assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr
    done = told("db", "upgrade", "--backed-up", "--home", str(home))
    assert done.returncode == 0, done.stderr
    rows = json.loads(told("db", "check", "--json", "--home", str(home)).stdout)["rows"]
    assert rows["batches"] == 1
    with opened(new):
        pass
    assert form_of(url) == form_of(new)


def test_a_newer_home_on_postgresql_is_refused(postgresql: Postgres, tmp_path: Path) -> None:
    """Who goes back a version is told so by the portal and by each command, and nothing changes."""
    url = postgresql.database()
    home = with_settings(tmp_path / "home", f'database = "{url}"\n')
    with opened(url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = form_of(url)
    for words in (("serve",), ("db", "upgrade", "--backed-up"), ("db", "check"), ("products", "list")):
        refused = told(*words, "--home", str(home))
        assert (refused.returncode, "is of a newer portal" in refused.stderr) == (1, True), refused.stderr
    assert form_of(url) == before
