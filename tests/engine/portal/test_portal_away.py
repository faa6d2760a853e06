"""The database goes away, or the disk is full: each request is refused in words, and nothing is lost."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import httpx
import pytest
from portals import (
    ANY_APPLIANCE,
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
from test_portal_cases import VERSION, created, metadata, offset, patch
from test_portal_pages import log_on

from servers.postgres import Postgres, postgres
from servers.process import folder

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
        await sftp.makedirs(FOLDER, exist_ok=True)
        yield {"status": status, "log": log, "operator": operator, "browser": browser, "sftp": sftp}


async def every_kind(open_: dict[str, Any], location: str) -> dict[str, httpx.Response]:
    """One request of each kind; a few bytes of a case are among them."""
    name, packed = batch(first=900)
    announced = {**VERSION, "Upload-Length": "3", "Upload-Metadata": metadata(key="another-case")}
    status, operator, browser = open_["status"], open_["operator"], open_["browser"]
    return {
        "registration": await status.post("/v1/registration", json=registration("tm-new")),
        "beat": await status.post("/v1/heartbeat", json=beat()),
        "put": await open_["log"].put(f"/{FOLDER}/{name}", content=packed),
        "new case": await status.post("/v1/cases/", headers=announced),
        "patch": await patch(status, location, 3, b"def"),
        "cases": await status.get("/v1/cases"),
        "reports": await status.get(f"/v1/reports?appliance={ANY_APPLIANCE}"),
        "patterns": await status.get("/v1/patterns/metadata/timestamp.json"),
        "endpoints": await operator.get("/v1/endpoints"),
        "page": await browser.get("/portal/products"),
        "other page": await browser.get("/portal/reports"),
    }


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
