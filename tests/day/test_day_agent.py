"""The appliance through a day: beats, deliveries and what is shown, whatever is done to the clocks."""

from itertools import pairwise
from pathlib import Path

from day.lab import BEAT, HOUR, day
from day.rules import broken_rules
from day.turning import zone
from tm_tui.api.agent import ServerState

MINUTE = 60.0
DAY = 24 * HOUR


async def test_a_day_without_incident(folder: Path) -> None:
    """A beat each 5 minutes give or take a tenth, a delivery each hour, one daily report."""
    async with day(folder) as it:
        await it.live(DAY)
        gaps = [after.boot - before.boot for before, after in pairwise(it.beats)]
        assert all(0.9 * BEAT - 0.01 <= gap <= 1.1 * BEAT + 0.01 for gap in gaps)
        assert len({round(gap) for gap in gaps}) > 20  # a fleet does not beat as one
        assert len(it.beats) == it.product().beats
        assert it.look().status_server.beats_missed == 0
        assert len(it.deliveries) == 24
        assert all(it.off_grid(one.wall) < 1 for one in it.deliveries)
        assert sum(kind.startswith("daily") for kind in it.reports()) == 1
        assert it.agent.reports.status().kept == sum(it.reports().values())
        assert broken_rules(it) == []


async def test_a_day_of_sleep_and_wrong_clocks(folder: Path) -> None:
    """Suspends, steps by hours and days and zones lose and double no beat, no delivery, no event."""
    async with day(folder, seed=2) as it:
        await it.live(2 * HOUR)
        for seconds in (2 * MINUTE, 4.9 * MINUTE, 10 * MINUTE, 3 * HOUR, 30 * MINUTE):
            it.suspend(seconds)
            assert (it.look().status_server.state is ServerState.CONNECTED) <= (seconds < 10 * MINUTE)
            await it.live(70 * MINUTE)
            assert it.look().status_server.state is ServerState.CONNECTED
        for seconds in (HOUR, -HOUR, DAY, -DAY):
            delivered = len(it.deliveries)
            it.step(seconds)
            with zone("Pacific/Kiritimati" if seconds > 0 else "Pacific/Pago_Pago"):
                await it.live(10 * MINUTE)
                logs = it.look().log_server
                assert logs.last_delivery_age_seconds is not None
                assert logs.last_delivery_age_seconds <= HOUR + 31  # not the step's
                assert seconds > 0 or logs.delivery == "idle"
                await it.live(HOUR)
            assert delivered < len(it.deliveries) <= delivered + 3
        assert broken_rules(it) == []


async def test_a_portal_that_is_away_for_hours(folder: Path) -> None:
    """Not connected two intervals later, asked at least each ten minutes, and all is as before by itself."""
    async with day(folder, seed=3) as it:
        await it.live(HOUR)
        last, began = it.beats[-1].boot, it.clock.boot
        await it.portal_ends()
        await it.pass_(last + 2 * BEAT - began - 0.5)
        assert it.look().status_server.state is ServerState.CONNECTED
        await it.pass_(1.0)
        assert it.look().status_server.state is ServerState.FAILING
        for _ in range(8):
            await it.live(15 * MINUTE)
            status = it.look()
            assert status.status_server.state is ServerState.FAILING
            assert (status.status_server.next_beat_in_seconds or 0) <= 600
            logs = status.log_server
            assert logs.delivery == "idle" or (logs.next_delivery_in_seconds or 0) <= 300
        assert it.look().log_server.state is ServerState.FAILING
        await it.portal_begins()
        await it.at_rest()
        await it.pass_(10 * MINUTE + 1)
        status = it.look()
        assert status.status_server.state is ServerState.CONNECTED
        assert status.log_server.last_failure is None
        assert status.spool.events == 0
        assert set(it.at_portal().values()) == {1}
        assert len(it.at_portal()) == it.handed_in
        assert it.wrong == []
