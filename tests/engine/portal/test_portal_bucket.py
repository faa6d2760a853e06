"""A portal whose batches lie in a bucket answers as one with files, over HTTPS and SSH, and after a loss."""

import hashlib
from pathlib import Path

import asyncssh
import pytest
from portals import (
    ANY_APPLIANCE,
    OpenPortal,
    batch,
    ndjson,
    opened_portal,
    sealed,
    threat_event,
    with_settings,
)

from tm_tui.portal.blobs.address import blobs_at
from tm_tui.portal.case_parts import case_bytes
from tm_tui.portal.cases import Case

FOLDER = f"logs/{ANY_APPLIANCE}"


async def put(portal: OpenPortal, name: str, packed: bytes) -> int:
    async with portal.log_server() as client:
        return (await client.put(f"/{FOLDER}/{name}", content=packed)).status_code


async def test_batches_arrive_once_over_both_ways(any_home: Path) -> None:
    """201, then 412, 409 for other bytes; over SSH the same batch is a success, and the folder lists it."""
    name, packed = batch()
    second, more = batch(first=10)
    async with opened_portal(any_home) as portal:
        await portal.register()
        assert [
            await put(portal, name, content) for content in (packed, packed, packed + b"x", packed[:-1])
        ] == [
            *(201, 412, 409, 409),
        ]
        async with portal.sftp() as client:
            await client.makedirs(FOLDER, exist_ok=True)
            for one, content in ((name, packed), (second, more)):
                async with client.open(f"{FOLDER}/{one}.part", "wb") as file:
                    await file.write(content)
                await client.posix_rename(f"{FOLDER}/{one}.part", f"{FOLDER}/{one}")
            assert await client.listdir(FOLDER) == [".", "..", name, second]
            assert (await client.stat(f"{FOLDER}/{second}")).size == len(more)
            with pytest.raises(asyncssh.SFTPNoSuchFile):
                await client.stat(f"{FOLDER}/{batch(first=99)[0]}")
            async with client.open(f"{FOLDER}/{second}.part", "wb") as file:
                await file.write(more + b"x")
            with pytest.raises(asyncssh.SFTPFailure, match="A different file lies under the name"):
                await client.posix_rename(f"{FOLDER}/{second}.part", f"{FOLDER}/{second}")
        found = {blob.name: blob.size for blob in portal.blobs.list("logs/")}
        assert found == {f"{FOLDER}/{name}": len(packed), f"{FOLDER}/{second}": len(more)}
        assert list((any_home / "incoming").iterdir()) == []


@pytest.mark.one_store("a file of SQLite's is what is lost; the stores of blobs are its own")
async def test_a_lost_database_is_made_of_the_batches(home: Path, blobs_setting: str) -> None:
    """The index comes back from the store, and what its events say; what is no batch is named."""
    name, packed = sealed(ndjson(threat_event(1, status="needs-fix")))
    async with opened_portal(with_settings(home, blobs_setting)) as portal:
        await portal.register()
        assert await put(portal, name, packed) == 201
        wrong = home / "wrong"
        wrong.write_bytes(b"no batch")
        portal.blobs.put(f"{FOLDER}/{batch(first=50)[0]}", wrong)
    for ending in ("", "-wal", "-shm"):
        (home / f"portal.sqlite3{ending}").unlink(missing_ok=True)
    async with opened_portal(home) as portal:
        (ready,) = [line for line in portal.logged()[-3:] if line["event"] == "ready"]
        assert ready["index_entries_changed"] == 1
        assert portal.logged()[-2]["event"] == "damaged-batch"


def part(folder: Path, offset: int, size: int, data: bytes) -> tuple[str, Path]:
    path = folder / f"{offset}-{size}"
    path.write_bytes(data[offset : offset + size])
    return f"cases/{'a' * 32}/{offset:012d}-{size:012d}", path


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([(0, 10), (10, 10)], True),
        ([(0, 10), (0, 5), (5, 15)], True),
        ([(0, 12), (0, 5), (5, 5), (10, 10)], True),
        ([(0, 15), (0, 5), (5, 5), (8, 3), (10, 10), (15, 1)], True),
        ([(0, 10), (11, 9)], False),
        ([(10, 10)], False),
        ([], False),
    ],
)
def test_parts_that_lead_to_the_end_are_the_case(
    tmp_path: Path, parts: list[tuple[int, int]], whole: bool
) -> None:
    """Whatever else a killed process left beside them; where one is missing, that is said."""
    data, found = bytes(range(20)), blobs_at("file:store", tmp_path)
    for offset, size in parts:
        found.put(*part(tmp_path, offset, size, data))
    case = Case.model_construct(
        upload="a" * 32, bytes=20, file="C-000001.zip", sha256=hashlib.sha256(data).hexdigest()
    )
    if whole:
        assert b"".join(case_bytes(found, case)) == data
    else:
        with pytest.raises(FileNotFoundError):
            list(case_bytes(found, case))
