"""The limiter: the mean is exact, the bursts are short, and beats have nothing to do with it."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_tui.link.bandwidth import Limiter, limited


class Time:
    """A clock for the limiter's arithmetic."""

    now = 0.0

    def __call__(self):
        return self.now


@given(st.integers(1000, 10_000_000), st.lists(st.integers(1, 70_000), min_size=20, max_size=60))
def test_never_more_than_the_limit_and_a_short_burst(rate, sizes):
    """Over any stretch of time no more goes than the limit allows, plus a twentieth of a second."""
    time = Time()
    limiter = Limiter(rate, clock=time)
    sent = 0
    for size in sizes:
        time.now += limiter.reserve(size)
        sent += size
        assert sent - size <= rate * (time.now + 0.050) + 1


@given(st.integers(1000, 10_000_000))
def test_the_mean_is_the_limit(rate):
    """A long transfer takes as long as it should, not longer."""
    time = Time()
    limiter = Limiter(rate, clock=time)
    for _ in range(1000):
        time.now += limiter.reserve(limiter.chunk)
    assert time.now == pytest.approx(999 * limiter.chunk / rate, rel=0.001, abs=0.06)


def test_idle_time_is_not_saved_up():
    """After an hour of silence the line is not flooded."""
    time = Time()
    limiter = Limiter(100_000, clock=time)
    time.now += 3600
    sent = 0
    while limiter.reserve(1024) == 0:
        sent += 1024
    assert sent <= 100_000 * 0.050 + 2048


def test_no_limit_waits_for_nothing():
    """Zero means as fast as it goes."""
    assert Limiter.of_kbps(0).reserve(10**9) == 0


async def test_bytes_pass_unchanged_and_two_transfers_share():
    """Content is what it was, and a second transfer gets no line of its own."""
    limiter = Limiter.of_kbps(2000)
    content = [bytes([n]) * 30_000 for n in range(4)]

    async def pieces():
        for piece in content:
            yield piece

    async def transfer():
        return b"".join([piece async for piece in limited(pieces(), limiter)])

    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await asyncio.gather(transfer(), transfer()) == [b"".join(content)] * 2
    assert loop.time() - began >= 240_000 / 2_000_000 - 0.06
