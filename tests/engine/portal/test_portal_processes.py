"""The roles in processes of their own, on one home and PostgreSQL: each may die, and nothing is lost."""

import asyncio
import contextlib
import signal
from pathlib import Path

import pytest
from portals import (
    ANY_APPLIANCE,
    RunningPortal,
    batch,
    beat,
    ndjson,
    running,
    sealed,
    threat_event,
    told,
    with_settings,
)
from test_portal_cases import created, patch

from servers.postgres import Postgres
from tm_tui.portal.blobs.address import blobs_at

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
        (on_server / "left").write_bytes(packed)
        blobs_at("file:.", on_server).put(f"{FOLDER}/{name}", on_server / "left")
        async with web.log_server() as client:
            assert (await client.put(f"/{FOLDER}/{name}", content=packed)).status_code == 412
        assert [line["batch"] for line in web.logged() if line["event"] == "entered-late"] == [name]


def test_roles_apart_need_a_database_that_all_reach(home: Path) -> None:
    """On a file of SQLite's two processes would not know of each other."""
    done = told("serve", "--role", "web", "--home", str(home))
    assert (done.returncode, "need a database that all of them reach" in done.stderr) == (1, True)
