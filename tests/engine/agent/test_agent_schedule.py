"""The grid of the beats, by itself: jitter, backoff, what was missed."""

import random

from hypothesis import given
from hypothesis import strategies as st

from tm_tui.link.failures import failure
from tm_tui.link.types import Endpoint
from tm_tui.retry import Pace, asked_by, full_jitter
from tm_tui.status_server.beat_loop import BeatSchedule

chances = st.floats(0, 1, exclude_max=True)
intervals = st.floats(5, 28800)


@given(interval=intervals, chance=chances, late=st.floats(0, 0.79))
def test_beats_stay_on_their_grid(interval: float, chance: float, late: float) -> None:
    """A slow round trip never shifts the beats: each is due an interval, give or take a tenth, later."""
    schedule = BeatSchedule(interval, lambda: chance, 0.0)
    for _ in range(5):
        before = schedule.due
        assert schedule.begin(before + late * interval) == 0
        schedule.accepted()
        assert 0.899 * interval <= schedule.due - before <= 1.101 * interval


@given(interval=intervals, failures=st.integers(1, 1000), chance=chances)
def test_backoff_grows_to_ten_minutes(interval: float, failures: int, chance: float) -> None:
    """A portal in trouble is asked less often, but never less than every ten minutes."""
    schedule = BeatSchedule(interval, lambda: chance, 0.0)
    schedule.begin(0.0)
    schedule.failed(Pace.around(interval).wait(failures, lambda: chance), 0.0)
    assert 0.899 * min(interval, 600) <= schedule.due <= 600
    if interval * 2 ** min(failures - 1, 20) >= 700:
        assert schedule.due >= 539


def test_retry_after_is_honoured_up_to_an_hour() -> None:
    """A portal that says when to come back is not asked before, and cannot silence us for a day."""
    for asked, waits in ((1200.0, 1200.0), (86400.0, 3600.0)):
        schedule = BeatSchedule(60, random.random, 0.0)
        schedule.begin(0.0)
        busy = failure("http-busy", "service", Endpoint("status.example.com", 443), retry_after=asked)
        schedule.failed(Pace.around(60).wait(1, random.random), 2.0, asked_by(busy))
        assert schedule.due == 2.0 + waits


def test_beats_that_nobody_sent_are_counted() -> None:
    """A machine that slept for an hour has missed that hour's beats, and beats at once."""
    schedule = BeatSchedule(300, lambda: 0.5, 0.0)
    assert schedule.begin(0.0) == 0
    schedule.accepted()
    assert schedule.begin(3900.0) == 12
    schedule.accepted()
    assert schedule.due == 4200.0


@given(failures=st.integers(0, 10_000), chance=chances)
def test_full_jitter_stays_within_its_bounds(failures: int, chance: float) -> None:
    """Retries of a whole fleet spread over the wait, and the wait has an end."""
    assert 0 <= full_jitter(failures, 1.0, 300.0, lambda: chance) <= 300.0
