"""`tm-tui agent`: the agent in the foreground, as systemd and the console start it."""

import click

from tm_tui.cli.output import json_option
from tm_tui.paths import Home

__all__ = ["agent"]


@click.command()
@json_option
def agent(*, as_json: bool) -> int:  # noqa: ARG001  every command takes --json; the agent's log has one form
    """Run the agent until SIGTERM. SIGHUP makes it read the settings again."""
    from tm_tui.agent.service import run

    return run(Home.find())
