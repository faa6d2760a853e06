"""The supervisor: only what changed is restarted, and a bug neither ends the agent nor stays hidden."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agents import revision_for, settings_for
from clock import FakeClock
from tm_tui.agent.supervisor import Supervisor
from tm_tui.settings.store import Revision


class Counting:
    """A service that notes its lives, and dies of a bug when told."""

    name = "counting"

    def __init__(self) -> None:
        self.started = 0
        self.running = 0
        self.prepared: list[int] = []
        self.bug = asyncio.Event()
        self.changed = asyncio.Event()

    def concerns(self, revision: Revision) -> object:
        return revision.settings.tmsp.email

    def prepare(self, revision: Revision) -> None:
        self.prepared.append(revision.number)

    def alerts(self) -> tuple[str, ...]:
        return ()

    async def run(self) -> None:
        self.started += 1
        self.running += 1
        self.changed.set()
        try:
            await self.bug.wait()
            raise ZeroDivisionError("a bug")
        finally:
            self.running -= 1
            self.changed.set()

    async def until(self, started: int, running: int) -> None:
        async with asyncio.timeout(10):
            while (self.started, self.running) != (started, running):
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def supervised() -> AsyncIterator[tuple[Counting, Supervisor, FakeClock]]:
    service, clock = Counting(), FakeClock()
    supervisor = Supervisor([service], lambda: None, clock, lambda: 0.999)
    try:
        yield service, supervisor, clock
    finally:
        await supervisor.stop()


def revision(number: int, email: str = "", interval: str = "1h") -> Revision:
    log_server = {"host": "127.0.0.1", "interval": interval}
    return revision_for(settings_for(1, email=email, log_server=log_server), None, number)


async def test_only_a_change_that_concerns_it_restarts_a_service() -> None:
    """Saving how often logs are sent does not interrupt the beats."""
    async with supervised() as (service, supervisor, _):
        supervisor.apply(revision(1))
        await service.until(1, 1)
        supervisor.apply(revision(2, interval="5m"))
        await asyncio.sleep(0)
        assert service.prepared == [1]
        supervisor.apply(revision(3, email="a@example.com"))
        await service.until(2, 1)
        assert service.prepared == [1, 3]


async def test_a_bug_is_survived_and_told(caplog: pytest.LogCaptureFixture) -> None:
    """A task that dies of a bug is running again soon, and an admin can see that it died."""
    async with supervised() as (service, supervisor, clock):
        supervisor.apply(revision(1))
        await service.until(1, 1)
        service.bug.set()
        await service.until(1, 0)
        service.bug.clear()
        await clock.idle()
        assert "ZeroDivisionError" in caplog.text
        assert "counting" in supervisor.alerts()[0]
        await clock.advance(0.9)
        assert service.running == 0
        clock.suspend(0.2)
        await service.until(2, 1)
        clock.suspend(700)
        assert supervisor.alerts() == ()


async def test_bugs_in_a_row_are_backed_off() -> None:
    """A task that dies at once each time does not eat the processor."""
    async with supervised() as (service, supervisor, clock):
        service.bug.set()
        supervisor.apply(revision(1))
        waits = []
        for _ in range(5):
            await clock.idle()
            waits.append(round(clock.pending()[0]))
            clock.suspend(clock.pending()[0])
        assert waits == [1, 2, 4, 8, 10]  # 16 s are waited for in slices of ten


async def test_stop_ends_everything() -> None:
    """No task outlives the agent."""
    async with supervised() as (service, supervisor, _):
        supervisor.apply(revision(1))
        await service.until(1, 1)
        await supervisor.stop()
        assert service.running == 0
