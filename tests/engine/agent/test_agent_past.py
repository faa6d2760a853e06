"""What outlives restarts and switching off, and the last 24 hours: kept on the disk, bounded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from agents import CANARY, StatusServer, agent_in, settings_for, short_home, status_server
from clock import FakeClock
from servers.certificates import Certificates
from tm_tui.agent.agent import Agent
from tm_tui.agent.core import Who
from tm_tui.agent.last_day import Counted, Running
from tm_tui.agent.past import Past
from tm_tui.api.agent import ServerState, StatusServerStatus
from tm_tui.api.past import BAD, GOOD, NOTHING, SLOT_SECONDS, SLOTS, coarser
from tm_tui.paths import Home
from tm_tui.settings.model import Settings

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY = SLOTS * SLOT_SECONDS
STEPS = st.lists(st.tuples(st.floats(0, 2 * DAY), st.integers(0, 3), st.integers(0, 3)), max_size=40)


class Appliance:
    """A home, a clock, and a portal for its agents, one after the other."""

    def __init__(self, home: Home, portal: StatusServer, ca_file: str) -> None:
        self.home, self.portal, self.ca_file = home, portal, ca_file
        self.clock = FakeClock(NOON)

    async def save(self, agent: Agent, **tmsp: Any) -> None:
        """Save settings that lead to the portal."""
        settings = settings_for(self.portal.port, **tmsp) | {"trust": {"ca_file": self.ca_file}}
        secrets: dict[str, SecretStr | None] = {"tmsp": SecretStr(CANARY), "proxy": None}
        expected = agent.revision.number
        await agent.save(Settings.parse(settings), secrets, expected=expected, who=Who("root"), note="")


@pytest.fixture
async def appliance(certificates: Certificates, tmp_path: Path) -> AsyncIterator[Appliance]:
    """One that was never registered."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(certificates.ca_pem)
    with short_home() as home:
        clock = FakeClock(NOON)
        async with status_server(certificates, clock.now) as portal:
            made = Appliance(home, portal, str(ca_file))
            made.clock = clock
            yield made


@asynccontextmanager
async def registered(appliance: Appliance) -> AsyncIterator[Agent]:
    """An agent at work after its first accepted beat."""
    async with agent_in(appliance.home, appliance.clock) as agent:
        await appliance.save(agent)
        while agent.status().status_server.state is not ServerState.CONNECTED:
            await agent.changed.event.wait()
        yield agent


async def test_registration_and_last_beat_outlive_restart_and_switching_off(appliance: Appliance) -> None:
    """An admin who switched off, and one who restarts, read what was, and not "never"."""
    async with registered(appliance) as agent:
        first = agent.status().status_server
        assert first.registered_at == NOON
        appliance.clock.suspend(60)
        await appliance.save(agent, enabled=False)
        off = agent.status().status_server
        assert (off.state, off.registered_at, off.last_beat_at) == ("disabled", NOON, NOON)
        assert off.last_beat_age_seconds == 60
        assert off.switched_off_by == "root"
        assert off.switched_off_at is not None
    appliance.clock.suspend(3600)
    appliance.clock.set_wall(-86400)  # a step says nothing of how long ago it was
    async with agent_in(appliance.home, appliance.clock) as agent:
        later = agent.status()
        told = later.status_server
        assert (told.registered_at, told.last_beat_at, told.switched_off_by) == (NOON, NOON, "root")
        assert told.last_beat_age_seconds == 3660
        assert later.last_day.beats.done == 1
        assert any("no data" in alert for alert in later.alerts)


async def test_a_first_save_is_no_switching_off(appliance: Appliance) -> None:
    """Who saved a CA file first reads the checklist still, and no warning of what was never on."""
    async with agent_in(appliance.home, appliance.clock) as agent:
        await appliance.save(agent, enabled=False)
        assert agent.status().revision == 1
        assert agent.status().alerts == ()


async def test_a_registration_ends_with_its_portal(appliance: Appliance) -> None:
    """One that the portal does not know any more, or of another portal, is not told as if it stood."""
    async with registered(appliance) as agent:
        appliance.portal.status |= {"heartbeat": 404, "registration": 403}
        while agent.status().status_server.state is not ServerState.UNREGISTERED:
            await appliance.clock.advance(300)
        assert agent.status().status_server.registered_at is None
    async with agent_in(appliance.home, appliance.clock) as agent:
        assert agent.status().status_server.registered_at is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"last_beat": -1}', b'{"beats": {"slots": [[1]]}}'])
async def test_a_damaged_file_costs_nothing_else(content: bytes) -> None:
    """It begins anew: all of it is to look at only."""
    with short_home() as home:
        home.state.mkdir(parents=True, mode=0o700)
        (home.state / "past.json").write_bytes(content)
        (home.state / "past.json").chmod(0o600)
        async with agent_in(home, FakeClock()) as agent:
            assert agent.status().status_server.registered_at is None
            assert agent.status().last_day.beats.marks == ""


async def test_it_stays_small_and_is_not_written_for_each_beat(tmp_path: Path) -> None:
    """Ten days of beats make a file of the same size, and the disk has its peace between them."""
    clock = FakeClock(NOON)
    past = Past(tmp_path, "tm-1", clock)
    for number in range(1, 3000):
        clock.suspend(300)
        past.heard(
            StatusServerStatus(
                state=ServerState.CONNECTED,
                beats_accepted=number,
                beats_missed=number // 50,
                last_beat_at=clock.now(),
                last_beat_age_seconds=0.0,
            )
        )
        past.delivered(1000, 0)
    await past.close()
    assert (tmp_path / "past.json").stat().st_size < 8192
    again = Past(tmp_path, "tm-1", clock)
    assert again.last_day() == past.last_day()
    assert again.last_day().beats.done == SLOTS * 2
    assert len(again.last_day().to_json()) < 600
    assert Past(tmp_path, "tm-2", clock).last_day().beats.marks == ""  # a copy with a name of its own


@given(STEPS, st.booleans())
def test_no_slot_is_older_than_a_day_and_none_is_lost(
    steps: list[tuple[float, int, int]], restarts: bool
) -> None:
    """Whatever passes between, suspend and restarts too, a day's counts are those of that day."""
    clock = FakeClock(NOON)
    running = Running(clock.monotonic)
    counted, noted = Counted(running), []
    for seconds, done, failed in steps:
        clock.suspend(seconds)
        clock.set_wall(-seconds / 2)
        if restarts:
            running = Running(clock.monotonic, running.now())
            counted = Counted(running, counted.kept())
        counted.note(done, failed)
        noted.append((running.now() // SLOT_SECONDS, done, failed))
    newest = running.now() // SLOT_SECONDS
    shown = counted.show(clock.now())
    here = [one for one in noted if newest - one[0] < SLOTS]
    assert shown.done == sum(done for _, done, _ in here)
    assert shown.failed == sum(failed for _, _, failed in here)
    if shown.failed:
        assert shown.last_failed_at is not None
        assert timedelta(0) <= clock.now() - shown.last_failed_at <= timedelta(seconds=DAY)
    assert (BAD in shown.marks) == bool(shown.failed)


@given(st.text(alphabet=(GOOD, BAD, NOTHING), max_size=SLOTS), st.integers(-1, 300))
def test_a_narrow_strip_loses_nothing_that_went_wrong(marks: str, width: int) -> None:
    """Each character stands for as many slots, and the worst of them is seen."""
    shown = coarser(marks, width)
    assert len(shown) <= max(1, width)
    assert SLOTS % len(shown) == 0
    assert (BAD in shown) == (BAD in marks)
    assert (GOOD in shown) <= (GOOD in marks)
