"""One portal for the tests that leave it as it was, and homes for those that do not."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from portals import RunningPortal, running
from sqlalchemy import Engine
from stores import Stores

from servers.buckets import KEYS, Buckets
from servers.postgres import Postgres
from tm_tui.portal import accounts
from tm_tui.portal.database import opened
from tm_tui.portal.engines import made_engine
from tm_tui.portal.schema import prepare

STORES = ("sqlite", "postgresql", "bucket")
"""SQLite and files, PostgreSQL and files, PostgreSQL and S3."""
ON_ALL = {"test_portal_put", "test_portal_bucket", "test_portal_clones", "test_portal_removed"}
"""Files whose tests meet all three.

The others' meet the first and the last, which have both of everything, where they ask for `portal` or
`any_home`, and the first where they ask for `home`. TM_TUI_STORES=all has each test on each.
"""
TRUE_COST = {"test_portal_crowd", "test_portal_strength"}
"""Files whose portals hash passwords at the product's cost; in all others a hash costs next to nothing.

Each start makes two accounts, and each client is looked at once: that was half of what a portal's test took.
"""


def pytest_configure(config: pytest.Config) -> None:
    """Declare our mark."""
    config.addinivalue_line("markers", "one_store(reason): it says nothing of where a portal keeps things")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have a test that opens a portal do so on each kind of store, or on one, with a reason."""
    if "stores" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("one_store")
        assert mark is None or (mark.args and mark.args[0]), "one_store says why"
        whole = (
            metafunc.module.__name__.rpartition(".")[2] in ON_ALL or os.environ.get("TM_TUI_STORES") == "all"
        )
        both = {"portal", "any_home"} & set(metafunc.fixturenames)
        some = STORES[:1] if mark else STORES if whole else STORES[::2] if both else STORES[:1]
        metafunc.parametrize("stores", some, indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def hashing(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a hash of a password costs; processes of `portals` are told the same."""
    with pytest.MonkeyPatch.context() as patch:
        if request.module.__name__.rpartition(".")[2] not in TRUE_COST:
            patch.setattr(accounts, "_COST", 1 << 4)
        yield


@pytest.fixture(scope="module")
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """One kind of store."""
    made = Stores(request.param)
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "sqlite":
            made.server = request.getfixturevalue("postgresql")
            made.template = request.getfixturevalue("postgresql_template")
        if request.param == "bucket":
            made.buckets = request.getfixturevalue("bucket_server")
            for name, value in KEYS.items():
                patch.setenv(name, value)
        yield made


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, stores: Stores) -> Iterator[RunningPortal]:
    """A running portal for the tests of one file, on each kind of store."""
    with running(stores.home(tmp_path_factory.mktemp("portal") / "home")) as portal:
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
def home(tmp_path: Path, stores: Stores) -> Path:
    """A place for a portal of the test's own, on SQLite unless all stores are asked for."""
    return stores.home(tmp_path / "home")


@pytest.fixture
def any_home(tmp_path: Path, stores: Stores) -> Path:
    """A home for a portal of the test's own, on each kind of store, empty."""
    return stores.home(tmp_path / "home")


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


@pytest.fixture
def engine(store: Path | str) -> Iterator[Engine]:
    """A portal's database."""
    engine = made_engine(store)
    prepare(engine)
    yield engine
    engine.dispose()
