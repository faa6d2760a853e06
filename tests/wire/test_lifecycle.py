"""The end of a session, whichever way it comes: the terminal is given back and nothing spins."""

import signal
import subprocess
import sys
import time

import pytest

from tests.wire.ptys import ROOT, Pty, sample
from tests.wire.test_defects import READY, open_form, started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
def test_a_signal_ends_it_with_the_terminal_restored(number, tmp_path):
    """The shell behind it finds modes, margins and cursor as before, and the status tells the signal."""
    with started("ours", tmp_path) as terminal:
        terminal.process.send_signal(number)
        assert terminal.ends_within() == 128 + number
        assert terminal.modes_are_back()
        assert terminal.raw.endswith(b"\x1b[?7h\x1b[?25h\x1b[H\x1b[J")


def test_a_program_that_hangs_ends_too(tmp_path):
    """Even an endless loop in the app does not keep the terminal."""
    with started("ours", tmp_path) as terminal:
        terminal.order("hang")
        terminal.pump(0.3)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.ends_within() == 128 + signal.SIGTERM
        assert terminal.modes_are_back()


@pytest.mark.parametrize("nohup", [False, True])
@pytest.mark.parametrize("controlling", [False, True])
def test_a_hang_up_ends_it(nohup, controlling, tmp_path):
    """The line is lost, SIGHUP comes, is ignored, or is not for us: it ends in any case, and quickly."""
    with started("ours", tmp_path, nohup=nohup, controlling=controlling) as terminal:
        terminal.hang_up()
        assert terminal.ends_within() == 129


def test_nobody_reading_stops_nothing(tmp_path):
    """While nobody takes the bytes, the app goes on, and then only the newest state is sent."""
    with started("ours", tmp_path) as terminal:
        for number in range(3000):
            terminal.order(f"log {number} " + "x" * 60)
            if number % 50 == 0:
                terminal.order(f"tick {number}")
        terminal.order("facts")
        wait_for_fact(terminal, "inputs")
        before = len(terminal.raw)
        terminal.until_text("2999 x")
        terminal.settle(0.3)
        assert len(terminal.raw) - before < 20_000


def wait_for_fact(terminal, start, limit=60.0):
    """Wait without reading a byte from the pty."""
    end = time.monotonic() + limit
    while not any(fact.startswith(start) for fact in terminal.facts()):
        assert time.monotonic() < end, "the app stood still"
        terminal.process.poll()


def test_a_stopped_line_does_not_stop_the_end(tmp_path):
    """With the line full and nobody reading, SIGTERM still ends it."""
    with started("ours", tmp_path) as terminal:
        for number in range(400):
            terminal.order(f"log {number} " + "y" * 70)
        wait_for_fact(terminal, "mounted")
        terminal.process.send_signal(signal.SIGTERM)
        terminal.process.wait(60)
        assert terminal.process.returncode == 128 + signal.SIGTERM


def test_a_crash_is_one_line_and_a_report_without_values(tmp_path):
    """The admin reads one sentence.

    Support gets a file with places in the code, and no secret is in either.
    """
    with started("ours", tmp_path, environ={"TMPDIR": str(tmp_path)}) as terminal:
        before = len(terminal.raw)
        terminal.order("crash")
        assert terminal.ends_within() == 1
        said = bytes(terminal.raw[before:]).decode()
        [report] = tmp_path.glob("crash-*.txt")
        assert "The program stopped because of a bug (RuntimeError at sample.py:" in said
        assert "hunter2" not in said + report.read_text()
        assert "sample.py" in report.read_text()
        assert report.stat().st_mode & 0o777 == 0o600


def test_redraw_brings_the_screen_back(tmp_path):
    """After noise on the line ^L shows everything again."""
    with started("ours", tmp_path) as terminal:
        terminal.stream.feed(b"\x1b[2J\x1b[5;9r\x0egarbage")
        terminal.type("\x0c")
        terminal.until_text(READY)
        assert "Threat Mitigator" in terminal.text()
        assert "garbage" not in terminal.text()


def test_resizing_shows_the_new_size(tmp_path):
    """A window made larger is used, one made smaller is not overrun, one too small says so."""
    with started("ours", tmp_path) as terminal:
        terminal.resize(100, 30)
        terminal.until(lambda: terminal.screen.display[29].startswith("CONNECTED"))
        terminal.resize(60, 20)
        terminal.until(lambda: terminal.screen.display[19].startswith("CONNECTED"))
        terminal.resize(18, 4)
        terminal.until(lambda: "too small" in terminal.text().replace("\n", ""))
        terminal.resize(80, 24)
        terminal.until(lambda: terminal.screen.display[23].startswith("CONNECTED"))


def test_a_size_that_nobody_knows_is_asked_for(tmp_path):
    """On a serial line of size 0x0 the terminal's own answer counts, and nothing is painted twice."""
    with sample("ours", folder=tmp_path, size=(0, 0), environ={"SAMPLE_THEME": "ansi-dark"}) as terminal:
        terminal.screen.resize(30, 100)
        terminal.until(lambda: terminal.screen.display[29].startswith("CONNECTED"))
        assert terminal.facts()[-1] == "size 100x30"
        assert terminal.raw.count(b"CONNECTED") == 1


def test_lines_and_columns_count_where_the_system_knows_nothing(tmp_path):
    """An admin may tell the size by the shell's variables."""
    environ = {"COLUMNS": "90", "LINES": "26"}
    with sample("ours", folder=tmp_path, size=(0, 0), answers=False, environ=environ) as terminal:
        terminal.screen.resize(26, 90)
        terminal.until(lambda: terminal.screen.display[25].startswith("CONNECTED"))


def test_a_pasted_text_goes_into_one_field(tmp_path):
    """Two thousand characters arrive as one paste, and no key is pressed by them."""
    with started("ours", tmp_path, environ={"TERM": "xterm"}) as terminal:
        assert b"\x1b[?2004h" in terminal.raw
        open_form(terminal)
        terminal.type("\x1b[200~" + "p" * 1000)
        terminal.settle(0.1)
        terminal.type("p" * 1000 + "\x1b[201~")
        terminal.settle(0.3)
        terminal.order("facts")
        wait_for_fact(terminal, "inputs")
        assert "p" * 2000 in terminal.facts()[-1]


def test_stopped_and_continued_it_takes_the_terminal_again(tmp_path):
    """Kill -TSTP gives the terminal back to the shell; fg paints everything anew."""
    with started("ours", tmp_path) as terminal:
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.until(terminal.modes_are_back)
        terminal.settle(0.2)
        terminal.screen.reset()
        terminal.process.send_signal(signal.SIGCONT)
        terminal.until_text(READY)
        assert not terminal.modes_are_back()


def test_the_driver_alone_suits_any_app(tmp_path):
    """An app that only names the driver class gets all of it."""
    with started("driver", tmp_path) as terminal:
        open_form(terminal)
        terminal.type("\x1b[21~")
        assert terminal.ends_within() == 0
        assert terminal.modes_are_back()


def test_an_xterm_gets_its_shell_screen_back(tmp_path):
    """Where there is a second screen, the text from before comes back."""
    with started("ours", tmp_path, environ={"TERM": "xterm-256color"}) as terminal:
        terminal.type("\x1b[21~")
        assert terminal.ends_within() == 0
        assert terminal.raw.startswith(b"\x1b[?1049h")
        assert terminal.raw.endswith(b"\x1b[?1049l")


def test_a_skeleton_is_there_before_textual(tmp_path):
    """The first paint needs no toolkit, and what the app then shows is sent as the difference."""
    program = """
import sys
from screens.terminal import skeleton, TerminalOptions
session = skeleton([" Threat Mitigator  tm01.example.net", "", "loading"])
assert not {"textual", "rich", "asyncio"} & set(sys.modules), sorted(sys.modules)
from tests.wire.sample import build
build("ours").run(mouse=False)
"""
    ansi = {"SAMPLE_THEME": "ansi-dark"}
    with Pty([sys.executable, "-c", program], folder=tmp_path, environ=ansi, forked=False) as terminal:
        terminal.until_text(READY)
        assert "loading" not in terminal.text()
        assert terminal.raw.count(b"tm01.example.net") <= 2
        terminal.type("\x1b[21~")
        assert terminal.ends_within() == 0
        assert terminal.modes_are_back()


def test_without_a_terminal_it_says_so():
    """In a pipe there is a sentence, not a traceback of codes."""
    program = "from screens.terminal import skeleton\nskeleton(['x'])"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert "There is no terminal." in ended.stderr
    assert ended.stdout == ""
