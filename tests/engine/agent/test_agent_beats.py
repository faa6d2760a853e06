"""Registration and beats against a real TLS server, with the time in the test's hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agents import CANARY, StatusServer, revision_for, settings_for, status_server
from clock import FakeClock
from servers.certificates import Certificates
from servers.misbehaving import say_nothing, server
from tm_tui.control.api import ServerState, StatusServerStatus
from tm_tui.link.host_keys import HostKeys
from tm_tui.status_server.heartbeat import Facts
from tm_tui.status_server.service import StatusServerService

NAME = "tm-0123456789ab"


class Beating:
    """A service at work, and its server."""

    def __init__(self, service: StatusServerService, portal: StatusServer, clock: FakeClock) -> None:
        self.service = service
        self.portal = portal
        self.clock = clock
        self.seen: list[ServerState] = []
        self.noticed: list[list[str]] = []

    def status(self) -> StatusServerStatus:
        return self.service.status()


@asynccontextmanager
async def beating(
    certificates: Certificates, tmp_path: Path, seconds: int = 300, chance: float = 0.5, **answers: int
) -> AsyncIterator[Beating]:
    clock = FakeClock()
    async with status_server(certificates, clock.now) as portal:
        portal.status.update(answers)
        service = StatusServerService(
            NAME,
            HostKeys(tmp_path / "host_keys"),
            lambda: Facts(revision=7, uptime_seconds=1.0),
            changed=lambda: found.seen.append(service.status().state),
            noticed=lambda notices: found.noticed.append([notice.id for notice in notices]),
            clock=clock,
            chance=lambda: chance,
        )
        found = Beating(service, portal, clock)
        service.prepare(revision_for(settings_for(portal.port, seconds=seconds), certificates.ca_pem))
        task = asyncio.create_task(service.run())
        try:
            yield found
        finally:
            task.cancel()
            await asyncio.wait({task})


async def test_registers_and_beats_at_once(certificates: Certificates, tmp_path: Path) -> None:
    """Switched on, the appliance registers and beats without waiting for an interval to pass."""
    async with beating(certificates, tmp_path) as it:
        await it.clock.idle()
        status = it.status()
        assert [path for path, _ in it.portal.heard] == ["registration", "heartbeat"]
        assert it.portal.registrations()[0]["heartbeat_seconds"] == 300
        assert it.portal.heartbeats()[0]["revision"] == 7
        assert status.state is ServerState.CONNECTED
        assert (status.beats_accepted, status.beats_missed) == (1, 0)
        assert status.last_beat_age_seconds == 0
        assert status.next_beat_in_seconds == 300
        assert status.clock_skew_seconds == 0
        assert status.registered_at
        assert CANARY.encode() not in bytes(it.portal.told.received)  # Basic is base64 over TLS


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 270.0), (0.5, 300.0), (0.999, 329.94)])
async def test_beats_keep_their_interval(
    certificates: Certificates, tmp_path: Path, chance: float, wait: float
) -> None:
    """The portal hears a beat each interval, give or take a tenth, over one connection that stays open."""
    async with beating(certificates, tmp_path, chance=chance) as it:
        for beats in range(1, 4):
            await it.clock.idle()
            assert len(it.portal.heartbeats()) == beats
            left = it.status().next_beat_in_seconds or 0
            assert left == pytest.approx(wait, abs=0.1)
            await it.clock.advance(left - 0.05)
            assert len(it.portal.heartbeats()) == beats
            await it.clock.advance(0.06)
        assert it.portal.told.accepted == 1


async def test_connected_means_within_two_intervals(certificates: Certificates, tmp_path: Path) -> None:
    """A dead portal turns the lamp off two intervals after the last accepted beat, by time alone."""
    async with beating(certificates, tmp_path, seconds=60) as it:
        await it.clock.idle()
        it.portal.status["heartbeat"] = 503
        await it.clock.advance(61)
        assert it.status().state is ServerState.CONNECTED
        assert it.status().beats_missed == 1
        await it.clock.advance(58.9)
        assert it.status().state is ServerState.CONNECTED
        before = len(it.seen)
        await it.clock.advance(0.2)
        assert it.status().state is ServerState.FAILING
        assert ServerState.FAILING in it.seen[before:]
        assert it.status().last_beat_age_seconds == pytest.approx(120.1)


async def test_failures_are_counted_and_backed_off(certificates: Certificates, tmp_path: Path) -> None:
    """A failing portal is asked more and more rarely, the status says why, and one good beat ends it."""
    async with beating(certificates, tmp_path, seconds=60, heartbeat=503) as it:
        waits = []
        for _ in range(6):
            await it.clock.idle()
            waits.append(it.status().next_beat_in_seconds)
            await it.clock.advance((waits[-1] or 0) + 0.001)
        assert waits == pytest.approx([60, 120, 240, 480, 600, 600], abs=0.1)
        failure = it.status().last_failure
        assert failure
        assert (failure.code, failure.stage, failure.count) == ("http-server-error", "service", 7)
        assert it.status().beats_missed == 36  # one each 60 s, from 0 to 2100 s
        it.portal.status["heartbeat"] = 200
        await it.clock.advance(601)
        assert it.status().state is ServerState.CONNECTED
        assert it.status().last_failure is None


async def test_retry_after_is_honoured(certificates: Certificates, tmp_path: Path) -> None:
    """A busy portal that says when to come back is left alone until then."""
    async with beating(certificates, tmp_path, seconds=60, heartbeat=429) as it:
        it.portal.headers["Retry-After"] = "1800"
        await it.clock.idle()
        assert it.status().next_beat_in_seconds == pytest.approx(1800)


async def test_forgotten_by_the_portal_it_registers_again(certificates: Certificates, tmp_path: Path) -> None:
    """Removed from the Registered Products by mistake, the appliance is back by itself."""
    async with beating(certificates, tmp_path) as it:
        await it.clock.idle()
        it.portal.status["heartbeat"] = 404
        await it.clock.advance(300)  # forgotten, registers at once, is forgotten again: now it waits
        await it.clock.idle()
        assert it.status().state is ServerState.UNREGISTERED
        assert [path for path, _ in it.portal.heard[2:]] == ["heartbeat", "registration", "heartbeat"]
        failure = it.status().last_failure
        assert failure
        assert failure.code == "not-registered"
        it.portal.status["heartbeat"] = 200
        await it.clock.advance(5)
        assert it.status().state is ServerState.CONNECTED


async def test_a_refused_registration_shows_as_unregistered(
    certificates: Certificates, tmp_path: Path
) -> None:
    """An account that may not register says so, and no beat is sent in its name."""
    async with beating(certificates, tmp_path, registration=403) as it:
        await it.clock.idle()
        assert it.status().state is ServerState.UNREGISTERED
        assert it.portal.heartbeats() == []
        assert it.service.alerts()
        it.portal.status["registration"] = 200
        await it.clock.advance(1)
        assert it.status().state is ServerState.CONNECTED
        assert it.service.alerts() == ()


async def test_wrong_credentials_are_an_alert(certificates: Certificates, tmp_path: Path) -> None:
    """A wrong password is said in one sentence, not only as a lamp that stays off."""
    async with beating(certificates, tmp_path, registration=401) as it:
        await it.clock.idle()
        assert it.status().state is ServerState.FAILING
        failure = it.status().last_failure
        assert failure
        assert failure.stage == "authentication"
        assert "user name and password" in it.service.alerts()[0]


async def test_suspend_is_noticed(certificates: Certificates, tmp_path: Path) -> None:
    """Woken after an hour, the appliance claims no connection, counts what it missed and beats at once."""
    async with beating(certificates, tmp_path) as it:
        await it.clock.idle()
        it.clock.suspend(3600)
        assert it.status().state is ServerState.CONNECTING
        await it.clock.idle()
        assert it.status().state is ServerState.CONNECTED
        assert (it.status().beats_accepted, it.status().beats_missed) == (2, 11)


async def test_a_stepped_wall_clock_changes_no_beat(certificates: Certificates, tmp_path: Path) -> None:
    """Setting the date back by a day neither stops the beats nor makes a flood of them; the skew shows it."""
    async with beating(certificates, tmp_path) as it:
        await it.clock.idle()
        start, began = it.clock.now(), it.clock.monotonic()
        it.portal.now = lambda: wall_of(it.clock, start, began)
        it.clock.set_wall(-86400)
        await it.clock.advance(300)
        await it.clock.idle()
        assert it.status().beats_accepted == 2
        assert it.status().clock_skew_seconds == pytest.approx(-86400, abs=1)
        assert "behind" in it.service.alerts()[0]


def wall_of(clock: FakeClock, start: datetime, began: float) -> datetime:
    """The date that a server with a steady clock has."""
    return start + timedelta(seconds=clock.monotonic() - began)


async def test_a_silent_portal_delays_no_beat(certificates: Certificates, tmp_path: Path) -> None:
    """A portal that takes a beat and never answers costs that beat, within the interval, and not the next."""
    clock = FakeClock()
    async with server(say_nothing) as hole:
        service = StatusServerService(
            NAME, HostKeys(tmp_path / "k"), lambda: Facts(1, 1.0), changed=lambda: None, clock=clock
        )
        revision = revision_for(settings_for(hole.port, seconds=5), certificates.ca_pem)
        service.prepare(revision)
        task = asyncio.create_task(service.run())
        async with asyncio.timeout(10):
            await hole.somebody.wait()
            await clock.idle()  # it gave up by itself, in less than the interval
        failure = service.status().last_failure
        assert failure
        assert failure.code == "tls-timeout"
        task.cancel()
        await asyncio.wait({task})


async def test_notices_are_kept_once_and_bounded(certificates: Certificates, tmp_path: Path) -> None:
    """What the portal announces waits for whoever fetches it, each once, and cannot fill the memory."""
    async with beating(certificates, tmp_path) as it:
        it.portal.notices = [{"kind": "pattern", "id": str(number)} for number in range(100)]
        await it.clock.idle()
        for first in range(100, 1200, 100):
            it.portal.notices = [{"kind": "pattern", "id": str(first + number)} for number in range(100)]
            await it.clock.advance(300.001)
            await it.clock.idle()
        kept = it.service.notices()
        assert len(kept) == len(set(kept)) == 1000
        assert kept[-1].id == "1199"


async def test_an_unreadable_answer_is_a_failure(certificates: Certificates, tmp_path: Path) -> None:
    """Something else than a portal that answers 200 to everything does not pass for one."""
    async with beating(certificates, tmp_path) as it:
        it.portal.notices = [{"wrong": "shape"}]
        await it.clock.idle()
        failure = it.status().last_failure
        assert failure
        assert failure.code == "reply-not-understood"
        assert it.status().state is ServerState.FAILING


async def test_news_are_told_once(certificates: Certificates, tmp_path: Path) -> None:
    """What the server repeats in each reply is told once."""
    async with beating(certificates, tmp_path) as it:
        await it.clock.idle()
        it.portal.notices = [{"kind": "pattern", "id": "1"}]
        await it.clock.advance(300)
        it.portal.notices.append({"kind": "report", "id": "a"})
        await it.clock.advance(300)
        await it.clock.advance(300)
        assert it.noticed == [["1"], ["a"]]
