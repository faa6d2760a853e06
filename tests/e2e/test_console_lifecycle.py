"""The console's end, whichever way it comes, and its rest: seen from the terminal and from /proc."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.lab import COMMAND, processes_with, short_folder
from tests.wire.ptys import Pty

STORM = 100


@pytest.fixture
def home() -> Iterator[Path]:
    """A short home; when the console has ended nothing that was started for it is left."""
    with short_folder() as made:
        yield made
        assert processes_with(str(made)) == []


@contextmanager
def console(home: Path, **more: Any) -> Iterator[Pty]:
    """The console on a pty, with its private agent, once it shows the status; it is ended by SIGTERM."""
    environ = {"TM_TUI_HOME": str(home), "TERM": "xterm", "TMPDIR": str(home)}
    with Pty([COMMAND], environ=environ, **more) as terminal:
        terminal.until_text("TMSP  DISABLED", 60)
        terminal.settle(0.5)
        yield terminal
        if terminal.process.poll() is None:
            terminal.process.terminate()
            terminal.ends_within(10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP])
@pytest.mark.parametrize("nohup", [False, True])
def test_a_signal_ends_it(number: signal.Signals, nohup: bool, home: Path) -> None:
    """The status tells the signal, the shell gets its modes back, the private agent goes along."""
    with console(home, nohup=nohup) as terminal:
        agent = [pid for pid in processes_with(str(home)) if pid != terminal.process.pid]
        assert len(agent) == 1
        terminal.process.send_signal(number)
        assert terminal.ends_within(6) == 128 + number
        assert terminal.modes_are_back()
        assert terminal.raw.endswith(b"\x1b[?1049l")
        assert not Path(f"/proc/{agent[0]}").exists()


@pytest.mark.parametrize("nohup", [False, True])
@pytest.mark.parametrize("controlling", [False, True])
def test_a_lost_line_ends_it(nohup: bool, controlling: bool, home: Path) -> None:
    """End of input is the end, whether SIGHUP comes, is ignored, or is for another."""
    with console(home, nohup=nohup, controlling=controlling) as terminal:
        terminal.hang_up()
        assert terminal.ends_within(6) == 129


def test_nobody_reading_stops_nothing_in_the_agent(home: Path) -> None:
    """While the admin's terminal takes no byte, the agent answers others, and the console comes back."""
    with console(home) as terminal:
        environ = {**os.environ, "TM_TUI_HOME": str(home)}
        for number in range(2):
            terminal.type("\x0c" * 40)  # paint all anew: more than a pty holds
            words = (COMMAND, "config", "set", "tmsp.email", f"admin{number}@example.com")
            assert subprocess.run(words, env=environ, check=False, capture_output=True).returncode == 0
        terminal.until_text("revision 2", 30)


def test_a_storm_of_resizes_is_one_picture(home: Path) -> None:
    """A hundred sizes in a second are painted a few times, not a hundred."""
    with console(home) as terminal:
        before = len(terminal.raw)
        for number in range(STORM):
            terminal.resize(80 + number % 7, 24, tell=False)
            terminal.pump(0.005)
        terminal.resize(80, 24, tell=False)
        terminal.settle(0.5)
        assert len(terminal.raw) - before < 8_000
        assert "TMSP  DISABLED" in terminal.text()


def test_an_idle_console_is_silent(home: Path) -> None:
    """Not a byte in five seconds, and no more than one wake-up a second."""
    with console(home) as terminal:
        terminal.settle(1.5)
        before, said = terminal.wake_ups(), len(terminal.raw)
        terminal.pump(5.0)
        assert len(terminal.raw) == said
        assert terminal.wake_ups() - before <= 6
