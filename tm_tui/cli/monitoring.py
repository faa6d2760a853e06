"""What monitoring asks: metrics, and a check in the manner of Nagios plugins."""

from pathlib import Path

import click

from tm_tui.api.failures import AgentAbsent
from tm_tui.cli.asking import ask
from tm_tui.cli.metrics import ABSENT, openmetrics
from tm_tui.cli.verdict import UNKNOWN, check_line, checked
from tm_tui.cli.writing import tell
from tm_tui.errors import TmError

__all__ = ["check_agent", "tell_metrics"]


def tell_metrics(output: Path | None) -> int:
    """Print or write the metrics; without an agent that it is down, and the error goes on."""
    try:
        status = ask(lambda client: client.status())
    except AgentAbsent:
        tell(ABSENT, output)
        raise
    tell(openmetrics(status), output)
    return 0


def check_agent() -> int:
    """Print one line; 0 ok, 1 warning, 2 critical, 3 unknown: no agent, or it does not let us look."""
    try:
        code, line = checked(ask(lambda client: client.status()))
    except TmError as error:
        code, line = UNKNOWN, check_line(UNKNOWN, f"{error.cause} {error.remedy}")
    click.echo(line)
    return code
