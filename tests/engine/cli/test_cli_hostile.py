"""Whatever an agent answers within the bounds of its shapes, every command shows it, safe and bounded."""

import tempfile
from pathlib import Path
from random import Random

import click
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostile.socket import Answers, answering
from tm_tui.cli.commands import engine_commands
from tm_tui.cli.metrics import openmetrics
from tm_tui.cli.status import one_line
from tm_tui.cli.verdict import verdict
from tm_tui.errors import TmError
from tm_tui.text import is_safe

COMMANDS = (
    "status",
    "status --json",
    "status --format openmetrics",
    "status --check",
    "report list",
    "report list --json",
    "report show 1",
    "case list",
    "case list --json",
    "case show 1",
    "case show 1 --json",
    "pattern list",
    "pattern list --json",
    "activity",
    "activity --json",
    "config history",
    "config history --json",
    "config diff",
    "config diff 1 2",
    "config show",
    "logs list",
    "logs list --json",
    "trust show",
    "trust show --json",
    "trust list",
    "diagnostics --text",
    "diagnostics --text --json",
)
LONGEST = 6000
"""Characters of a line: some texts of at most 500 each."""


def run(command: str) -> str:
    """What a command prints. Only what is written for people may come out of it as an exception."""
    done = CliRunner().invoke(engine_commands(), command.split(), standalone_mode=False)
    expected = TmError | click.ClickException | SystemExit
    if done.exception is not None and not isinstance(done.exception, expected):
        raise done.exception
    return done.output


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@given(st.integers(0, 2**32))
@settings(max_examples=12, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_command_shows_what_an_agent_may_answer(seed: int) -> None:
    """One odd date, number or text must not take status, cases or reports from whoever types commands."""
    answers = Answers(Random(seed))
    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TM_TUI_HOME", home)
        with answering(answers, Path(home) / "run" / "control.sock"):
            for command in COMMANDS:
                for line in run(command).splitlines():
                    assert is_safe(line), (command, line[:200])
                    assert len(line) <= LONGEST or "--json" in command, (command, len(line), line[:200])
    status = answers.shape("/v1/status")
    assert "\n" not in one_line(status)
    assert openmetrics(status).endswith("# EOF\n")
    assert verdict(status)
