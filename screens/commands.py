"""The command line: the engine's commands, and the console, which runs when none is named."""

import os
import re
import sys
from pathlib import Path
from typing import NoReturn

import click

from screens.left import Left
from tm_tui.cli.commands import COMMANDS, engine_commands
from tm_tui.cli.output import json_option
from tm_tui.cli.running import run

__all__ = ["console", "run_commands"]

_SIZE = re.compile(r"([1-9][0-9]{0,2})x([1-9][0-9]{0,2})")


def _size(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Read `80x24`."""
    if value is None:
        return None
    match = _SIZE.fullmatch(value)
    if match is None:
        raise click.BadParameter("write it as 80x24")
    return int(match[1]), int(match[2])


def _left(_context: click.Context, _parameter: click.Parameter, value: int | None) -> Left | None:
    """Read what the console before this one left on a descriptor when it crashed."""
    try:
        return None if value is None else Left.read(value)
    except (OSError, ValueError):
        raise click.BadParameter("nothing was left there; the console itself uses this option") from None


@click.command()
@click.option("--terminal", help="Codes to use: vt100, linux, screen, xterm, or a TERM name.")
@click.option("--ascii/--unicode", default=None, help="Draw with ASCII characters, or with line graphics.")
@click.option("--mono/--colour", default=None, help="Use no colours, or use them.")
@click.option("--size", callback=_size, metavar="COLUMNSxROWS", help="Size, if nobody knows it.")
@click.option("--plain", is_flag=True, help="Numbered prompts instead of a screen (always with TERM=dumb).")
@click.option("--locked", is_flag=True, hidden=True, help="For a login shell: start nothing, write nothing.")
@click.option("--fill", type=click.Path(exists=True, dir_okay=False, path_type=Path), hidden=True)
@click.option("--again", type=int, callback=_left, hidden=True)
@json_option
def console(
    *,
    terminal: str | None = None,
    ascii: bool | None = None,  # noqa: A002 - the option's name
    mono: bool | None = None,
    size: tuple[int, int] | None = None,
    plain: bool = False,
    locked: bool = False,
    fill: Path | None = None,
    again: Left | None = None,
    as_json: bool = False,  # noqa: ARG001 - every command takes --json
) -> int:
    """Open the console on this terminal (what happens without a command)."""
    if plain or (os.environ.get("TERM") == "dumb" and terminal is None and sys.stdin.isatty()):
        from screens.plain.console import run_plain
        from tm_tui.paths import Home

        return run_plain(Home.find(), locked=locked)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        if locked:
            raise click.UsageError("The console needs a terminal. With ssh, give neither a command nor -T.")
        names = ", ".join(COMMANDS)
        raise click.UsageError(f"The console needs a terminal. Without one there are the commands {names}.")
    from screens.opening import SMALLEST, open_console
    from screens.terminal import TerminalOptions

    options = TerminalOptions(terminal=terminal, ascii=ascii, mono=mono, size=size, smallest=SMALLEST)
    return open_console(options, fill=fill, again=again, locked=locked)


def run_commands() -> NoReturn:
    """Run what the command line says, and exit."""
    run(engine_commands(console))
