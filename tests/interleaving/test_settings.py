"""Settings and trials in any order: no save is lost, none undone that was confirmed, the way back stays."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from interleaving.loop import LoopClock, played, some_time
from tm_tui.agent.core import TrialOver, Who
from tm_tui.agent.in_force import InForce
from tm_tui.agent.trial_answers import Answers
from tm_tui.api.requests import TrialRequest
from tm_tui.atomic import Folder
from tm_tui.errors import StorageFailed
from tm_tui.settings.model import Settings
from tm_tui.settings.store import Revision, RevisionConflict, SettingsStore
from tm_tui.settings.trial import TrialRuns

SEEDS = range(80)
WHO = Who("root")
MINUTES = 2
_ENDS = (RevisionConflict, TrialRuns, TrialOver, StorageFailed)
"""What an admin may be told instead of success."""


class Disk:
    """Refuses operations by chance, while it is told to."""

    def __init__(self, chance: random.Random, patch: pytest.MonkeyPatch) -> None:
        self.chance, self.bad = chance, False
        for name in ("write", "link", "rename", "sync"):
            patch.setattr(Folder, name, self._sometimes(getattr(Folder, name)))

    def _sometimes(self, original: Any) -> Any:
        def do(*arguments: Any) -> Any:
            if self.bad and self.chance.random() < 0.1:
                raise StorageFailed("The disk reports an error.", "Check it.")
            return original(*arguments)

        return do


class Lab:
    """One appliance's settings; `said` are the successes that admins were told, in this order."""

    def __init__(self, folder: Path, chance: random.Random, disk: Disk) -> None:
        self.chance, self.disk, self.clock = chance, disk, LoopClock()
        self.store = SettingsStore(folder)
        self.beats = 0
        self.applied: list[int] = []
        answers = Answers(lambda: self.beats, lambda: True)
        self.force = InForce(self.store, self.clock, apply=self._apply, changed=lambda: None, answers=answers)
        self.saves: list[tuple[int, int, bool]] = []
        """(on top of which, number, on trial)"""
        self.confirmed: set[int] = set()
        self.names: dict[int, str] = {}

    def _apply(self, revision: Revision) -> None:
        self.applied.append(revision.number)

    async def save(self) -> None:
        name = f"u{self.chance.randrange(10**9)}"
        trial = self.chance.random() < 0.4
        expected = self.force.revision.number
        await some_time(self.chance, 0.5)  # the admin looks at the form
        settings = Settings.parse({"tmsp": {"username": name}})
        revision = await self.force.save(
            settings,
            {"tmsp": SecretStr(name), "proxy": None},
            expected=expected,
            who=WHO,
            note="",
            trial=TrialRequest(minutes=MINUTES) if trial else None,
        )
        self.names[revision.number] = name
        self.saves.append((expected, revision.number, trial))

    async def act(self) -> None:
        kind = self.chance.random()
        number = self.force.revision.number
        if kind < 0.5:
            await self.save()
        elif kind < 0.65:
            await self.force.confirm(number, WHO)
            self.confirmed.add(number)
        elif kind < 0.75:
            await self.force.take_back(number, WHO)
        elif kind < 0.85:
            await self.force.reload()
        elif kind < 0.9:
            await self.force.acknowledge(WHO)
        elif kind < 0.95:
            self.beats += 1
            self.force.trials.heard()
        else:
            await self.clock.wait(asyncio.Event(), self.chance.random() * 60 * MINUTES * 1.2)

    async def somebody(self) -> None:
        for _ in range(self.chance.randrange(2, 8)):
            await some_time(self.chance)
            self.disk.bad = self.chance.random() < 0.3
            task = asyncio.create_task(self.act(), name="somebody")
            if self.chance.random() < 0.25:
                await some_time(self.chance, 0.05)
                task.cancel()
            await asyncio.wait({task})
            if not task.cancelled() and not isinstance(task.exception(), _ENDS):
                task.result()

    def in_memory_as_on_disk(self) -> None:
        loaded = self.store.load()
        assert loaded.problem is None
        assert self.force.problem is None
        assert loaded.revision.number == self.force.revision.number
        assert loaded.revision.settings == self.force.revision.settings
        record, info = self.store.trial(), self.force.trials.info()
        assert (record is None) == (info is None)
        if record is not None:
            assert record.new == loaded.revision.number

    def nothing_lost(self) -> None:
        """Each save stands on what its admin saw; nobody's was overwritten unseen."""
        history = {one.number: one for one in self.store.history()}
        numbers = sorted(history)
        assert len({number for _, number, _ in self.saves}) == len(self.saves)
        for expected, number, trial in self.saves:
            found = history[number]
            assert found.settings.tmsp.username == self.names[number]
            assert found.kind == ("trial" if trial else "save")
            before = [one for one in numbers if one < number]
            assert (before[-1] if before else 0) == expected, (expected, number, numbers)
        for one in history.values():
            if one.kind == "rollback":
                before = max(number for number in numbers if number < one.number)
                assert history[before].kind == "trial"
                assert before not in self.confirmed, "taken back though it was confirmed"


@pytest.mark.parametrize("seed", SEEDS)
def test_no_save_is_lost_and_no_trial_forgotten(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Admins save, try, confirm and go away at once, on a disk that refuses: memory and disk agree."""
    monkeypatch.setattr("os.fsync", lambda _: None)

    async def story(chance: random.Random) -> None:
        disk = Disk(chance, monkeypatch)
        lab = Lab(tmp_path, chance, disk)
        lab.force.begin()
        people = [asyncio.create_task(lab.somebody(), name="somebody") for _ in range(3)]
        await asyncio.gather(*people)
        disk.bad = False
        await lab.clock.wait(asyncio.Event(), 10.0)  # what a beat has begun to confirm
        await lab.force.reload()
        if not lab.force.trials.overdue:
            lab.in_memory_as_on_disk()
        on_trial = lab.force.trials.info()
        await lab.clock.wait(asyncio.Event(), 60.0 * MINUTES + 60.0)
        lab.in_memory_as_on_disk()
        assert lab.force.trials.info() is None, "a trial outlives its time"
        if on_trial is not None:
            assert lab.force.revision.number != on_trial.revision
        lab.nothing_lost()
        await lab.force.stop()

    played(seed, story)
