"""`tm-tui`: the engine's commands, and the console, which runs when none is named."""

import os
import sys
from pathlib import Path

import click

from tm_tui.cli.commands import COMMANDS, engine_commands
from tm_tui.cli.output import json_option
from tm_tui.cli.running import run

__all__ = ["main"]


@click.command()
@click.option("--fill", type=click.Path(exists=True, dir_okay=False, path_type=Path), hidden=True)
@json_option
def console(*, fill: Path | None = None, as_json: bool = False) -> int:  # noqa: ARG001  every command takes --json
    """Open the console on this terminal (what happens without a command)."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        names = ", ".join(COMMANDS)
        raise click.UsageError(f"The console needs a terminal. Without one there are the commands {names}.")
    for name in [name for name in os.environ if name.startswith("TEXTUAL")]:
        del os.environ[name]  # Textual would write keys and screens to files, or load another driver
    from screens.app import run as run_console
    from tm_tui.paths import Home

    return run_console(Home.find(), fill=fill)


def main() -> None:
    """Run `tm-tui`."""
    run(engine_commands(console))


if __name__ == "__main__":
    main()
