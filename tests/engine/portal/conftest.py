"""One portal for the tests that leave it as it was, and homes for those that do not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from portals import RunningPortal, running

from servers.buckets import KEYS, Buckets
from servers.postgres import Postgres
from tm_tui.portal.database import opened


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPortal]:
    """A running portal for the tests of one file."""
    with running(tmp_path_factory.mktemp("portal") / "home") as portal:
        yield portal


@pytest.fixture(params=["files", "bucket"])
def blobs_setting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The line of portal.toml that says where batches and cases lie: each kind of store, empty."""
    if request.param == "files":
        return 'blobs = "file:."\n'
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    server: Buckets = request.getfixturevalue("bucket_server")
    return f'blobs = "{server.new()}"\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A place for a portal of the test's own."""
    return tmp_path / "home"


@pytest.fixture(scope="session")
def postgresql_template(postgresql: Postgres) -> str:
    """A database of a portal that was just made, to be copied."""
    postgresql.run("CREATE DATABASE portal")
    with opened(postgresql.url("portal")):
        pass
    return "portal"


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a portal's database is, empty and of the form of now: a file, then a database of a server's."""
    if request.param == "sqlite":
        return tmp_path / "portal.sqlite3"
    postgresql: Postgres = request.getfixturevalue("postgresql")
    return postgresql.database(request.getfixturevalue("postgresql_template"))
