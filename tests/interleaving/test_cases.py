"""Cases in any order: handed in, given up, sent, while settings change and portals fail: none is lost."""

import asyncio
import random
from pathlib import Path

import pytest

from agents import revision_for, settings_for, short_home
from interleaving.loop import LoopClock, played, some_time
from interleaving.portal import Portal, Traffic
from tm_tui.agent.folders import prepare_folders
from tm_tui.agent.supervisor import Supervisor
from tm_tui.api.requests import SubmitRequest
from tm_tui.cases.case_calls import CaseDesk
from tm_tui.cases.case_records import CaseBook
from tm_tui.cases.pack_service import CasePacking
from tm_tui.cases.upload_service import CaseUploads
from tm_tui.errors import TmError
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.host_keys import HostKeys
from tm_tui.link.https import LinkClient
from tm_tui.paths import Home
from tm_tui.settings.store import Revision

SEEDS = range(80)
SETTLED = 8000.0
"""Longer than any waiting for another try."""


class Lab:
    """One appliance, two portals."""

    def __init__(self, home: Home, chance: random.Random) -> None:
        self.chance, self.clock, self.home = chance, LoopClock(), home
        keys, traffic = HostKeys(home.config / "host_keys"), Traffic()
        self.portals = {name: Portal(name, chance, traffic, keys) for name in ("one", "two")}
        self.book = CaseBook.open(home.state / "cases")
        self.packing = CasePacking(home, "tm-lab-1", self.book, self.clock, chance.random)
        self.uploads = CaseUploads(
            "tm-lab-1",
            keys,
            self.book,
            Bandwidth(),
            changed=lambda: None,
            clock=self.clock,
            chance=chance.random,
            connect=self.connect,
        )
        self.desk = CaseDesk(home, self.book, self.packing, self.uploads, self.clock)
        services = (self.packing, self.uploads)
        self.supervisor = Supervisor(services, lambda: None, self.clock, chance.random)
        self.number = 0
        self.way = ("one", True)
        self.cancelled: set[int] = set()
        """Those that somebody wanted to give up, and may have."""
        self.for_good: set[int] = set()
        """Those that were given up before anything of them had left."""
        self.handed_in: set[int] = set()

    def connect(self, revision: Revision) -> LinkClient:
        return self.portals[revision.settings.tmsp.status_server.host].client()

    def apply(self, host: str, enabled: bool) -> None:
        """Save other settings."""
        self.number, self.way = self.number + 1, (host, enabled)
        more = {"status_server": {"host": host}, "enabled": enabled}
        self.supervisor.apply(revision_for(settings_for(1, **more), None, self.number))

    async def submit(self) -> None:
        path = self.home.config.parent / f"evidence-{self.chance.random()}"
        path.write_bytes(self.chance.randbytes(self.chance.choice([10, 3000])))
        request = SubmitRequest(paths=(str(path),), endpoint="pc-1")
        self.handed_in.add((await self.desk.submit(request, "root")).number)

    async def cancel(self) -> None:
        if not self.handed_in:
            return
        number = self.chance.choice(sorted(self.handed_in))
        self.cancelled.add(number)
        try:
            await self.desk.cancel(number, "root")
        except TmError as late:
            if "at the portal already" not in late.cause:
                raise
        else:
            if not self.book.get(number).location:
                self.for_good.add(number)

    async def act(self) -> None:
        """One thing that somebody does."""
        kind = self.chance.random()
        if kind < 0.35:
            await self.submit()
        elif kind < 0.6:
            await self.cancel()
        elif kind < 0.75:
            self.desk.send_now()
        else:
            self.apply(self.chance.choice(["one", "two"]), self.chance.random() < 0.85)

    async def somebody(self) -> None:
        """Who does several things, and sometimes goes away in the middle of one."""
        for _ in range(self.chance.randrange(1, 5)):
            await some_time(self.chance)
            task = asyncio.create_task(self.act(), name="somebody")
            if self.chance.random() < 0.2:
                await some_time(self.chance, 0.05)
                task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()

    def check(self) -> None:
        """What must hold once everything has come to rest, with sending switched on."""
        assert not self.uploads.troubles.way.paused
        assert not self.uploads.troubles.any()
        assert self.uploads.progress == {}
        assert self.packing.packed_bytes is None
        on_disk = CaseBook.open(self.book.folder)
        assert on_disk.records() == self.book.records()
        for record in self.book.records():
            assert record.number in self.cancelled or record.state == "submitted", record
            assert record.number not in self.for_good or record.state == "cancelled", record
            assert not record.open, record
            assert not self.book.pack_of(record).exists(), "the packed file stays on the disk for nothing"
            held = sum(portal.holds(record.sha256) for portal in self.portals.values())
            if record.state == "submitted":
                assert held >= 1
                assert self.portals[record.server.partition(":")[0]].uploads[record.upload].whole
        folders = {int(path.name) for path in self.book.folder.iterdir() if path.name.isdecimal()}
        assert folders == {record.number for record in self.book.records()}


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here cuts the power."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.mark.parametrize("seed", SEEDS)
def test_cases_arrive_once_or_are_given_up(seed: int) -> None:
    """Each case is whole at one portal or given up; nothing of settings that are gone is sent; none hangs."""

    async def story(chance: random.Random) -> None:
        lab = Lab(home, chance)
        lab.apply("one", True)
        people = [asyncio.create_task(lab.somebody(), name="somebody") for _ in range(3)]
        await asyncio.gather(*people)
        for portal in lab.portals.values():
            portal.calm = True
        if chance.random() < 0.3:
            await lab.supervisor.stop()
            await lab.clock.wait(asyncio.Event(), 10.0)
            return
        last = chance.choice(["one", "two"])
        lab.apply(last, True)
        await some_time(chance, 10.0)
        lab.desk.send_now()
        await lab.clock.wait(asyncio.Event(), 60.0)
        other = lab.portals["two" if last == "one" else "one"]
        asked = len(other.asked)
        later = await lab.desk.submit(
            SubmitRequest(paths=(str(Path(home.config.parent) / "later"),), endpoint="pc-2"), "root"
        )
        await lab.clock.wait(asyncio.Event(), SETTLED)
        lab.check()
        assert lab.book.get(later.number).server == f"{last}:443"
        assert len(other.asked) == asked, "the former portal is asked still"
        await lab.supervisor.stop()
        await lab.clock.wait(asyncio.Event(), 10.0)

    with short_home() as home:
        prepare_folders(home)
        (home.config.parent / "later").write_bytes(b"later")
        played(seed, story)
