"""The cases of one appliance without the rest of its agent, and tus servers to bring them to."""

import asyncio
import contextlib
import os
import time
from pathlib import Path

import pytest

from agents import revision_for, settings_for, short_home
from servers.tus_scripted import tus_scripted
from servers.tus_server import tus_server
from tm_tui.agent.folders import prepare_folders
from tm_tui.api.requests import SubmitRequest
from tm_tui.cases.case_calls import CaseDesk
from tm_tui.cases.case_records import CaseBook
from tm_tui.cases.pack_service import CasePacking
from tm_tui.cases.upload_service import CaseUploads
from tm_tui.clock import SystemClock
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.host_keys import HostKeys

APPLIANCE = "tm-0042"
LIMIT = 60.0


class Appliance:
    """Book, packing, uploads and desk, as the agent puts them together; `port` is the status server's."""

    def __init__(self, home, ca_pem, port, clock, **tmsp):
        self.home, self.ca_pem, self.port, self.clock = home, ca_pem, port, clock
        self.bandwidth = Bandwidth()
        self.book = CaseBook.open(home.state / "cases")
        self.book.changed = lambda: None
        chance = 0.0 if type(clock) is SystemClock else 1.0  # at once, or when a held clock says so
        self.packing = CasePacking(home, APPLIANCE, self.book, clock, lambda: chance)
        self.uploads = CaseUploads(
            APPLIANCE,
            HostKeys(home.config / "host_keys"),
            self.book,
            self.bandwidth,
            changed=lambda: None,
            clock=clock,
            chance=lambda: chance,
        )
        self.desk = CaseDesk(home, self.book, self.packing, self.uploads, clock)
        self.revision = revision_for(settings_for(port, **tmsp), ca_pem)
        self.tasks = []

    def start(self):
        """Run both services."""
        self.uploads.prepare(self.revision)
        self.tasks = [asyncio.create_task(one.run(self.revision)) for one in (self.packing, self.uploads)]

    async def stop(self):
        """End them, as a restart does."""
        for task in self.tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self.tasks, return_exceptions=True):
            assert not isinstance(outcome, Exception), outcome
        self.tasks = []

    async def submit(self, *paths, **more):
        """Hand in a case."""
        request = SubmitRequest(paths=tuple(str(path) for path in paths), **{"endpoint": "pc-17", **more})
        self.desk.check(request)
        return (await self.desk.submit(request, "root")).number

    async def until(self, number, holds):
        """Wait until a case is so."""
        end = time.monotonic() + LIMIT
        while not holds(self.desk.get(number)):
            assert time.monotonic() < end, (self.desk.get(number), self.uploads.troubles.get(number))
            await asyncio.wait({asyncio.ensure_future(self.book.news().wait())}, timeout=0.05)
        return self.desk.get(number)

    async def until_state(self, number, state):
        """Wait for a state."""
        return await self.until(number, lambda case: case.state == state)

    async def until_trouble(self, number):
        """Wait until a try failed."""
        await self.until(number, lambda _: self.uploads.troubles.get(number))
        return self.uploads.troubles.get(number)


@pytest.fixture
def home():
    with short_home() as made:
        prepare_folders(made)
        yield made


@pytest.fixture
async def appliance_at(home, certificates):
    """Make and start an appliance whose status server is at a port; all are ended."""
    made = []

    def start(port, clock=None, **tmsp):
        one = Appliance(home, certificates.ca_pem, port, clock or SystemClock(), **tmsp)
        made.append(one)
        one.start()
        return one

    yield start
    for one in made:
        await one.stop()


@pytest.fixture
async def server(certificates):
    """A tus server that does as it is told."""
    async with tus_scripted(certificates) as running:
        yield running


@pytest.fixture(scope="session")
def node(certificates):
    """The tus server that no one here wrote."""
    with tus_server(certificates) as running:
        yield running


@pytest.fixture
def evidence(tmp_path) -> Path:
    """A folder with a few files, 700 kB that do not compress."""
    folder = tmp_path / "evidence"
    (folder / "logs").mkdir(parents=True)
    (folder / "dump.bin").write_bytes(os.urandom(700_000))
    (folder / "logs" / "setup.log").write_text("one line\n")
    with contextlib.suppress(OSError):
        (folder / "link").symlink_to("/etc/passwd")
    return folder
