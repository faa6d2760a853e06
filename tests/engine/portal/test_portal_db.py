"""A portal's database brought from SQLite to PostgreSQL and back: equal row by row, and going on."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from portals import ANY_APPLIANCE, registration, threat_event, told

from servers.postgres import Postgres
from tm_tui.portal import products, reading
from tm_tui.portal.database import opened
from tm_tui.portal.database_copy import differing
from tm_tui.portal.reports import shelf
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
