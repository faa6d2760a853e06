"""What it costs to be asked."""

import resource
import subprocess

import pytest

from e2e.lab import COMMAND


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
