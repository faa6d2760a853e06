"""A disk that fails a deployment's journal: nothing is deployed twice, whatever it takes and whatever not."""

import asyncio
import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from patterning.deploying import LIMIT, deploying, fill, target, until, write_deployer
from tm_tui.errors import StorageFailed
from tm_tui.patterns.deployment_record import Deployment, Plan, Result
from tm_tui.patterns.pattern import Pattern
from tm_tui.retry import Pace

NOTES_AND_DEPLOYS = """read -r request
for id in $(printf '%s' "$request" | grep -o '"id": "[0-9]*"' | grep -o '[0-9]*'); do
    echo $id >>{runs}; echo '{{"id": "'$id'", "outcome": "deployed"}}'; done"""


def plan_for(*names: str) -> Plan:
    """A deployment that begins now."""
    return Plan(
        number=1,
        uid="u",
        pattern=Pattern(id=1, type="bandage", version="1.0"),
        by="admin",
        started_at=datetime.now(UTC),
        targets=tuple(target(name) for name in names),
    )


def deployed(n: int) -> Result:
    return Result(n=n, at=datetime.now(UTC), state="deployed", cleanup="cleaned")


@pytest.mark.parametrize("most", [1, 7, 60])
def test_a_short_write_is_written_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """The system may take a part of a line only: the result is there whole, and after a restart it counts."""
    one = Deployment.begin(tmp_path, plan_for("a", "b"))
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data[:most])))
    one.add(deployed(0))
    again = Deployment.load(tmp_path, 1)
    assert again is not None
    assert again.left() == [1]


class Refusing:
    """A disk whose operation number `step` fails after it took half, or nothing."""

    def __init__(self, patch: pytest.MonkeyPatch, step: int) -> None:
        self.step, self.done = step, 0
        for name in ("write", "fsync"):
            patch.setattr(os, name, self._counted(getattr(os, name), name))

    def _counted(self, original: Any, name: str) -> Any:
        def do(descriptor: int, *data: Any) -> Any:
            self.done += 1
            if self.done == self.step:
                if name == "write":
                    original(descriptor, bytes(data[0][: len(data[0]) // 2]))
                raise OSError(errno.ENOSPC, "refused")
            return original(descriptor, *data)

        return do


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_refused_result_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """What failed is not on the disk, counts here all the same, and is written with the next one."""
    one = Deployment.begin(tmp_path, plan_for("a", "b"))
    with monkeypatch.context() as patch:
        Refusing(patch, step)
        failed = 0
        for n in (0, 1):
            try:
                one.add(deployed(n))
            except StorageFailed:
                failed += 1
            seen = Deployment.load(tmp_path, 1)
            assert seen is not None
            assert one.left() == ([1] if n == 0 else [])
            assert seen.left() == ([0, 1] if failed and n == 0 else seen.left())
    assert failed == 1
    one.flush()
    seen = Deployment.load(tmp_path, 1)
    assert seen is not None
    assert seen.left() == []
    assert seen.attempts == {0: 1, 1: 1}


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6])
def test_a_plan_that_was_refused_does_not_begin_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """An admin who is told that a deployment failed to begin does not find it at work after a restart."""
    with monkeypatch.context() as patch:
        disk = Refusing(patch, step)
        try:
            Deployment.begin(tmp_path, plan_for("a"))
        except StorageFailed:
            assert list(tmp_path.iterdir()) == []
        else:
            assert disk.done < step
    Deployment.begin(tmp_path, plan_for("b"))
    (tmp_path / "000000001.plan").unlink()  # a crash between its two files
    Deployment.begin(tmp_path, plan_for("c"))
    seen = Deployment.load(tmp_path, 1)
    assert seen is not None
    assert seen.plan.targets[0].hostname == "c"


async def test_a_disk_that_is_full_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that was done while the journal could not be written is not done again, nor after a restart."""
    runs = tmp_path / "runs"
    write_deployer(tmp_path / "config", NOTES_AND_DEPLOYS.format(runs=runs))
    monkeypatch.setattr("tm_tui.patterns.deployment_service.DISK", Pace(0.01, 0.01))
    flush, refused = Deployment.flush, asyncio.Event()

    def full(one: Deployment) -> None:
        if one._unwritten and not refused.is_set():
            loop.call_soon_threadsafe(refused.set)
            raise StorageFailed("The disk is full.", "Make room.")
        flush(one)

    loop = asyncio.get_running_loop()
    async with deploying(tmp_path) as it:
        monkeypatch.setattr(Deployment, "flush", full)
        one = await it.service.begin(it.pattern, [target("pc-0")], "admin")
        await asyncio.wait_for(refused.wait(), LIMIT)
        await it.end_of(one)
        assert [event["status"] for event in await it.events()] == ["assessed", "cleaned"]
    assert runs.read_text().split() == ["0"]
    again = Deployment.load(tmp_path / "deployments", 1)
    assert again is not None
    assert again.done


async def test_deployments_that_cannot_be_read_are_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that refuses at the start neither loses what was begun nor gives its number away."""
    write_deployer(tmp_path / "config", NOTES_AND_DEPLOYS.format(runs=tmp_path / "runs"))
    Deployment.begin(tmp_path / "deployments", plan_for("old"))
    monkeypatch.setattr("tm_tui.patterns.deployment_service.DISK", Pace(0.05, 0.05))
    load, may_read = Deployment.load, asyncio.Event()

    def refusing(folder: Path, number: int) -> Deployment | None:
        if not may_read.is_set():
            raise StorageFailed("The disk reports an error.", "Check it.")
        return load(folder, number)

    monkeypatch.setattr(Deployment, "load", refusing)
    async with deploying(tmp_path) as it:
        begun = await it.service.begin(fill(it.store), [target("new")], "admin")
        assert begun.plan.number == 2
        may_read.set()
        await until(
            lambda: len(it.service.deployments) == 2 and all(one.done for one in it.service.deployments)
        )
        assert [one.plan.number for one in it.service.deployments] == [1, 2]
        assert it.service.deployments[1] is begun
