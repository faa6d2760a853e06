"""What it costs to be asked."""

import os
import resource
import subprocess
from pathlib import Path

import pytest

from agents import agent_process, short_home
from e2e.lab import COMMAND
from e2e.terminal import Terminal


def test_help_is_there_at_once() -> None:
    """`tm-tui --help` takes less than 0.3 s of CPU: on an appliance in trouble, help must not be slow."""
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run((COMMAND, "--help"), capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert "Exit codes" in done.stdout
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.3


def test_a_console_left_alone_stays_small() -> None:
    """The first values wait for nothing that judges a field; a key brings that, before a form is opened."""
    with short_home() as home, agent_process(home):
        environ = {**os.environ, "TM_TUI_HOME": str(home.config.parent), "TERM": "vt100"}
        with Terminal((COMMAND,), environ, forked=False) as terminal:
            maps = Path(f"/proc/{terminal.process.pid}/maps")
            terminal.wait_for(lambda text: "DISABLED" in text and "admin" in text)
            assert "_pydantic_core" not in maps.read_text()
            terminal.send("Down", "Enter")
            terminal.wait_for("Log server")
            assert "_pydantic_core" in maps.read_text()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    """Each shell gets its completion script."""
    done = subprocess.run((COMMAND, "completion", shell), capture_output=True, text=True, check=True)
    assert "_TM_TUI_COMPLETE" in done.stdout


def test_no_terminal_names_the_commands() -> None:
    """Without a terminal the console says so, names the commands, and ends with 2."""
    done = subprocess.run((COMMAND,), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert "status" in done.stderr
