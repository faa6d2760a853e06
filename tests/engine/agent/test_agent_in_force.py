"""The settings in force are those on the disk, with their trial, whatever fails or goes away in between."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from clock import FakeClock
from tm_tui.agent.core import Who
from tm_tui.agent.in_force import InForce
from tm_tui.agent.trial_answers import Answers
from tm_tui.api.requests import TrialRequest
from tm_tui.atomic import Folder
from tm_tui.errors import StorageFailed
from tm_tui.settings.model import Settings
from tm_tui.settings.store import Revision, SettingsStore

WHO = Who("root")


class Held:
    """Settings in force over a folder; `applied` are the numbers that came into force."""

    def __init__(self, folder: Path) -> None:
        self.store, self.clock = SettingsStore(folder), FakeClock()
        self.applied: list[int] = []
        self.changed = asyncio.Event()
        self.force = InForce(
            self.store,
            self.clock,
            apply=self._apply,
            changed=self.changed.set,
            answers=Answers(lambda: 0, lambda: False),
        )
        self.force.begin()

    def _apply(self, revision: Revision) -> None:
        self.applied.append(revision.number)

    async def save(self, name: str, *, trial: bool = False) -> Revision:
        settings = Settings.parse({"tmsp": {"username": name}})
        secrets = {"tmsp": SecretStr("pw"), "proxy": None}
        request = TrialRequest(minutes=5) if trial else None
        expected = self.force.revision.number
        return await self.force.save(settings, secrets, expected=expected, who=WHO, note="", trial=request)


@pytest.fixture
async def held(tmp_path: Path) -> Any:
    made = Held(tmp_path)
    yield made
    await made.force.stop()


def refused_once(monkeypatch: pytest.MonkeyPatch, method: str, when: Callable[..., bool]) -> None:
    original = getattr(Folder, method)
    done: list[bool] = []

    def refuse(folder: Folder, *arguments: Any) -> Any:
        if not done and when(*arguments):
            done.append(True)
            raise StorageFailed("The disk reports an error.", "Check it.")
        return original(folder, *arguments)

    monkeypatch.setattr(Folder, method, refuse)


async def test_a_trial_that_failed_to_begin_is_none(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next save, which takes the same number, is not taken back after minutes that nobody asked for."""
    await held.save("old")
    refused_once(monkeypatch, "rename", lambda _, new: new == "current")
    with pytest.raises(StorageFailed):
        await held.save("tried", trial=True)
    assert (await held.save("kept")).number == 2
    assert held.force.trials.info() is None
    await held.clock.advance(400, 0)
    assert held.force.revision.number == 2


async def test_who_goes_away_leaves_memory_and_disk_as_one(held: Held) -> None:
    """A console that hangs up in the middle of a save: what is on the disk is in force, on trial if asked."""
    await held.save("old")
    task = asyncio.create_task(held.save("new", trial=True))
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert held.store.load().revision.number == held.force.revision.number == 2
    info = held.force.trials.info()
    assert info is not None
    await held.clock.idle()
    await held.force.confirm(2, WHO)


async def test_a_reload_follows_a_trial_that_is_on_the_disk(held: Held, tmp_path: Path) -> None:
    """A restored backup with a trial in it, read by SIGHUP, counts down; without one it is over."""
    await held.save("old")
    await held.save("new", trial=True)
    await held.force.confirm(2, WHO)
    await held.save("tried", trial=True)
    record = (tmp_path / "trial.json").read_bytes()
    await held.force.confirm(3, WHO)
    with Folder.open(tmp_path) as folder:
        folder.replace("trial.json", record)
    await held.force.reload()
    assert held.force.trials.info() is not None
    await held.force.reload()
    assert held.force.trials.info() is not None
    (tmp_path / "trial.json").unlink()
    await held.force.reload()
    assert held.force.trials.info() is None
    await held.clock.advance(400, 0)
    assert held.force.revision.number == 3


async def test_a_disk_that_keeps_what_it_refused_is_followed(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The save is said to have failed, but the new settings stay on the disk: they are on trial here too."""
    await held.save("old")
    syncs: list[str] = []
    sync = Folder.sync

    def refuse(folder: Folder) -> None:
        if folder.target("current") == "revisions/000002":
            syncs.append("refused")
            raise StorageFailed("The disk reports an error.", "Check it.")
        sync(folder)

    link = Folder.link

    def no_link(folder: Folder, name: str, target: str) -> None:
        if target == "revisions/000001":
            raise StorageFailed("The disk reports an error.", "Check it.")
        link(folder, name, target)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "sync", refuse)
        patch.setattr(Folder, "link", no_link)
        with pytest.raises(StorageFailed):
            await held.save("tried", trial=True)
    assert syncs
    assert held.force.revision.number == 2
    assert held.force.trials.info() is not None
    await held.force.take_back(2, WHO)
    assert held.force.revision.settings.tmsp.username == "old"


async def test_what_was_saved_after_a_trial_stays(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk failed while a trial was confirmed; what is saved then is not taken back by its countdown."""
    await held.save("old")
    await held.save("tried", trial=True)
    sync = Folder.sync

    def refuse(folder: Folder) -> None:
        if folder.path.name != "000002" and "trial.json" not in folder.names():
            raise StorageFailed("The disk reports an error.", "Check it.")
        sync(folder)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "sync", refuse)
        with pytest.raises(StorageFailed):
            await held.force.confirm(2, WHO)
    assert (await held.save("later")).number == 3
    await held.clock.advance(400, 0)
    assert held.force.revision.settings.tmsp.username == "later"
    assert held.store.load().revision.number == 3


async def test_the_way_back_is_gone_once(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """A way back whose last step the disk refused is not written a second time into the history."""
    await held.save("old")
    await held.save("tried", trial=True)
    refused_once(monkeypatch, "sync", lambda *_: "rollback.json" in {path.name for path in files()})

    def files() -> list[Path]:
        return list(held.store._path.iterdir())

    await held.clock.idle()
    held.clock.suspend(400)
    await held.clock.idle()
    held.clock.suspend(40)
    async with asyncio.timeout(60):
        while held.force.trials.info() is not None:
            held.changed.clear()
            await held.changed.wait()
    assert [one.kind for one in held.store.history()] == ["rollback", "trial", "save"]
    assert held.force.revision.settings.tmsp.username == "old"
