"""Whatever two screens follow each other, the terminal ends up showing the second one."""

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screens.terminal.frame import Frame
from screens.terminal.looks import Palette
from screens.terminal.painter import Painter
from tests.emulator import Emulator, QuickScreen, Stream
from tests.wire.screens_of import (
    ALL_SETS,
    CURSORS,
    STEPS,
    apply,
    composed,
    on_blanks,
    pyte_cells,
    pyte_signs,
    wanted,
)
from tests.wire.strict import StrictTerminal

SESSIONS = st.lists(st.tuples(STEPS, CURSORS), min_size=1, max_size=8)
WIDTH, HEIGHT = 40, 12


@pytest.mark.parametrize("capabilities", ALL_SETS, ids=lambda each: f"{each.name}-{each.colours}")
@given(session=SESSIONS)
@settings(max_examples=80, deadline=None)
def test_each_frame_is_shown_as_it_is(capabilities, session):
    """After every frame the strict terminal of that set shows these cells and has its cursor there."""
    palette = Palette(capabilities)
    frame, painter = Frame(WIDTH, HEIGHT, palette), Painter(palette, WIDTH, HEIGHT)
    terminal = StrictTerminal(capabilities, WIDTH, HEIGHT)
    for step, cursor in session:
        apply(frame, step)
        terminal.feed(painter.paint(frame, cursor))
        assert on_blanks(terminal.cells, palette) == on_blanks(wanted(frame), palette)
        assert terminal.cursor_shown is (cursor is not None)
        if cursor is not None:
            assert (terminal.x, terminal.y) == cursor
        assert painter.paint(frame, cursor) == "", "an unchanged frame costs nothing"


@pytest.mark.parametrize("capabilities", ALL_SETS[:4], ids=lambda each: f"{each.name}-{each.colours}")
@given(session=SESSIONS)
@settings(max_examples=20, deadline=None)
def test_an_emulator_of_others_shows_the_same_as_a_full_paint(capabilities, session):
    """pyte, fed with differences, shows what a second pyte shows that got the last frame in full."""
    palette = Palette(capabilities)
    frame, painter = Frame(WIDTH, HEIGHT, palette), Painter(palette, WIDTH, HEIGHT)
    ours = Emulator(WIDTH, HEIGHT)
    stream = Stream(ours)
    for step, cursor in session:
        apply(frame, step)
        stream.feed(painter.paint(frame, cursor))
        whole = Emulator(WIDTH, HEIGHT)
        Stream(whole).feed(Painter(palette, WIDTH, HEIGHT).paint(frame, cursor))
        assert pyte_signs(ours) == [[composed(sign) for sign, _ in row] for row in wanted(frame)]
        assert pyte_cells(ours) == pyte_cells(whole)
        if cursor is not None:
            assert (ours.cursor.x, ours.cursor.y) == cursor


@given(session=SESSIONS, budget=st.integers(0, 200))
@settings(max_examples=60, deadline=None)
def test_a_paint_in_portions_ends_at_the_newest_frame(session, budget):
    """A frame is sent in portions, and the newest one goes on where the last portion stopped."""
    palette = Palette(ALL_SETS[0])
    frame, painter = Frame(WIDTH, HEIGHT, palette), Painter(palette, WIDTH, HEIGHT)
    terminal = StrictTerminal(ALL_SETS[0], WIDTH, HEIGHT)
    for step, cursor in session:
        apply(frame, step)
        terminal.feed(painter.paint(frame, cursor, budget))
    for _ in range(HEIGHT + 1):
        terminal.feed(painter.paint(frame, None, budget))
    assert not painter.unfinished
    assert on_blanks(terminal.cells, palette) == on_blanks(wanted(frame), palette)


def test_a_lost_screen_is_painted_anew():
    """After ^L the terminal shows everything again, whatever noise had put there."""
    palette = Palette(ALL_SETS[0])
    frame, painter = Frame(WIDTH, HEIGHT, palette), Painter(palette, WIDTH, HEIGHT)
    frame.write(3, 3, "hello", 0)
    painter.paint(frame, None)
    painter.forget()
    terminal = StrictTerminal(ALL_SETS[0], WIDTH, HEIGHT)
    terminal.wrap = False
    terminal.feed(painter.paint(frame, None))
    assert on_blanks(terminal.cells, palette) == on_blanks(wanted(frame), palette)


@given(data=st.text(st.sampled_from("ab~ é漢\u0301─\x00\r\n\b\x1b[7;3m1H(0B4hl"), max_size=60))
def test_the_quick_screen_shows_what_pyte_shows(data):
    """Whatever is written, in whatever mode: cells, cursor and looks are those of pyte's own screen."""
    quick, slow = QuickScreen(12, 4), pyte.Screen(12, 4)
    for screen in (quick, slow):
        pyte.Stream(screen).feed(data)
    assert pyte_cells(quick) == pyte_cells(slow)
    assert (quick.cursor.x, quick.cursor.y) == (slow.cursor.x, slow.cursor.y)
