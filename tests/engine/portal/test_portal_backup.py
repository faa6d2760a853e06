"""A backup taken while a portal works, restored elsewhere, changed and cut; blobs brought to a bucket."""

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from portals import ANY_APPLIANCE, OpenPortal, batch, opened_portal, told, with_settings
from test_portal_cases import checksum, created, offset, patch

from servers.buckets import KEYS, Buckets
from tm_tui.portal.backup.making import make_backup
from tm_tui.portal.blobs.files import FileBlobs
from tm_tui.portal.blobs.store import Blob
from tm_tui.portal.home import PortalHome

pytestmark = pytest.mark.one_store("a backup holds a file of SQLite's; a server's is backed up there")

FILE = "case-of-the-backup"


async def put(portal: OpenPortal, first: int) -> int:
    name, packed = batch(first=first)
    async with portal.log_server() as client:
        return (await client.put(f"/logs/{ANY_APPLIANCE}/{name}", content=packed)).status_code


@pytest.fixture
async def kept(home: Path, blobs_setting: str, tmp_path: Path) -> AsyncIterator[tuple[OpenPortal, Path]]:
    """A portal with a batch, a case and half of another one; and its backup. It goes on meanwhile."""
    async with opened_portal(with_settings(home, blobs_setting)) as portal:
        await portal.register()
        assert await put(portal, 1) == 201
        async with portal.status_server() as client:
            await patch(client, await created(client, 3, key="whole-000"), 0, b"abc")
            await patch(client, await created(client, 6, key="half-0000"), 0, b"abc", **checksum(b"abc"))
        target = tmp_path / "backup"
        backing = asyncio.to_thread(portal.command, "backup", str(target), "--json")
        done, delivered = await asyncio.gather(backing, put(portal, 100))
        assert (done.returncode, delivered) == (0, 201), done.stderr
        assert json.loads(done.stdout)["blobs"] >= 2
        yield portal, target


async def test_a_restored_portal_goes_on(kept: tuple[OpenPortal, Path], tmp_path: Path) -> None:
    """Account, product, batch, case are there, the half case begins anew; a used home stays as it is."""
    portal, target = kept
    credentials, ca, key = portal.credentials, portal.ready["ca_file"], portal.ready["ssh_host_key"]
    assert {path.stat().st_mode & 0o077 for path in (target, *target.rglob("*"))} == {0}
    assert told("restore", str(target), "--home", str(portal.home)).returncode == 1
    elsewhere = tmp_path / "elsewhere" / "home"
    done = await asyncio.to_thread(told, "restore", str(target), "--home", str(elsewhere))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in elsewhere.parent.iterdir()] == ["home"]
    async with opened_portal(elsewhere) as second:
        assert (second.credentials, second.ready["ssh_host_key"]) == (credentials, key)
        assert Path(second.ready["ca_file"]).read_bytes() == Path(ca).read_bytes()  # noqa: ASYNC240
        assert await put(second, 1) == 412
        async with second.status_server() as client:
            assert (await client.get("/v1/cases/C-000001/file", auth=second.operator)).content == b"abc"
            half = await created(client, 6, key="half-0000")
            assert await offset(client, half) == 3
            there = await patch(client, half, 3, b"def", **checksum(b"def"))
            if there.status_code == 404:  # files: what was on its way is in no backup
                half = await created(client, 6, key="half-0000")
                there = await patch(client, half, 0, b"abcdef", **checksum(b"abcdef"))
            assert there.status_code == 204
            assert (await client.get("/v1/cases/C-000002/file", auth=second.operator)).content == b"abcdef"


async def test_a_changed_backup_is_refused(kept: tuple[OpenPortal, Path], tmp_path: Path) -> None:
    """Whichever file is missing, shorter or other: it is named, and nothing is made."""
    _, target = kept
    elsewhere = tmp_path / "elsewhere"
    for number, path in enumerate(sorted(one for one in target.rglob("*") if one.is_file())):
        content = path.read_bytes()
        changed = (None, content[:-1], content + b"\n{}")[number % 3]
        path.unlink()
        if changed is not None:
            path.write_bytes(changed)
        done = told("restore", str(target), "--home", str(elsewhere))
        assert done.returncode == 1, (path, changed)
        assert not elsewhere.exists()
        path.write_bytes(content)
    assert told("restore", str(target), "--home", str(elsewhere)).returncode == 0


def test_what_is_no_backup_is_refused(home: Path, tmp_path: Path) -> None:
    """An empty folder, none at all, a manifest that leads elsewhere; and a backup over another one."""
    (tmp_path / "empty").mkdir()
    for name in ("empty", "absent"):
        done = told("restore", str(tmp_path / name), "--home", str(home))
        assert "is no whole backup" in done.stderr
    digest = hashlib.sha256(b"").hexdigest()
    for name in ("home/../../stolen", "/etc/passwd", "home/a\0b"):
        manifest = {
            "form": 1,
            "version": "1",
            "made_at": "2026-01-01T00:00:00Z",
            "blobs": None,
            "files": [{"name": name, "size": 0, "sha256": digest}],
        }
        (tmp_path / "empty" / "backup.json").write_text(json.dumps(manifest))
        assert "is no backup" in told("restore", str(tmp_path / "empty"), "--home", str(home)).stderr
    assert not home.exists()
    done = told("backup", str(tmp_path / "new"), "--home", str(home))
    assert "There is no portal" in done.stderr
    assert not (tmp_path / "new").exists()


async def test_a_backup_never_replaces_another(home: Path, tmp_path: Path) -> None:
    """A folder that holds anything stays as it is."""
    async with opened_portal(home) as portal:
        (tmp_path / "backup").mkdir()
        (tmp_path / "backup" / FILE).touch()
        done = await asyncio.to_thread(portal.command, "backup", str(tmp_path / "backup"))
    assert (done.returncode, "is not empty" in done.stderr) == (1, True)
    assert [path.name for path in (tmp_path / "backup").iterdir()] == [FILE]


async def test_blobs_move_to_a_bucket(
    home: Path, tmp_path: Path, bucket_server: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copied while the portal runs, again with what came since, verified; then the portal goes on there."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    address = bucket_server.new()
    async with opened_portal(home) as portal:
        await portal.register()
        assert await put(portal, 1) == 201
        async with portal.status_server() as client:
            await patch(client, await created(client, 3), 0, b"abc")
        first = await asyncio.to_thread(portal.command, "blobs", "copy", "--to", address, "--json")
        assert json.loads(first.stdout)["copied"] == 2
        assert await put(portal, 50) == 201
    again = told("blobs", "copy", "--to", address, "--verify", "--json", "--home", str(home))
    assert {**json.loads(again.stdout), "bytes": 0} == {"copied": 1, "bytes": 0, "there": 2}
    for name in ("logs", "cases"):
        shutil.rmtree(home / name)
    async with opened_portal(with_settings(home, f'blobs = "{address}"\n')) as portal:
        assert [await put(portal, first) for first in (1, 50, 90)] == [412, 412, 201]
        async with portal.operators() as client:
            assert (await client.get("/v1/cases/C-000001/file")).content == b"abc"
    back = told("blobs", "copy", "--to", f"file:{tmp_path}/back", "--verify", "--home", str(home))
    assert back.stdout.startswith("4 copied")
    assert (tmp_path / "back" / "cases" / "C-000001.tar.zst").read_bytes() == b"abc"
    (tmp_path / "back" / "cases" / "C-000001.tar.zst").write_bytes(b"abd")
    back = told("blobs", "copy", "--to", f"file:{tmp_path}/back", "--verify", "--home", str(home))
    assert (back.returncode, "is another file there" in back.stderr) == (1, True)


async def test_lost_bytes_of_an_upload_are_no_case(home: Path, blobs_setting: str) -> None:
    """Where a disk forgot what had arrived, the appliance begins anew: no case is made with a hole."""
    async with opened_portal(with_settings(home, blobs_setting)) as portal:
        await portal.register()
        async with portal.status_server() as client:
            location = await created(client, 6)
            await patch(client, location, 0, b"abc")
            for path in (home / "cases").iterdir():
                path.unlink()
            for blob in portal.blobs.list("cases/"):
                portal.blobs.delete(blob.name)
            assert (await patch(client, location, 3, b"def")).status_code in {404, 422}
            assert (await client.get("/v1/cases")).json()["cases"] == []
            location = await created(client, 6)
            assert (await patch(client, location, 0, b"abcdef")).status_code == 204
    with sqlite3.connect(home / "portal.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM cases").fetchone() == (1,)
    connection.close()
    assert os.listdir(home / "incoming") == []  # noqa: PTH208


class SweptMeanwhile(FileBlobs):
    """A store whose portal sweeps just when its batches are listed."""

    def __init__(self, root: Path, sweep: Callable[[], object]) -> None:
        super().__init__(root)
        self._sweep = sweep

    def list(self, prefix: str) -> Iterator[Blob]:
        self._sweep()
        return super().list(prefix)


async def test_a_backup_amid_a_sweep_forgets_no_batch(home: Path, tmp_path: Path) -> None:
    """What was swept after the database was copied is known as swept: it is never taken anew."""
    with_settings(home, "[retention]\nbatches = 1\ncases = 1\n")
    async with opened_portal(home) as portal:
        await portal.register()
        assert await put(portal, 1) == 201
        async with portal.status_server() as client:
            await patch(client, await created(client, 3, key="whole-000"), 0, b"abc")
            assert (await client.get("/v1/cases/C-000001/file", auth=portal.operator)).status_code == 200
    with closing(sqlite3.connect(home / "portal.sqlite3")) as connection:
        connection.execute("UPDATE batches SET received_at = 1")
        connection.execute("UPDATE cases SET updated_at = 1")
        connection.execute("DELETE FROM jobs WHERE kind = 'read'")
        connection.commit()
    swept = []
    blobs = SweptMeanwhile(
        home, lambda: swept.append(told("retention", "apply", "--home", str(home)).returncode)
    )
    target, restored = tmp_path / "backup", tmp_path / "restored"
    made = make_backup(PortalHome(home), home / "portal.sqlite3", blobs, target, datetime.now(UTC))
    assert (swept, made.blobs) == ([0, 0], 0)
    done = told("restore", str(target), "--home", str(restored))
    assert done.returncode == 0, done.stderr
    async with opened_portal(restored) as portal:
        assert await put(portal, 1) == 412
        async with portal.operators() as client:
            gone = await client.get("/v1/cases/C-000001/file")
            assert (gone.status_code, "its time was over" in gone.text) == (404, True)
        assert list(portal.blobs.list("logs/")) == []
