"""What the line has not taken yet is never added to: newer frames replace it."""

import asyncio
import os
import pty

import pytest

from screens.terminal.line import Line
from screens.terminal.pacing import PROBE, Pacer


class Counter:
    """A source whose frames are numbers, padded to a size."""

    def __init__(self, size=100):
        self.number, self.size = 0, size
        self.unfinished = False
        self.unsettled = False
        self.budgets = []
        self.painted = asyncio.Event()

    def next_bytes(self, budget):
        self.budgets.append(budget)
        self.painted.set()
        return f"<{self.number}>".ljust(self.size).encode()

    def extent(self):
        return 1


class Bench:
    """A pacer on one end of a pty, and the terminal's end in the test's hand."""

    def __init__(self, source):
        self.master, slave = pty.openpty()
        self.line = Line(slave)
        os.close(slave)
        self.line.raw()
        os.set_blocking(self.master, False)
        self.source = source
        self.gone = asyncio.Event()
        self.pacer = Pacer(self.line, source, self.gone.set)
        self.came = b""
        self.more = asyncio.Event()
        asyncio.get_running_loop().add_reader(self.master, self.take)

    def take(self):
        try:
            data = os.read(self.master, 65536)
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self.master)
        self.came += data
        self.more.set()

    async def until(self, held, limit=5.0):
        async with asyncio.timeout(limit):
            while not held():
                self.more.clear()
                await self.more.wait()

    def show(self, number):
        self.source.number = number
        self.pacer.changed()

    def close(self):
        self.pacer.close()
        asyncio.get_running_loop().remove_reader(self.master)
        self.line.close()
        os.close(self.master)


@pytest.fixture
async def bench():
    made = Bench(Counter())
    yield made
    made.close()


async def test_changes_in_a_burst_are_one_frame(bench):
    """Twenty changes at once are painted once, as the last one left them."""
    for number in range(20):
        bench.show(number)
    await bench.until(lambda: b"<19>" in bench.came)
    assert bench.came.count(b"<") == 1


async def test_a_frame_before_a_due_layout_waits_for_it(bench):
    """What is half of what is meant is not sent; the whole comes once it is there."""
    bench.show(0)
    await bench.until(lambda: b"<0>" in bench.came)
    bench.source.unsettled = True
    bench.show(1)
    asyncio.get_running_loop().call_later(0.03, bench.show, 2)
    asyncio.get_running_loop().call_later(0.03, setattr, bench.source, "unsettled", False)
    await bench.until(lambda: bench.came.count(b"<") == 2)
    assert b"<2>" in bench.came
    assert b"<1>" not in bench.came


async def test_a_layout_that_never_comes_holds_nothing_up(bench):
    """After a moment the frame is sent as it is."""
    bench.show(0)
    await bench.until(lambda: b"<0>" in bench.came)
    bench.source.unsettled = True
    bench.show(1)
    await bench.until(lambda: b"<1>" in bench.came)


async def test_without_answers_nothing_waits(bench):
    """A terminal that never answers gets each frame all the same."""
    bench.pacer.start()
    await bench.until(lambda: PROBE.encode() in bench.came)
    for number in range(1, 4):
        bench.show(number)
        await bench.until(lambda wanted=number: f"<{wanted}>".encode() in bench.came)


async def test_while_an_answer_is_awaited_only_the_newest_frame_is_kept(bench):
    """A slow terminal skips what is old by the time it is ready."""
    bench.pacer.start()
    await bench.until(lambda: PROBE.encode() in bench.came)
    bench.pacer.answered()
    bench.show(1)
    await bench.until(lambda: bench.came.count(PROBE.encode()) == 2)
    for number in range(2, 30):
        bench.show(number)
        await asyncio.sleep(0)
    bench.pacer.answered()
    await bench.until(lambda: b"<29>" in bench.came)
    assert bench.came.count(b"<") == 2


async def test_a_lost_answer_does_not_stop_the_screen(bench):
    """If noise eats an answer, the next frame still comes."""
    bench.pacer.start()
    bench.pacer.answered()
    bench.show(1)
    await bench.until(lambda: bench.came.count(PROBE.encode()) == 2)
    bench.show(2)
    await bench.until(lambda: b"<2>" in bench.came)


async def test_a_line_that_answers_gets_portions():
    """A frame comes in pieces that the line carries in a moment: no key waits for a whole screen."""
    bench = Bench(Counter())
    try:
        bench.pacer.start()
        bench.pacer.answered()
        bench.show(1)
        await bench.until(lambda: b"<1>" in bench.came)
        assert bench.source.budgets == [int(960 * 0.15)]
    finally:
        bench.close()


async def test_a_full_line_takes_the_newest_frame_when_it_is_free(bench):
    """While nobody reads, at most one frame waits; then comes the newest."""
    asyncio.get_running_loop().remove_reader(bench.master)
    bench.source.size = 3000
    number = 0
    while not bench.pacer.stuck:
        number += 1
        bench.source.painted.clear()
        bench.show(number)
        await asyncio.wait_for(bench.source.painted.wait(), 60)
        await asyncio.sleep(0)
    for later in range(number + 1, number + 50):
        bench.show(later)
        await asyncio.sleep(0)
    asyncio.get_running_loop().add_reader(bench.master, bench.take)
    await bench.until(lambda: f"<{number + 49}>".encode() in bench.came)
    assert bench.came.count(b"<") <= number + 1


async def test_the_end_of_the_line_is_told_once(bench):
    """When the other end goes while writing, the driver hears of it."""
    asyncio.get_running_loop().remove_reader(bench.master)
    os.close(bench.master)
    bench.show(1)
    async with asyncio.timeout(60):
        await bench.gone.wait()
    bench.master = os.open(os.devnull, os.O_RDONLY)
