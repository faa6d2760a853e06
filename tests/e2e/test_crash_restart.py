"""A bug in the console costs a second, not the admin's place or what was typed."""

import os
import signal
import sys
from pathlib import Path

import pytest

from e2e.lab import processes_with, short_folder
from e2e.terminal import Terminal

FAULTY = """
import os, sys
sys.path.insert(0, {root!r})
from screens.__main__ import main
def no():
    password = "canary-geheim"
    if os.path.exists({switch!r}):
        os.unlink({switch!r})
        raise RuntimeError(password)
import screens.shell.main
plain = screens.shell.main.MainScreen._tick
def tick(self):
    no()
    plain(self)
screens.shell.main.MainScreen._tick = tick
main()
"""
"""The real program with a bug in its ticker, which shows as soon as the file `switch` is there."""


def faulty(switch: Path) -> tuple[str, ...]:
    """The command line of a console with the bug."""
    return (sys.executable, "-c", FAULTY.format(root=str(Path(__file__).parents[2]), switch=str(switch)))


@pytest.fixture
def crashing(tmp_path: Path):
    """A home for a console with its private agent, and where its crash reports go."""
    with short_folder() as home:
        clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        terminal = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
        yield {**clean, **terminal, "TM_TUI_HOME": str(home), "TMPDIR": str(tmp_path)}
        assert processes_with(str(home)) == []


def reports(tmp_path: Path) -> list[Path]:
    return sorted(tmp_path.glob("crash-*.txt"))


def test_it_goes_on_where_the_admin_was(crashing: dict[str, str], tmp_path: Path) -> None:
    """After a crash the same form is open with what was typed in it; the password is asked for again."""
    switch = tmp_path / "switch"
    with Terminal(faulty(switch), crashing, forked=False) as terminal:
        terminal.wait_for("DISABLED")
        terminal.send("Down", "Enter")
        terminal.wait_for("[ Test F3 ]")
        terminal.tab_to("Log server")
        terminal.send("typed.example.com")
        terminal.wait_for("typed.example.com")
        pid = terminal.process.pid
        switch.touch()
        terminal.wait_for("Restarted after a crash")
        terminal.wait_for("[ Close ]")
        terminal.send("Enter")
        terminal.wait_for(lambda text: "[ Close ]" not in text and "~Log server      typed" in text)
        assert terminal.process.pid == pid
        assert b"the console ended because of a bug (RuntimeError at" in terminal.raw
        [report] = reports(tmp_path)
        assert str(report).encode() in terminal.raw
        assert "canary" not in report.read_text() + terminal.raw.decode(errors="replace")
        terminal.send("F10")
        terminal.wait_for("Leave with unsaved changes?")
        terminal.send("Tab", "Enter")
        assert terminal.wait_for_end() == 0


def test_a_password_is_not_carried_over(crashing: dict[str, str], tmp_path: Path) -> None:
    """What was typed into a password field is gone after a crash, and the console says so."""
    switch = tmp_path / "switch"
    with Terminal(faulty(switch), crashing, forked=False) as terminal:
        terminal.wait_for("DISABLED")
        terminal.send("Down", "Enter")
        terminal.wait_for("[ Test F3 ]")
        terminal.tab_to("Password")
        terminal.send("S3cret-canary")
        terminal.wait_for("*************")
        switch.touch()
        terminal.wait_for("Type the password again")
        terminal.send("Enter")
        terminal.wait_for(lambda text: "[ Close ]" not in text)
        assert "*****" not in terminal.text.split("Password")[-1].splitlines()[0]
        assert "S3cret" not in Path(f"/proc/{terminal.process.pid}/cmdline").read_text()
        terminal.send("F10")
        terminal.wait_for_end()
    for path in [*Path(crashing["TM_TUI_HOME"]).rglob("*"), *reports(tmp_path)]:
        if path.is_file():
            assert b"S3cret-canary" not in path.read_bytes()


def test_a_crash_loop_ends(crashing: dict[str, str], tmp_path: Path) -> None:
    """A second crash within a minute ends the console: status 1, its line, the terminal as it was."""
    switch = tmp_path / "switch"
    with Terminal(faulty(switch), crashing, forked=False) as terminal:
        terminal.wait_for("DISABLED")
        switch.touch()
        terminal.wait_for("Restarted after a crash")
        terminal.wait_for("DISABLED")
        switch.touch()
        assert terminal.wait_for_end() == 1
        assert terminal.raw.count(b"the console ended because of a bug") == 2
        assert terminal.text.strip().endswith("Its own agent ended with it.")
    assert len(reports(tmp_path)) == 2
    assert processes_with(str(switch)) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_restarted_console_ends_as_any(
    number: signal.Signals, crashing: dict[str, str], tmp_path: Path
) -> None:
    """After the restart signals end it as before, with their status."""
    switch = tmp_path / "switch"
    with Terminal(faulty(switch), crashing, forked=False) as terminal:
        terminal.wait_for("DISABLED")
        switch.touch()
        terminal.wait_for("Restarted after a crash")
        terminal.wait_for("DISABLED")
        os.kill(terminal.process.pid, number)
        assert terminal.wait_for_end() == 128 + number
