"""A portal's life: first start, restart on the same home, an orderly end, and what it finds after a crash."""

import asyncio
import json
import os
import resource
import signal
import socket
import sqlite3
import stat
from pathlib import Path

import asyncssh
import pytest
from cryptography import x509
from portals import OpenPortal, RunningPortal, batch, beat, command, kept_in, opened_portal, running, told
from sqlalchemy import text

from tm_tui.portal.database import opened
from tm_tui.portal.home import PortalHome


def rows(home: Path) -> list[tuple[object, ...]]:
    chosen = text("SELECT name, appliance, kind, events, first_seq, last_seq FROM batches")
    with opened(kept_in(home), reading=True) as connection:
        return [tuple(row) for row in connection.execute(chosen)]


def private_files(home: Path) -> dict[str, bytes]:
    """CA, keys and password."""
    files = (home / "ca.pem", home / "password", *(home / "keys").iterdir())
    return {path.name: path.read_bytes() for path in files}


def where(needle: bytes, home: Path) -> set[str]:
    """The files in which something stands."""
    return {path.name for path in home.rglob("*") if path.is_file() and needle in path.read_bytes()}


async def deliver(portal: OpenPortal, name: str, packed: bytes) -> int:
    async with portal.log_server() as client:
        return (await client.put(f"/logs/tm-lab-1/{name}", content=packed)).status_code


async def write(client: asyncssh.SFTPClient, path: str, content: bytes) -> None:
    async with client.open(path, "wb") as file:
        await file.write(content)


async def beat_status(portal: OpenPortal) -> int:
    async with portal.status_server() as client:
        return (await client.post("/v1/heartbeat", json=beat())).status_code


def test_ready_line_has_the_agreed_shape(home: Path) -> None:
    """Scripts find all they need in one JSON line, and only the owner can read the files."""
    with running(home) as portal:
        ready = portal.ready
        assert set(ready) == {
            *("ready", "log_server", "status_server", "ca_file", "ssh_host_key"),
            *("username", "password_file", "operator", "operator_password_file"),
        }
        assert ready["ready"] is True
        assert set(ready["log_server"]) == {"host", "https_port", "ssh_port"}
        assert set(ready["status_server"]) == {"host", "port"}
        assert ready["ssh_host_key"].startswith("SHA256:")
        assert len(portal.password) >= 20
        for path in (home, *home.rglob("*")):
            wanted = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == wanted, path
        assert portal.stop() == 0


async def test_ipv6_and_certificate(home: Path) -> None:
    """Appliances that know the portal by any IP address, as the on-premise edition does, can verify it."""
    with running(home, "--host", "::1", "--name", "192.0.2.7", "--name", "tmsp.example.com") as portal:
        assert portal.ready["status_server"]["host"] == "::1"
        async with portal.operators() as client:
            client.base_url = f"https://[::1]:{portal.ready['status_server']['port']}"
            assert (await client.get("/v1/products")).status_code == 200
        certificate = x509.load_pem_x509_certificate((home / "keys" / "server.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(one) for one in names.get_values_for_type(x509.IPAddress)} >= {
        "127.0.0.1",
        "::1",
        "192.0.2.7",
    }
    assert {*names.get_values_for_type(x509.DNSName)} >= {"localhost", "tmsp.example.com"}


async def test_restart_keeps_everything(home: Path) -> None:
    """After a power cut the same ports, CA, host key, account, products and batches are back."""
    name, packed = batch()
    with running(home) as portal:
        await portal.register()
        assert await deliver(portal, name, packed) == 201
        before, kept = portal.ready, private_files(portal.home)
        portal.stop(signal.SIGKILL)
    with running(home, *portal.ports) as portal:
        assert portal.ready == before
        assert private_files(portal.home) == kept
        assert await beat_status(portal) == 200
        assert await deliver(portal, name, packed) == 412
    assert [row[0] for row in rows(home)] == [name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_ends_it_with_clients_connected(home: Path, number: int) -> None:
    """An orderly end does not wait for idle, half-open or silent clients."""
    with running(home) as portal:
        await portal.register()
        port = portal.ready["status_server"]["port"]
        async with portal.operators() as idle, portal.ssh():
            assert (await idle.get("/v1/products")).status_code == 200
            with socket.create_connection(("127.0.0.1", port)):
                assert await asyncio.to_thread(portal.stop, number) == 0
        assert portal.logged()[-1]["event"] == "stopping"
        assert not any(line["event"] == "library" for line in portal.logged())


@pytest.mark.one_store("processes share a home where the database is on a server")
def test_second_portal_on_a_home_is_refused(portal: RunningPortal) -> None:
    """Two portals on one folder would damage it: the second says so and ends."""
    done = command("--home", str(portal.home))
    assert (done.returncode, done.stdout) == (1, "")
    assert "Another portal runs" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["--https-port", "--ssh-port", "--status-port"])
def test_taken_port_is_named(home: Path, option: str) -> None:
    """A port that somebody else has is named with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = told("--home", str(home), option, port)
    assert done.returncode == 1
    assert done.stderr.startswith("tm-tui portal: ")
    assert f"port {port}" in done.stderr


def test_wrong_use_is_told(home: Path) -> None:
    """No home, a foreign address, a home that others may write to: each is one clear sentence."""
    assert command().returncode == 2
    foreign = told("--home", str(home), "--host", "192.0.2.1")
    assert (foreign.returncode, "192.0.2.1" in foreign.stderr) == (1, True)
    home.chmod(0o777)
    loose = told("--home", str(home))
    assert (loose.returncode, "chmod 700" in loose.stderr) == (1, True)


@pytest.mark.one_store("a file of SQLite's is what is lost; buckets are in test_portal_bucket")
async def test_index_is_rebuilt_from_the_files(home: Path) -> None:
    """A lost or old index agrees with the files after the next start; damaged files are named."""
    name, packed = batch(first=7, count=3)
    async with opened_portal(home) as portal:
        await portal.register()
        assert await deliver(portal, name, packed) == 201
        expected = [(name, "tm-lab-1", "threat-event", 3, 7, 9)]
        assert rows(home) == expected
    folder = home / "logs" / "tm-lab-1"
    damaged = batch(first=50)[0]
    (folder / damaged).write_bytes(b"rotten")
    (folder / "notes.txt").write_text("an operator's own file")
    (folder / batch(first=60)[0]).symlink_to(folder / name)
    with sqlite3.connect(home / "portal.sqlite3") as connection:
        connection.execute("UPDATE batches SET name = 'gone.ndjson.zst'")
    connection.close()
    async with opened_portal(home) as portal:
        assert rows(home) == expected
        assert [line for line in portal.logged() if line["event"] == "ready"][-1][
            "index_entries_changed"
        ] == 2
        problems = {
            line["path"] for line in portal.logged() if line["event"] in {"damaged-batch", "no-batch"}
        }
    assert problems == {f"logs/tm-lab-1/{damaged}", f"logs/tm-lab-1/{batch(first=60)[0]}"}
    assert (folder / "notes.txt").exists()


@pytest.mark.one_store("with a database on a server other processes may be at work in incoming/")
async def test_abandoned_uploads_are_swept(home: Path) -> None:
    """What dead uploads left is removed: over SSL at the next start, over SSH after a week."""
    PortalHome(home).prepare()
    folder = home / "logs" / "tm-lab-1"
    folder.mkdir(mode=0o700)
    fresh, old = (folder / f"{batch(first=first)[0]}.part" for first in (1, 2))
    for path in (fresh, old, home / "incoming" / "x.part"):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    async with opened_portal(home):
        assert (fresh.exists(), old.exists()) == (True, False)
        assert not list((home / "incoming").iterdir())


async def test_account_commands_work_beside_it(home: Path) -> None:
    """Accounts change while the portal runs: new ones get in, old passwords and removed ones do not."""
    async with opened_portal(home) as portal:
        first = portal.credentials
        added = command("account", "add", "second", "--home", str(home), stdin="pä:ss wörd \n")
        assert (added.returncode, added.stderr) == (0, "")
        async with portal.status_server(auth=httpx_auth("second", "pä:ss wörd ")) as client:
            assert (await client.get("/v1/cases")).status_code == 200
            assert portal.command("account", "password", "second", stdin="other\n").returncode == 0
            assert (await client.get("/v1/cases")).status_code == 401
        listed = json.loads(portal.command("account", "list", "--json").stdout)["accounts"]
        assert [one["name"] for one in listed] == ["registering-user", "second"]
        assert portal.command("account", "remove", "registering-user").returncode == 0
        async with portal.status_server(auth=first) as client:
            assert (await client.get("/v1/cases")).status_code == 401
    async with opened_portal(home) as portal:
        assert (portal.ready["username"], portal.ready["password_file"]) == ("second", None)


def httpx_auth(name: str, password: str) -> tuple[bytes, bytes]:
    return name.encode(), password.encode()


@pytest.mark.one_store("a command's words are refused before a store is asked")
def test_account_commands_refuse(portal: RunningPortal, home: Path) -> None:
    """Wrong names and passwords, and a home without a portal, are told in a sentence with exit code 1."""
    absent = command("account", "list", "--home", str(home))
    assert (absent.returncode, absent.stdout, "no portal" in absent.stderr) == (1, "", True)
    for words, stdin in (
        (("account", "add", "registering-user"), "x\n"),
        (("account", "add", "a:b"), "x\n"),
        (("account", "add", "empty"), "\n"),
        (("account", "add", "long"), "x" * 1025 + "\n"),
        (("account", "password", "nobody"), "x\n"),
        (("account", "remove", "nobody"), ""),
        (("products", "remove", "tm-nobody"), ""),
    ):
        done = portal.command(*words, stdin=stdin)
        assert (done.returncode, done.stdout) == (1, ""), words
        assert done.stderr.startswith("tm-tui portal: ")
        assert done.stderr.count("\n") == 1


async def test_products_commands(home: Path) -> None:
    """The operator sees an appliance with its last beat, removes it, and its next beat learns that."""
    async with opened_portal(home) as portal:
        assert "No appliance" in portal.command("products", "list").stdout
        await portal.register()
        assert "no beat yet" in portal.command("products", "list").stdout
        assert await beat_status(portal) == 200
        shown = portal.command("products", "list").stdout
        assert "tm-lab-1  connected  last beat" in shown
        found = json.loads(portal.command("products", "list", "--json").stdout)["products"]
        assert {"appliance", "edition", "version", "email", "registered_at", "last_beat_at"} <= set(found[0])
        assert {"last_beat_age_seconds", "missed_beats", "state"} <= set(found[0])
        assert portal.command("products", "remove", "tm-lab-1").returncode == 0
        assert "by command line (" in portal.command("products", "removed").stdout
        assert await beat_status(portal) == 410


@pytest.mark.one_store("it reads all files of a home, the database among them")
async def test_password_is_in_its_file_only(portal: RunningPortal) -> None:
    """The account's password stands in the operator's file only: in no other file, log or process list."""
    await portal.register()
    async with portal.sftp():
        pass
    password = portal.password.encode()
    assert where(password, portal.home) == {"password"}
    assert where(portal.operator[1].encode(), portal.home) == {"operator-password"}
    assert password not in portal.log_file.read_bytes()
    assert password not in json.dumps(portal.ready).encode()
    assert password.decode() not in command_line(portal.process.pid)


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


@pytest.mark.one_store("it is refused before a store is asked")
def test_password_that_ssh_would_change_is_refused(portal: RunningPortal) -> None:
    """An account works over SSL and SSH alike: what SSH servers normalise cannot be a password."""
    for password in ("no\u00a0break", "e\u0301", "soft\u00adhyphen", "tab\t"):
        done = portal.command("account", "add", "second", stdin=f"{password}\n")
        assert (done.returncode, "RFC 4013" in done.stderr) == (1, True)


async def test_last_reader_of_the_log_may_die(home: Path) -> None:
    """A portal whose log goes into a pipe that nobody reads any more goes on serving."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as log, running(home, log=log) as portal:
        os.close(reading)
        await portal.register()
        assert await beat_status(portal) == 200


@pytest.mark.one_store("a database on a server has a disk of its own: see test_portal_away")
async def test_full_disk_is_told_and_survived(home: Path) -> None:
    """A portal that cannot write says so to each sender, keeps nothing half, and takes all of it later."""
    name, packed = batch(count=50_000)
    assert len(packed) > 8192
    with running(home) as portal:
        await portal.register()
        before = resource.prlimit(portal.process.pid, resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
        assert await deliver(portal, name, packed) == 507
        async with portal.sftp() as client:
            await client.makedirs("logs/tm-lab-1", exist_ok=True)
            with pytest.raises(asyncssh.SFTPFailure):
                await write(client, f"logs/tm-lab-1/{name}.part", packed)
        assert await beat_status(portal) == 507
        resource.prlimit(portal.process.pid, resource.RLIMIT_FSIZE, before)
        assert not list((home / "incoming").glob("*"))
        assert await deliver(portal, name, packed) == 201
        assert await beat_status(portal) == 200
