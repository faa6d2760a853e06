"""When logs are due: on the grid, once, also after restarts, missed runs and clock changes."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spooling.events import numbered_line
from tm_tui.clock import SystemClock
from tm_tui.delivery.schedule import Schedule
from tm_tui.link.failures import failure
from tm_tui.link.types import Endpoint
from tm_tui.retry import Retry


def test_a_fleet_does_not_knock_at_the_same_second():
    """A thousand appliances that were set up alike spread over the first minutes of the hour."""
    shifts = [Schedule.of(3600, f"tm-{n:04d}").shift for n in range(1000)]
    assert 0 <= min(shifts) < 30
    assert 270 < max(shifts) <= 300


@given(st.floats(0, 2e9), st.sampled_from([30.0, 300.0, 3600.0, 86400.0]))
def test_the_next_run_is_on_the_grid_and_near(now, interval):
    """Each run is one interval after the one before, at the same shift."""
    schedule = Schedule.of(interval, "tm-0042")
    wait = schedule.seconds_until_next(now)
    assert 0 <= wait <= interval * 1.0001
    after = (now + wait - schedule.shift) % interval
    assert min(after, interval - after) < 0.001


def test_waits_grow_to_five_minutes_and_never_end():
    """A server that is down for a week is asked about every few minutes, not more, not less."""
    retry = Retry(SystemClock(), random.random)
    down = failure("tcp-refused", "tcp", Endpoint("logs.example.com", 443))
    waits = [retry.failed(down) for _ in range(200)]
    assert waits[0] <= 1
    assert max(waits) <= 300
    assert max(waits[20:]) > 200


@pytest.fixture
async def due(spool, server, running, clock):
    """One event waits and nothing was due for a while."""
    await spool.add([numbered_line(1)])


async def settle(clock, spool):
    """Wait until the service has delivered what is due now."""
    empty = asyncio.Event()
    spool.changed = lambda: empty.set() if not spool.status().events else None
    spool.changed()
    async with asyncio.timeout(60):
        await empty.wait()
    await clock.idle(2)


async def test_logs_go_when_the_interval_is_over(due, spool, server, running, clock):
    """Every hour means every hour."""
    async with running() as service:
        wait = service.status().next_delivery_in_seconds
        assert 0 < wait <= 3600
        await clock.advance(wait - 1)
        assert not server.requests
        await clock.advance(2)
        await settle(clock, spool)
        assert len(server.requests) == 1
        assert service.status().last_delivery_at is not None


async def test_a_missed_run_is_caught_up_once(due, spool, server, running, clock):
    """An appliance that was off for a day sends at once when it is on, and then as usual."""
    async with running():
        pass
    clock.suspend(86400)
    async with running() as service:
        await settle(clock, spool)
        assert len(server.requests) == 1
        assert 0 < service.status().next_delivery_in_seconds <= 3600


async def test_a_restart_repeats_nothing(due, spool, server, running, clock):
    """Ten restarts within an interval do not make ten deliveries."""
    async with running() as service:
        await service.send_now()
    for n in range(2, 6):
        await spool.add([numbered_line(n)])
        async with running():
            await clock.advance(1)
    assert len(server.requests) == 1


@pytest.mark.parametrize("step", [-86400, 86400])
async def test_a_clock_that_jumps_a_day(step, *, due, spool, server, running, clock):
    """A corrected clock neither stops deliveries for a day nor repeats them."""
    async with running() as service:
        await service.send_now()
        await spool.add([numbered_line(2)])
        clock.set_wall(step)
        await clock.advance(3700)
        await settle(clock, spool)
        assert spool.status().events == 0
        assert 2 <= len(server.requests) <= 3
