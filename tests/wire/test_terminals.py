"""Terminals as they are met: of any size and charset, with modes left on, slow to answer, attached again."""

import fcntl
import signal
import struct
import sys
import termios
import tty
from pathlib import Path

import pytest

from screens.terminal.capabilities import VT100
from screens.terminal.frame import Frame
from screens.terminal.glyphs import as_ascii
from screens.terminal.looks import Palette
from tests.wire.ptys import Pty

CONSOLE = [sys.executable, "-m", "tests.wire.real", "ours"]
HOME = "Threat Mitigator"
TOO_SMALL = "is too small: 60x18 is needed."
SIZES = [
    (1, 1),
    (2, 1),
    (1, 2),
    (3, 2),
    (2, 65535),
    (65535, 2),
    (59, 18),
    (60, 17),
    (60, 18),
    (500, 300),
    (65535, 65535),
]


def console(**keywords) -> Pty:
    """The real console with a scripted agent, on a pty."""
    return Pty(CONSOLE, orders=True, **keywords)


def resident(terminal: Pty) -> int:
    """The most memory that the program had, in bytes."""
    status = Path(f"/proc/{terminal.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def left_unread(terminal: Pty) -> int:
    """Bytes that a shell would read next."""
    tty.setraw(terminal.slave, termios.TCSANOW)
    return struct.unpack("i", fcntl.ioctl(terminal.slave, termios.FIONREAD, b"\0" * 4))[0]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_window_of_any_size_opens_the_console(size: tuple[int, int]) -> None:
    """It shows a notice or the screen, within a bounded memory, and all of it once there is room."""
    with console(size=size) as terminal:
        terminal.until(lambda: len(terminal.raw) > 40)
        terminal.settle(0.3, 5)
        terminal.resize(80, 24)
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.until_text("CONNECTED")
        terminal.until_text(HOME)
        assert resident(terminal) < 150_000_000
        terminal.type("\x1b[21~")
        assert terminal.ends_within() == 0
        assert terminal.modes_are_back()


def test_a_window_resized_under_the_first_picture_is_noticed() -> None:
    """The signal came before anybody listened: the size is looked at again."""
    with console(size=(40, 12)) as terminal:
        terminal.until(lambda: len(terminal.raw) > 40)
        terminal.resize(80, 24)
        terminal.until_text("CONNECTED")


def test_a_window_may_take_any_size_later() -> None:
    """Every size of that list in a row, each told, ends in the screen of the last one."""
    with console() as terminal:
        terminal.until_text("CONNECTED")
        for size in [*SIZES, (80, 24)]:
            terminal.resize(*size, tell=False)
            terminal.process.send_signal(signal.SIGWINCH)
            terminal.settle(0.3, 5)
        terminal.screen.reset()
        terminal.type("\x0c")
        terminal.until_text("CONNECTED")
        assert resident(terminal) < 150_000_000


@pytest.mark.parametrize("size", [(40, 12), (59, 24), (80, 17)], ids=str)
def test_a_small_window_says_what_it_needs_from_the_first_picture_on(size: tuple[int, int]) -> None:
    """No half frame stands there first."""
    with console(size=size) as terminal:
        terminal.until(lambda: TOO_SMALL in terminal.text().replace("\n", ""))
        assert "CONNECTED" not in terminal.text()


def test_no_late_answer_is_left_to_the_shell() -> None:
    """On a line with a delay the terminal's answer comes after F10: it types nothing at the prompt."""
    with console(answers=False) as terminal:
        terminal.until(lambda: b"\x1b[5n" in terminal.raw)
        terminal.type("\x1b[21~")
        terminal.until(lambda: terminal.raw.endswith(b"\x1b[H\x1b[J"), what="the end")
        terminal.pump(0.4)
        terminal.type("\x1b[0n" * terminal.raw.count(b"\x1b[5n"))
        assert terminal.ends_within() == 0
        assert terminal.modes_are_back()
        assert left_unread(terminal) == 0


def test_a_terminal_that_never_answers_holds_nobody_up() -> None:
    """The wait for an answer is bounded, and is not made for a terminal that has long been silent."""
    with console(answers=False) as terminal:
        terminal.until_text("CONNECTED")
        terminal.settle(3.2, 4)
        terminal.type("\x1b[21~")
        assert terminal.ends_within(2.5) == 0


def test_a_terminal_attached_again_is_painted_anew() -> None:
    """SIGWINCH without another size is what tmux and screen send after they attached."""
    with console() as terminal:
        terminal.until_text("CONNECTED")
        terminal.settle(0.3, 5)
        terminal.screen.reset()
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.until_text("CONNECTED")
        terminal.until_text(HOME)


LEFT_ON = "\x1b[4h\x1b(0\x1b[?5h\x1b[?6h\x1b[?1h\x1b=\x1b[?1000h\x1b[?1005h"
"""Insert mode, line drawing, reverse screen, origin, application keys, mouse."""


@pytest.mark.parametrize("name", ["vt100", "xterm-256color"])
def test_modes_that_were_left_on_are_reset_and_cured_by_the_repaint(name: str) -> None:
    """An earlier program, or noise, left modes on: the first picture is right, and ^L makes it so again."""
    with console(environ={"TERM": name}) as terminal:
        terminal.stream.feed(LEFT_ON.encode())
        terminal.until_text("CONNECTED")
        terminal.until_text(HOME)
        terminal.settle(0.3, 5)
        shown, before = terminal.text(), len(terminal.raw)
        terminal.stream.feed(LEFT_ON.encode() + b"\x1b[3;10rnoise")
        terminal.type("\x0c")
        terminal.until(lambda: terminal.text() == shown, what="the screen of before")
        again = bytes(terminal.raw[before:])
        for code in (b"\x1b(B", b"\x1b[4l", b"\x1b[?1;5;6;7l", b"\x1b>"):
            assert code in again
        keys = [b"1005", b"\x1b[>4m", b"\x1b[=0u"]
        assert [code in again for code in keys] == [name != "vt100"] * 3


@pytest.mark.parametrize(
    ("variables", "ascii_only"),
    [
        ({"LANG": "de_DE@euro"}, True),
        ({"LANG": "de_DE"}, True),
        ({"LANG": "en_US.ISO-8859-1"}, True),
        ({"LANG": "zh_CN.GB18030"}, True),
        ({"LANG": "ru_RU.KOI8-R"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "de_DE@euro"}, True),
        ({"LANG": "en_US.UTF-8", "LC_CTYPE": "C"}, True),
        ({"LANG": "de_DE.utf8"}, False),
        ({"LANG": "xx_XX.UTF-8"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
    ],
    ids=str,
)
def test_the_charset_is_what_the_variables_say(variables: dict[str, str], ascii_only: bool) -> None:
    """Also where the locale is not installed here, for which Python gives itself UTF-8."""
    with console(environ={"TERM": "xterm-256color", "LANG": "", **variables}) as terminal:
        terminal.until_text("CONNECTED")
        assert (max(terminal.raw) < 0x80) is ascii_only


@pytest.mark.parametrize(
    ("sign", "shown"),
    [
        ("１", "1"),
        ("²", "?"),
        ("①", "?"),
        ("½", "?"),
        ("㉑", "?"),
        ("٣", "?"),
        ("é", "e"),
        ("⒈", "?"),
        ("Ⅷ", "?"),
    ],
)
def test_no_number_becomes_another_one_in_ascii(sign: str, shown: str) -> None:
    """A raised, circled, broken or foreign digit is never shown as a plain one that it is not."""
    assert as_ascii(sign) == shown


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({"LANG": "C"}, b"konnen - a.b"),
        ({"LANG": "de_DE@euro"}, "können - a.b".encode("iso8859-15")),
        ({"LANG": "ru_RU.KOI8-R"}, b"konnen - a.b"),
        ({"LANG": "de_DE.UTF-8"}, "können — a…b".encode()),
        ({"LANG": "xx_XX.NOBODY-KNOWS"}, b"konnen - a.b"),
    ],
    ids=str,
)
def test_commands_show_a_terminal_the_signs_that_it_has(variables: dict[str, str], shown: bytes) -> None:
    """Their lines follow the variables as the console does; what a charset lacks has a stand-in."""
    code = (
        "import click, sys; import screens.launch.commands as c;"
        "say = lambda: click.echo('k\xf6nnen \u2014 a\u2026b');"
        "c.engine_commands = lambda _: click.Command('x', callback=say);"
        "sys.argv = ['x']; c.run_commands()"
    )
    with Pty([sys.executable, "-c", code], environ={"LANG": "", **variables}) as terminal:
        assert terminal.ends_within() == 0
        assert bytes(terminal.raw).rstrip() == shown


@pytest.mark.parametrize(
    ("utf8", "text", "shown"),
    [
        (True, "port 2\ufe0f\u20e32\ufe0f\u20e3", "port ? ? "),
        (False, "port 2\ufe0f\u20e32\ufe0f\u20e3", "port ? ? "),
        (False, "１０.０", "1 0 .0 "),
        (False, "漢字", "? ? "),
        (True, "１０", "１０"),
    ],
)
def test_a_sign_of_several_parts_or_columns_shows_once(utf8: bool, text: str, shown: str) -> None:
    """Two columns are never two digits, and a keycap is no plain digit: a port would read as another one."""
    frame = Frame(12, 1, Palette(VT100._replace(utf8=utf8)))
    frame.write(0, 0, text, 0)
    assert "".join(frame.signs[0]).rstrip() == shown.rstrip()
