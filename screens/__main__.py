"""`tm-tui`: the engine's commands, and the console, which runs when none is named."""

import os
import re
import sys
from pathlib import Path

import click

from tm_tui.cli.commands import COMMANDS, engine_commands
from tm_tui.cli.output import json_option
from tm_tui.cli.running import run

__all__ = ["main"]


_SMALLEST = (60, 18)
"""Columns and rows that the forms need; below, a notice says so."""
_SIZE = re.compile(r"([1-9][0-9]{0,2})x([1-9][0-9]{0,2})")


def _size(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Read `80x24`."""
    if value is None:
        return None
    match = _SIZE.fullmatch(value)
    if match is None:
        raise click.BadParameter("write it as 80x24")
    return int(match[1]), int(match[2])


@click.command()
@click.option("--terminal", help="Codes to use: vt100, linux, screen, xterm, or a TERM name.")
@click.option("--ascii/--unicode", default=None, help="Draw with ASCII characters, or with line graphics.")
@click.option("--mono/--colour", default=None, help="Use no colours, or use them.")
@click.option("--size", callback=_size, metavar="COLUMNSxROWS", help="Size, if nobody knows it.")
@click.option("--plain", is_flag=True, help="Numbered prompts instead of a screen (always with TERM=dumb).")
@click.option("--fill", type=click.Path(exists=True, dir_okay=False, path_type=Path), hidden=True)
@json_option
def console(
    *,
    terminal: str | None = None,
    ascii: bool | None = None,  # noqa: A002 - the option's name
    mono: bool | None = None,
    size: tuple[int, int] | None = None,
    plain: bool = False,
    fill: Path | None = None,
    as_json: bool = False,  # noqa: ARG001 - every command takes --json
) -> int:
    """Open the console on this terminal (what happens without a command)."""
    if plain or (os.environ.get("TERM") == "dumb" and terminal is None and sys.stdin.isatty()):
        from screens.plain.console import run_plain
        from tm_tui.paths import Home

        return run_plain(Home.find())
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        names = ", ".join(COMMANDS)
        raise click.UsageError(f"The console needs a terminal. Without one there are the commands {names}.")
    for name in [name for name in os.environ if name.startswith("TEXTUAL")]:
        del os.environ[name]  # Textual would write keys and screens to files, or load another driver
    from screens.skeleton import painted
    from screens.terminal import TerminalOptions

    options = TerminalOptions(terminal=terminal, ascii=ascii, mono=mono, size=size, smallest=_SMALLEST)
    with painted(options):
        from screens.app import run as run_console
        from tm_tui.paths import Home

        return run_console(Home.find(), fill=fill)


def main() -> None:
    """Run `tm-tui`."""
    run(engine_commands(console))


if __name__ == "__main__":
    main()
