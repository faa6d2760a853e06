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

    async def run(self, _: Revision) -> None:
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
        async with asyncio.timeout(60):
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


class Leisurely(Counting):
    """A service that needs time to end, and notes with which settings each of its lives began."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end = asyncio.Event()
        self.at_once = 0
        self.lives: list[int] = []

    async def run(self, _: Revision) -> None:
        self.lives.append(self.prepared[-1])
        self.started += 1
        self.running += 1
        self.at_once = max(self.at_once, self.running)
        self.changed.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.wait({asyncio.ensure_future(self.may_end.wait())})
            self.running -= 1
            self.changed.set()


@pytest.mark.parametrize("ends_after", [1, 2, 3])
async def test_settings_in_quick_succession_never_run_a_service_twice(ends_after: int) -> None:
    """An admin who saves three times in a moment has one service at work, with the last settings."""
    service, clock = Leisurely(), FakeClock()
    supervisor = Supervisor([service], lambda: None, clock, lambda: 0.5)
    supervisor.apply(revision(1))
    await service.until(1, 1)
    for number in range(2, 5):
        supervisor.apply(revision(number, email=f"a{number}@example.com"))
        await asyncio.sleep(0)
        if number == ends_after + 1:
            service.may_end.set()
    await service.until(service.started + (service.running == 0), 1)
    async with asyncio.timeout(60):
        while service.lives[-1] != 4:
            service.changed.clear()
            await service.changed.wait()
    assert service.at_once == 1
    await supervisor.stop()
    assert service.running == 0


async def test_nothing_starts_after_the_end() -> None:
    """Settings that are saved while the agent ends start no task that nobody would end."""
    async with supervised() as (service, supervisor, _):
        supervisor.apply(revision(1))
        await service.until(1, 1)
        await supervisor.stop()
        supervisor.apply(revision(2, email="a@example.com"))
        await asyncio.sleep(0)
        assert (service.started, service.prepared) == (1, [1])


async def test_a_run_that_ends_unasked_is_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    """A service whose task was cancelled by a stray hand comes back: it is not quietly gone."""
    async with supervised() as (service, supervisor, clock):
        supervisor.apply(revision(1))
        await service.until(1, 1)
        next(task for task in asyncio.all_tasks() if task.get_name() == "counting").cancel()
        await service.until(1, 0)
        await clock.idle()
        clock.suspend(1.0)
        await service.until(2, 1)
        assert "counting" in supervisor.alerts()[0]
    assert "failed by a programming error" in caplog.text
