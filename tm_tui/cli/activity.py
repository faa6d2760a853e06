"""`tm-tui activity`: what the agent did of late, once or as it goes on."""

from contextlib import aclosing

import click

from tm_tui.api.agent import ActivityLine
from tm_tui.api.client import ControlClient
from tm_tui.cli.asking import ask
from tm_tui.cli.output import emit, json_option, show
from tm_tui.spoken import local_time

__all__ = ["activity"]


@click.command()
@click.option("--follow", is_flag=True, help="Go on and print each new line, until Ctrl+C.")
@json_option
def activity(*, follow: bool, as_json: bool) -> None:
    """Show what the agent did and met of late, the oldest first."""

    def tell(line: ActivityLine) -> None:
        emit(line.plain()) if as_json else show([_line(line)])

    async def once(client: ControlClient) -> None:
        for line in await client.activity():
            tell(line)

    async def always(client: ControlClient) -> None:
        async with aclosing(client.activity_stream()) as lines:
            async for line in lines:
                tell(line)

    ask(always if follow else once)


def _line(line: ActivityLine) -> str:
    level = "" if line.level == "info" else f"{line.level.upper()} "
    return f"{local_time(line.at, '%Y-%m-%d %H:%M:%S')}  {level}{line.text}"
