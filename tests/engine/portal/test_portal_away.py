"""The database goes away, or the disk is full: each request is refused in words, and nothing is lost."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import httpx
import psycopg
import pytest
from portals import (
    ANY_APPLIANCE,
    PATIENCE,
    RunningPortal,
    batch,
    beat,
    ndjson,
    registration,
    running,
    sealed,
    threat_event,
    with_settings,
)
from sqlalchemy.exc import DBAPIError
from test_portal_cases import VERSION, created, metadata, offset, patch
from test_portal_pages import log_on

from servers.postgres import Postgres, postgres
from servers.process import folder
from tm_tui.portal.engines import refused

pytestmark = pytest.mark.one_store("each test says where its portal keeps things")

FOLDER = f"logs/{ANY_APPLIANCE}"


@pytest.fixture(scope="module")
def mortal() -> Iterator[Postgres]:
    """A PostgreSQL that these tests may end."""
    with postgres() as server:
        server.run("ALTER ROLE tmsp SET synchronous_commit = on")  # a commit outlives the server's death
        yield server


@contextlib.asynccontextmanager
async def clients(portal: RunningPortal) -> AsyncIterator[dict[str, Any]]:
    """One who is logged on, for each way in."""
    async with (
        portal.status_server() as status,
        portal.log_server() as log,
        portal.operators() as operator,
        portal.status_server(auth=None) as browser,
        portal.sftp() as sftp,
    ):
        assert (await log_on(browser, portal)).status_code == 303
        assert (await operator.get("/v1/endpoints")).status_code == 200  # a log-on is counted, on the disk
        await sftp.makedirs(FOLDER, exist_ok=True)
        yield {"status": status, "log": log, "operator": operator, "browser": browser, "sftp": sftp}


async def every_kind(
    open_: dict[str, Any], location: str, *, at_once: bool = False
) -> dict[str, httpx.Response]:
    """One request of each kind, one after the other or all at once; a few bytes of a case are among them."""
    name, packed = batch(first=900)
    announced = {**VERSION, "Upload-Length": "3", "Upload-Metadata": metadata(key="another-case")}
    status, operator, browser = open_["status"], open_["operator"], open_["browser"]
    asked = {
        "registration": status.post("/v1/registration", json=registration("tm-new")),
        "beat": status.post("/v1/heartbeat", json=beat()),
        "put": open_["log"].put(f"/{FOLDER}/{name}", content=packed),
        "new case": status.post("/v1/cases/", headers=announced),
        "patch": patch(status, location, 3, b"def"),
        "cases": status.get("/v1/cases"),
        "reports": status.get(f"/v1/reports?appliance={ANY_APPLIANCE}"),
        "patterns": status.get("/v1/patterns/metadata/timestamp.json"),
        "endpoints": operator.get("/v1/endpoints"),
        "page": browser.get("/portal/products"),
        "other page": browser.get("/portal/reports"),
    }
    if at_once:
        return dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
    return {kind: await reply for kind, reply in asked.items()}


async def put_over_ssh(sftp: asyncssh.SFTPClient, first: int) -> None:
    name, packed = batch(first=first)
    async with sftp.open(f"{FOLDER}/{name}.part", "wb") as file:
        await file.write(packed)
    await sftp.posix_rename(f"{FOLDER}/{name}.part", f"{FOLDER}/{name}")


async def endpoints(client: httpx.AsyncClient) -> set[str]:
    return {one["hostname"] for one in (await client.get("/v1/endpoints")).json()["endpoints"]}


def words(reply: httpx.Response) -> str:
    if reply.headers["content-type"].startswith("text/html"):
        return reply.text
    error = reply.json()["error"]
    return f"{error['code']}: {error['cause']} {error['remedy']}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
async def test_a_database_that_goes_away_comes_back(home: Path, mortal: Postgres, number: int) -> None:
    """Stopped, or killed: 503 and when to try again, over SSH the words; then all of it comes."""
    with_settings(home, f'database = "{mortal.database()}"\n')
    name, packed = sealed(ndjson(threat_event(1, "before", "unsuccessful")))
    second, more = sealed(ndjson(threat_event(2, "after", "unsuccessful")), first=2)
    with running(home) as portal:
        await portal.register()
        async with clients(portal) as open_:
            assert (await open_["log"].put(f"/{FOLDER}/{name}", content=packed)).status_code == 201
            location = await created(open_["status"], 6)
            assert (await patch(open_["status"], location, 0, b"abc")).status_code == 204
            part = await open_["sftp"].open(f"{FOLDER}/{second}.part", "wb")
            await asyncio.to_thread(mortal.stop, number)
            for kind, reply in (await every_kind(open_, location)).items():
                assert reply.status_code == 503, (kind, reply.text)
                assert reply.headers["retry-after"] == "5", kind
                assert "database cannot be used" in words(reply), kind
            await part.write(more)  # it needs none
            await part.close()
            with pytest.raises(asyncssh.SFTPFailure, match=r"database cannot be used.*Try again in a moment"):
                await open_["sftp"].posix_rename(f"{FOLDER}/{second}.part", f"{FOLDER}/{second}")
            with pytest.raises(asyncssh.SFTPFailure, match="database cannot be used"):
                await put_over_ssh(open_["sftp"], 700)
            with pytest.raises(asyncssh.DisconnectError, match="database cannot be used"):
                async with portal.ssh():
                    pass
            mortal.start()  # in this thread: the kernel ends it with the one that started it
            for kind, reply in (await every_kind(open_, location)).items():
                assert reply.status_code in {200, 201, 204}, (kind, reply.text)
            assert await offset(open_["status"], location) == 6
            await open_["sftp"].posix_rename(f"{FOLDER}/{second}.part", f"{FOLDER}/{second}")
            await put_over_ssh(open_["sftp"], 700)
            case = await open_["operator"].get("/v1/cases/C-000001/file")
            assert case.content == b"abcdef"
            async with asyncio.timeout(60):
                while {"before", "after"} - await endpoints(open_["operator"]):
                    continue
        events = {line["event"] for line in portal.logged()}
        assert not events & {"job-failed", "library"}


LONGEST = 25.0
"""Seconds after which a request ends, whatever is frozen (docs/fleet.md)."""


async def test_a_frozen_database_ends_each_request_in_time(home: Path, mortal: Postgres) -> None:
    """Sockets open, nobody answers: 503 within 25 s, in words over SSH too; all of it comes once it goes on.

    Longer than 5 s: it waits for the limits.
    """
    with_settings(home, f'database = "{mortal.database()}"\n')
    name, packed = sealed(ndjson(threat_event(1, "before", "unsuccessful")))
    with running(home) as portal:
        await portal.register()
        async with clients(portal) as open_:
            location = await created(open_["status"], 6)
            assert (await patch(open_["status"], location, 0, b"abc")).status_code == 204
            mortal.freeze()
            try:
                async with asyncio.timeout(LONGEST + PATIENCE):
                    for kind, reply in (await every_kind(open_, location, at_once=True)).items():
                        assert reply.status_code == 503, (kind, reply.text)
                        assert reply.headers["retry-after"] == "5", kind
                        assert "database cannot be used" in words(reply), kind
                    with pytest.raises(asyncssh.SFTPFailure, match="database cannot be used"):
                        await put_over_ssh(open_["sftp"], 700)
                    with pytest.raises(asyncssh.DisconnectError, match="database cannot be used"):
                        async with portal.ssh():
                            pass
            finally:
                mortal.thaw()
            took = [line["ms"] for line in portal.logged() if line["event"] == "refused" and "ms" in line]
            assert max(took) < LONGEST * 1000
            await answered_again(open_, location)
            assert (await open_["log"].put(f"/{FOLDER}/{name}", content=packed)).status_code == 201
            await put_over_ssh(open_["sftp"], 700)
            async with asyncio.timeout(60):
                while "before" not in await endpoints(open_["operator"]):
                    continue
        assert not {line["event"] for line in portal.logged()} & {"job-failed", "library"}


async def answered_again(open_: dict[str, Any], location: str) -> None:
    """Wait until each kind of request is answered."""
    async with asyncio.timeout(60):
        while True:
            found = {kind: reply.status_code for kind, reply in (await every_kind(open_, location)).items()}
            if not set(found.values()) - {200, 201, 204, 409, 412}:  # what came before counted all the same
                return
            assert set(found.values()) <= {200, 201, 204, 409, 412, 503}, found


async def test_a_database_that_only_reads_or_lets_nobody_in(home: Path, mortal: Postgres) -> None:
    """A standby, and one with too many connections, are told as such (503), until that is over."""
    mortal.run("CREATE ROLE guest LOGIN")
    url = mortal.database()
    name = url.partition("@/")[2].partition("?")[0]
    mortal.run(f"ALTER DATABASE {name} OWNER TO guest")
    with_settings(home, f'database = "{url.replace("tmsp@", "guest@")}"\n')

    def now(statement: str) -> None:
        mortal.run(statement)
        mortal.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    with running(home) as portal:
        await portal.register()
        async with portal.status_server() as client:
            for before, after, said, reading in (
                (
                    f"ALTER DATABASE {name} SET default_transaction_read_only = on",
                    f"ALTER DATABASE {name} RESET default_transaction_read_only",
                    "read-only transaction",
                    200,
                ),
                (
                    "ALTER ROLE guest CONNECTION LIMIT 0",
                    "ALTER ROLE guest CONNECTION LIMIT -1",
                    "too many connections",
                    503,
                ),
            ):
                now(before)
                reply = await client.post("/v1/heartbeat", json=beat())
                assert (reply.status_code, reply.headers.get("retry-after")) == (503, "5"), reply.text
                assert said in words(reply)
                assert (await client.get("/v1/cases")).status_code == reading
                now(after)
                assert (await client.post("/v1/heartbeat", json=beat())).status_code == 200


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("53100", 507),
        ("58030", 507),
        ("53200", 503),
        ("53300", 503),
        ("57P01", 503),
        ("57P03", 503),
        ("57014", 503),
        ("55P03", 503),
        ("40001", 503),
        ("40P01", 503),
        ("25006", 503),
        ("25P03", 503),
        ("08006", 503),
        ("23505", 500),
        ("XX001", 500),
    ],
)
def test_each_state_of_a_database_has_its_answer(state: str, status: int) -> None:
    """What a repeat may not meet is 503 with Retry-After; no room is 507; a bug or damage is 500."""
    original = psycopg.errors.lookup(state)("said by the server")
    found = refused(DBAPIError.instance("", {}, original, psycopg.Error))  # type: ignore[arg-type]
    assert (found.status, found.retry_after) == (status, 5 if status == 503 else None)
    assert "said by the server" in found.cause


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk of 40 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    with folder("disk") as path:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m,mode=700", "tmpfs", str(path)], check=True)
        try:
            yield path
        finally:
            subprocess.run(["umount", "-l", str(path)], check=True)


def filled(disk: Path) -> Path:
    """Take all the room there is."""
    ballast = disk / "ballast"
    for size in (65536, 512):
        with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(size))
    return ballast


READS = {"cases", "reports", "patterns", "endpoints", "page", "other page"}


async def test_a_full_disk_is_refused_in_words_until_there_is_room(disk: Path) -> None:
    """What would have to be kept is refused (507), what is only read is shown; with room all of it comes."""
    name, packed = sealed(ndjson(*(threat_event(seq, f"pc-{seq}", "unsuccessful") for seq in range(1, 40))))
    with running(disk / "home") as portal:
        await portal.register()
        async with clients(portal) as open_:
            location = await created(open_["status"], 6)
            assert (await patch(open_["status"], location, 0, b"abc")).status_code == 204
            ballast = await asyncio.to_thread(filled, disk)
            for kind, reply in (await every_kind(open_, location)).items():
                assert reply.status_code == (200 if kind in READS else 507), (kind, reply.text)
                assert kind in READS or "disk-full: " in words(reply), kind
            assert (await open_["log"].put(f"/{FOLDER}/{name}", content=packed)).status_code == 507
            with pytest.raises(asyncssh.SFTPFailure, match=r"(?i)disk is full|no space"):
                await put_over_ssh(open_["sftp"], 700)
            ballast.unlink()
            for kind, reply in (await every_kind(open_, location)).items():
                assert reply.status_code in {200, 201, 204}, (kind, reply.text)
            assert (await open_["log"].put(f"/{FOLDER}/{name}", content=packed)).status_code == 201
            await put_over_ssh(open_["sftp"], 700)
            case = await open_["operator"].get("/v1/cases/C-000001/file")
            assert case.content == b"abcdef"
            async with asyncio.timeout(60):
                while "pc-39" not in await endpoints(open_["operator"]):
                    continue
        assert "job-failed" not in {line["event"] for line in portal.logged()}


async def test_a_full_disk_of_the_database_server_is_refused_in_words(
    home: Path, mortal: Postgres, disk: Path
) -> None:
    """What needs room there is 507 (disk-full), what is only read is shown; with room the batch is taken."""
    place = for_postgresql(disk)
    mortal.run(f"CREATE TABLESPACE small LOCATION '{place}'")
    url = mortal.database()
    name_of = url.partition("@/")[2].partition("?")[0]
    try:
        mortal.run(f"ALTER DATABASE {name_of} SET TABLESPACE small")
        with running(with_settings(home, f'database = "{url}"\n')) as portal:
            await portal.register()
            async with portal.log_server() as log, portal.status_server() as status:
                with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
                    ballast = await asyncio.to_thread(filled, disk)
                    with pytest.raises(psycopg.errors.DiskFull):  # what is left in its last pages
                        fill_pages(connection)
                name, packed = batch(first=900)
                reply = await log.put(f"/{FOLDER}/{name}", content=packed)
                assert (reply.status_code, reply.json()["error"]["code"]) == (507, "disk-full"), reply.text
                assert (await status.get("/v1/cases")).status_code == 200
                ballast.unlink()
                assert (await log.put(f"/{FOLDER}/{name}", content=packed)).status_code == 412
    finally:
        mortal.run(f"DROP DATABASE {name_of} WITH (FORCE)")
        mortal.run("DROP TABLESPACE small")


def for_postgresql(disk: Path) -> Path:
    """A folder on it that is the server's."""
    disk.chmod(0o755)
    place = disk / "tables"
    place.mkdir()
    shutil.chown(place, "postgres", "postgres")
    return place


def fill_pages(connection: psycopg.Connection[Any]) -> None:
    """Enter batches until there is no room for one more."""
    row = "INSERT INTO batches (name, appliance, kind, events, bytes, received_at)"
    row += " VALUES (%s, 'x', 'y', 0, 0, 0)"
    for number in range(100_000):
        connection.execute(row, (f"{number:064d}",))
