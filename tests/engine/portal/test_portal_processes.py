"""The roles in processes of their own, on one home and PostgreSQL: each may die, and nothing is lost."""

import asyncio
import contextlib
import io
import itertools
import json
import signal
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any, BinaryIO

import pytest
from portals import (
    ANY_APPLIANCE,
    RunningPortal,
    batch,
    beat,
    command,
    ndjson,
    running,
    sealed,
    threat_event,
    told,
    with_settings,
)
from sqlalchemy import update
from test_portal_cases import created, patch
from test_portal_pages import log_on, token_in
from tuf.api.metadata import Metadata, Targets, Timestamp

from servers.postgres import Postgres
from tm_tui.clock import SystemClock
from tm_tui.portal import accounts, tables
from tm_tui.portal.batches import BatchStore
from tm_tui.portal.blobs.address import blobs_at
from tm_tui.portal.core import Portal
from tm_tui.portal.database import Database
from tm_tui.portal.doorkeeper import Doorkeeper
from tm_tui.portal.engines import made_engine
from tm_tui.portal.home import PortalHome
from tm_tui.portal.index import IndexedBatch
from tm_tui.portal.kept import Kept
from tm_tui.portal.log import PortalLog
from tm_tui.portal.reading import Portion
from tm_tui.portal.service import first_account
from tm_tui.portal.settings_file import read_settings
from tm_tui.portal.worker import Worker

FOLDER = f"logs/{ANY_APPLIANCE}"


def role(home: Path, name: str, *options: str) -> contextlib.AbstractContextManager[RunningPortal]:
    return running(home, "serve", "--role", name, *options)


@pytest.fixture
def on_server(home: Path, postgresql: Postgres, postgresql_template: str) -> Path:
    """A home whose database is on a server."""
    return with_settings(home, f'database = "{postgresql.database(postgresql_template)}"\n')


async def endpoints_of(portal: RunningPortal) -> list[str]:
    async with portal.operators() as client:
        found = (await client.get("/v1/endpoints")).json()["endpoints"]
    return [one["hostname"] for one in found]


async def test_three_processes_are_one_portal(on_server: Path) -> None:
    """What comes to one is read by another and shown by a third; one that is killed is taken over from."""
    with role(on_server, "web") as web, role(on_server, "ssh") as ssh, role(on_server, "web") as other:
        assert web.ready["log_server"]["ssh_port"] is None
        assert ssh.ready["status_server"]["port"] is None
        assert ssh.ready["ca_file"] == web.ready["ca_file"]
        await web.register()
        name, packed = sealed(ndjson(threat_event(1, "pc-1", "unsuccessful")))
        second, more = sealed(ndjson(threat_event(2, "pc-2", "unsuccessful")), first=2)
        async with web.log_server() as client:
            assert (await client.put(f"/{FOLDER}/{name}", content=packed)).status_code == 201
        async with ssh.sftp() as client:
            await client.makedirs(FOLDER, exist_ok=True)
            async with client.open(f"{FOLDER}/{second}.part", "wb") as file:
                await file.write(more)
            await client.posix_rename(f"{FOLDER}/{second}.part", f"{FOLDER}/{second}")
        async with web.status_server() as client:
            location = await created(client, 6)
            assert (await patch(client, location, 0, b"abc")).status_code == 204
        web.stop(signal.SIGKILL)
        async with other.status_server() as client:
            assert (await client.post("/v1/heartbeat", json=beat())).status_code == 200
            assert (await patch(client, location, 3, b"def")).status_code == 204
            assert (await client.get("/v1/cases/C-000001/file", auth=other.operator)).content == b"abcdef"
        async with other.log_server() as client:
            for one, content in ((name, packed), (second, more)):
                assert (await client.put(f"/{FOLDER}/{one}", content=content)).status_code == 412
        assert await endpoints_of(other) == []  # nobody has read them yet
        with role(on_server, "worker"):
            async with asyncio.timeout(30):
                while len(found := await endpoints_of(other)) < 2:
                    continue
        assert sorted(found) == ["pc-1", "pc-2"]


async def test_a_batch_without_an_entry_gets_one_when_it_comes_again(on_server: Path) -> None:
    """A process was killed between the file and its entry: the repeat is answered 412, and it counts."""
    with role(on_server, "web") as web:
        await web.register()
        name, packed = batch()
        await asyncio.to_thread(web.lay, f"{FOLDER}/{name}", packed)
        async with web.log_server() as client:
            assert (await client.put(f"/{FOLDER}/{name}", content=packed)).status_code == 412
        assert [line["batch"] for line in web.logged() if line["event"] == "entered-late"] == [name]


@pytest.mark.one_store("a file of SQLite's is what is refused")
def test_roles_apart_need_a_database_that_all_reach(home: Path) -> None:
    """On a file of SQLite's two processes would not know of each other."""
    done = told("serve", "--role", "web", "--home", str(home))
    assert (done.returncode, "need a database that all of them reach" in done.stderr) == (1, True)


async def test_patterns_that_two_processes_issue_at_once_make_one_list(
    on_server: Path, tmp_path: Path
) -> None:
    """One signs at a time: each list holds all of the one before and one more, no number comes twice."""
    content = tmp_path / "content"
    content.write_bytes(b"the pattern")
    words = ("pattern", "issue", str(content), "--type", "bandage", "--description", "x", "--json")

    def issue(_: int) -> int:
        done = command(*words, "--home", str(on_server))
        assert done.returncode == 0, done.stderr
        number: int = json.loads(done.stdout)["issued"]["id"]
        return number

    with role(on_server, "web"), role(on_server, "worker"), ThreadPoolExecutor(3) as pool:
        numbers = list(pool.map(issue, range(9)))
    assert sorted(numbers) == list(range(1, 10))
    metadata = on_server / "patterns" / "metadata"
    lists = [Metadata[Targets].from_file(str(metadata / f"{n}.targets.json")).signed for n in range(1, 11)]
    assert [len(one.targets) for one in lists] == list(range(10))
    for older, newer in itertools.pairwise(lists):
        assert older.targets.items() <= newer.targets.items()
    assert not (metadata / "11.targets.json").exists()
    stamp = Metadata[Timestamp].from_file(str(metadata / "timestamp.json")).signed
    assert (stamp.version, stamp.snapshot_meta.version) == (10, 10)


async def test_a_worker_that_lost_its_lease_closes_the_batch(on_server: Path) -> None:
    """Another one has the job: what was opened for it does not stay open until a collector comes by."""
    name, packed = sealed(ndjson(*(threat_event(seq, f"pc-{seq}") for seq in range(1500))))
    opened_files: list[BinaryIO] = []
    with role(on_server, "web") as web:
        await web.register()
        async with web.log_server() as client:
            assert (await client.put(f"/{FOLDER}/{name}", content=packed)).status_code == 201
    settings = read_settings(on_server, {})
    database, files = Database(settings.database), blobs_at(settings.blobs, on_server)

    class Watched:
        def open(self, name: str) -> BinaryIO:
            opened_files.append(files.open(name))
            steal(database)
            return opened_files[0]

    class Holding(Worker):
        """No collector closes what it reads."""

        def _portions(self, batch: IndexedBatch) -> Generator[Portion, None, None]:
            self.found = super()._portions(batch)
            return self.found

    try:
        clock, home = SystemClock(), PortalHome(on_server)
        log = PortalLog(io.StringIO(), clock)
        batches = BatchStore(home, database, files, log, clock)
        watched: Any = Watched()
        portal = Portal(
            home, database, Doorkeeper(database, clock), batches, watched, log, clock, Kept(clock)
        )
        worker = Holding(portal)
        assert await worker.one()
        assert opened_files[0].closed
    finally:
        database.close()


def steal(database: Database) -> None:
    """Another worker takes all jobs, as after the lease has ended."""
    with database.engine.begin() as connection:
        connection.execute(update(tables.jobs).values(lease="another", leased_until=2e9))


async def test_web_processes_share_sessions_and_locks(on_server: Path) -> None:
    """Who logged on at one is logged on at all, also when that one is killed; so is who is locked, or off."""
    with role(on_server, "web") as one, role(on_server, "web") as other:
        async with one.status_server(auth=None) as here, other.status_server(auth=None) as there:
            assert (await log_on(here, one)).status_code == 303
            there.headers["cookie"] = f"__Host-tmsp-session={here.cookies['__Host-tmsp-session']}"
            asked = await there.get("/portal/password")
            wrong = {"token": token_in(asked), "old": "x", "new": "y", "again": "z"}
            assert (await there.post("/portal/password", data=wrong)).status_code == 422
            one.stop(signal.SIGKILL)
            page = await there.get("/portal/products")
            assert page.status_code == 200
            with role(on_server, "web") as third:
                async with third.status_server(auth=None) as stranger:
                    replies = [await log_on(stranger, third, "wrong") for _ in range(6)]
                    assert [reply.status_code for reply in replies] == [403] * 5 + [429]
                async with other.status_server(auth=None) as stranger:
                    assert (await log_on(stranger, other)).status_code == 429
                async with third.status_server(auth=None) as client:
                    client.headers["cookie"] = there.headers["cookie"]
                    off = await client.post("/portal/logoff", data={"token": token_in(page)})
                    assert off.status_code == 303
            assert (await there.get("/portal/products")).status_code == 303


def test_a_start_sweeps_beside_others_at_work(tmp_path: Path) -> None:
    """Files of uploads that end just then keep no process from starting."""
    home, over = PortalHome(tmp_path / "home"), Event()
    home.prepare()
    (home.logs / ANY_APPLIANCE).mkdir()

    def work() -> None:
        while not over.is_set():
            for path in (home.incoming / "a.part", home.logs / ANY_APPLIANCE / "b.part"):
                path.touch()
                path.unlink()

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            for _ in range(2000):
                home.sweep(shared=True)
        finally:
            over.set()
        working.result()


def test_processes_that_start_at_once_make_one_first_account(
    postgresql: Postgres, postgresql_template: str, tmp_path: Path
) -> None:
    """Whoever of them was first: the password that is shown is the one that is let in."""
    home, engine = PortalHome(tmp_path / "home"), made_engine(postgresql.database(postgresql_template))
    home.prepare()
    together = Barrier(4)

    def starts() -> str:
        with engine.begin() as connection:
            together.wait(60)
            return first_account(connection, home, "appliance")

    with ThreadPoolExecutor(4) as pool:
        names = {made.result() for made in [pool.submit(starts) for _ in range(4)]}
    with engine.connect() as connection:
        (only,) = accounts.listed(connection)
        assert names == {only.name}
        secret = accounts.secret_of(connection, only.name)
    engine.dispose()
    assert secret is not None
    assert accounts.matches(secret, home.password_file_of("appliance").read_bytes())
