"""`tm-tui identity`: under which name TMSP knows this appliance, and another one for a copy of a machine."""

import click

from tm_tui.cli.lazy import Group
from tm_tui.cli.output import emit, json_option, show
from tm_tui.paths import Home

__all__ = ["identity"]


@click.group(cls=Group, no_args_is_help=True)
def identity() -> None:
    """Show the appliance's identity, or give a copy of a machine its own."""


@identity.command("show")
@json_option
def show_identity(*, as_json: bool) -> None:
    """Show the name under which TMSP knows this appliance and its logs are filed."""
    from tm_tui.agent.identity import appliance_name

    name = appliance_name(Home.find().state)
    emit({"appliance": name}) if as_json else show([name])


@identity.command()
@json_option
def new(*, as_json: bool) -> None:
    """Take another name: for a machine that was copied with its identity. The agent must not run.

    It registers under the new name at its next start. Batches that were sealed before are delivered under the
    old one; nothing is lost. On the machine that was copied from nothing is to be done.
    """
    from tm_tui.agent.folders import agent_lock
    from tm_tui.agent.identity import new_identity

    state = Home.find().state
    with agent_lock(state):
        before, now = new_identity(state)
    if as_json:
        emit({"before": before, "appliance": now})
    else:
        show([f"{before} is {now} from now on. Start the agent: it registers under this name."])
