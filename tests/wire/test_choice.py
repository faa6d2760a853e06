"""What is chosen for a terminal, what it may be sent, and that text cannot act on it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screens.terminal.capabilities import TRUE_COLOUR, VT100, XTERM
from screens.terminal.frame import Frame
from screens.terminal.looks import Palette
from screens.terminal.options import TerminalOptions, choose
from screens.terminal.painter import Painter
from tests.wire.strict import StrictTerminal

UTF8 = {"LANG": "C.UTF-8"}
CASES = [
    ({"TERM": "vt100", **UTF8}, "/dev/pts/0", {}, ("vt100", False, 0)),
    ({"TERM": "vt220", **UTF8}, "/dev/ttyS0", {}, ("vt100", False, 0)),
    ({"TERM": "xterm-256color", **UTF8}, "/dev/ttyUSB1", {}, ("vt100", False, 16)),
    ({"TERM": "xterm-256color", **UTF8}, "/dev/pts/3", {}, ("xterm", True, 256)),
    ({"TERM": "xterm", "COLORTERM": "truecolor", **UTF8}, "/dev/pts/3", {}, ("xterm", True, TRUE_COLOUR)),
    ({"TERM": "xterm", "LANG": "C"}, "/dev/pts/3", {}, ("xterm", False, 16)),
    ({"TERM": "xterm", "LANG": "C.UTF-8", "LC_ALL": "de_DE.ISO-8859-1"}, None, {}, ("xterm", False, 16)),
    ({"TERM": "xterm", "NO_COLOR": "1", **UTF8}, None, {}, ("xterm", True, 0)),
    ({"TERM": "linux", **UTF8}, "/dev/tty1", {}, ("linux", True, 16)),
    ({"TERM": "tmux-256color", **UTF8}, "/dev/pts/1", {}, ("screen", True, 256)),
    ({"TERM": "dumb"}, "/dev/pts/1", {}, ("vt100", False, 0)),
    ({"TERM": "wyse60", **UTF8}, "/dev/pts/1", {}, ("vt100", False, 0)),
    ({}, None, {}, ("vt100", False, 0)),
    (
        {"TERM": "dumb", **UTF8},
        "/dev/ttyS0",
        {"terminal": "xterm", "ascii": False, "mono": False},
        ("xterm", True, 16),
    ),
    ({"TERM": "xterm", **UTF8}, "/dev/pts/1", {"ascii": True, "mono": True}, ("xterm", False, 0)),
]


@pytest.mark.parametrize(("environ", "device", "asked", "wanted"), CASES)
def test_the_choice_is_the_safe_one_and_says_why(environ, device, asked, wanted):
    """Serial lines and unknown names get the vt100 set, what was asked for wins, About has the reasons."""
    choice = choose(TerminalOptions(**asked), environ, device)
    assert (choice.capabilities.name, choice.capabilities.utf8, choice.capabilities.colours) == wanted
    assert choice.describe().count("because") == 3


def test_a_slow_line_waits_longer_for_a_split_sequence():
    """An arrow key may come in pieces 300 ms apart on a serial line; elsewhere Esc is quicker."""
    assert choose(TerminalOptions(), {"TERM": "xterm"}, "/dev/ttyS0").escape_seconds == 0.3
    assert choose(TerminalOptions(), {"TERM": "xterm"}, "/dev/pts/0").escape_seconds < 0.1


@pytest.mark.parametrize("capabilities", [VT100, XTERM._replace(utf8=True)], ids=["ascii", "utf8"])
@given(texts=st.lists(st.text(max_size=40), max_size=5))
@settings(max_examples=200, deadline=None)
def test_no_text_acts_on_the_terminal(capabilities, texts):
    """Whatever a label holds, the terminal gets cells and nothing that acts on it."""
    palette = Palette(capabilities)
    frame, painter = Frame(30, 6, palette), Painter(palette, 30, 6)
    terminal = StrictTerminal(capabilities, 30, 6)
    for y, text in enumerate(texts):
        frame.write(0, y, "\x1b]52;c;x\x07" + text + "\x1b[2J\x9b5n", 0)
    terminal.feed(painter.paint(frame, None))
    shown = "".join(sign for row in terminal.cells for sign, _ in row)
    assert shown.isprintable()
    assert capabilities.utf8 or shown.isascii()
    assert all(len(row) == 30 for row in frame.signs)
