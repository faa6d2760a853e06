"""What the console's own screens cost on a vt100, in bytes; the comparison with others is benchmarks/wire."""

import sys

import pytest

from screens.terminal.capabilities import VT100
from screens.terminal.frame import Frame
from screens.terminal.looks import Palette
from screens.terminal.painter import Painter
from tests.wire.ptys import Pty


@pytest.fixture(scope="module")
def terminal():
    """The console at 80x24 beside an agent that is connected."""
    with Pty([sys.executable, "-m", "tests.wire.real", "ours"], orders=True) as started:
        started.until_text("beat 12 s ago")
        started.settle(0.4)
        yield started


def cost(terminal, do) -> int:
    """Bytes that something takes until all is said."""
    before = len(terminal.raw)
    do()
    terminal.pump(3.0)
    terminal.settle(0.4)
    return len(terminal.raw) - before


def test_the_actions_of_a_visit(terminal):
    """The first screen, a second that passes, a key in a field, a line of the log, and doing nothing."""
    assert len(terminal.raw) <= 1600
    terminal.type("\x1b[B")
    terminal.settle(1.0)
    ticks = [cost(terminal, lambda: terminal.order("second")) for _ in range(4)]
    assert sorted(ticks)[1] <= 12, ticks
    terminal.type("\r")
    terminal.settle(0.5)
    terminal.type("\x1b[A" * 4)
    terminal.settle(0.5)
    cost(terminal, lambda: terminal.type("a"))
    assert cost(terminal, lambda: terminal.type("b")) <= 2
    assert cost(terminal, lambda: terminal.order("second")) <= 17, "a probe may go with it"
    terminal.type("\x1bOS")
    while ">  Activity" not in terminal.text():
        terminal.settle(0.3)
        terminal.type("\x1b[B")
        terminal.settle(0.3)
    terminal.type("\r")
    terminal.settle(1.0)
    lines = [cost(terminal, lambda: terminal.order("log a line of the log")) for _ in range(4)]
    text = len("12:00:01   a line of the log")
    assert sorted(lines)[1] <= text + 6, lines
    before = len(terminal.raw)
    terminal.pump(1.5)
    assert len(terminal.raw) == before


def test_a_list_beside_a_menu_scrolls():
    """A list that moves by rows beside a menu that stands costs less than half of painting it anew."""
    palette = Palette(VT100)
    frame, painter = Frame(80, 24, palette), Painter(palette, 80, 24)
    menu = ["Status", "Services", "Logs", "System"]

    def show(first: int) -> int:
        for y in range(24):
            frame.write(0, y, f"{menu[y] if y < 4 else '':19}|", 0)
            frame.write(20, y, f"{(first + y) * 7919 % 99991 * 9301:<40}{(first + y) * 31337 % 8999:<20}", 0)
        return len(painter.paint(frame, (0, 1)))

    whole = show(0)
    assert show(8) < whole / 2


def test_a_value_that_ticks_leads_back_by_the_saved_cursor():
    """From the third tick on, a value costs a move there, itself, and DECRC: wherever the cursor is."""
    palette = Palette(VT100)
    frame, painter = Frame(80, 24, palette), Painter(palette, 80, 24)
    costs = []
    for number in range(10, 20):
        frame.write(26, 21, str(number), 0)
        costs.append(len(painter.paint(frame, (61, 14))))
    assert max(costs[2:]) <= 11


def test_columns_on_tab_stops_are_near():
    """A tab leads eight columns on for a byte; the stops are set with the first paint, whatever they were."""
    palette = Palette(VT100)
    frame, painter = Frame(80, 24, palette), Painter(palette, 80, 24)
    frame.write(0, 1, "-" * 80, 0)
    assert painter.paint(frame, (3, 5)).count("-\x1bH-") == 9
    assert painter.paint(frame, (32, 5)) == "\t" * 4
    frame.write(48, 5, "7", 0)
    assert painter.paint(frame, None).endswith("\t\t7")
