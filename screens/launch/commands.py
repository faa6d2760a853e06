"""The command line: the engine's commands, and the console, which runs when none is named."""

import codecs
import os
import re
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import click

from screens.desk.left import Left
from tm_tui.cli.commands import COMMANDS, engine_commands
from tm_tui.cli.output import json_option
from tm_tui.cli.running import run

__all__ = ["console", "run_commands"]

_STAND_IN = "tm-tui-stand-in"
_ASCII = "tm_tui_ascii"
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
    from screens.launch.opening import SMALLEST, open_console
    from screens.terminal import TerminalOptions

    options = TerminalOptions(terminal=terminal, ascii=ascii, mono=mono, size=size, smallest=SMALLEST)
    return open_console(options, fill=fill, again=again, locked=locked)


def run_commands() -> NoReturn:
    """Run what the command line says, and exit. A terminal gets the signs that it can show."""
    from screens.terminal.options import charset

    if encoding := charset(os.environ):
        codecs.register_error(_STAND_IN, _stand_in)
        codecs.register(_ascii)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper) and stream.isatty():
                stream.reconfigure(encoding=_ASCII if encoding == "ascii" else encoding, errors=_STAND_IN)
    run(engine_commands(console))


def _ascii(name: str) -> codecs.CodecInfo | None:
    """ASCII by another name: click takes a terminal of ASCII for a mistake, and writes UTF-8 to it."""
    if name != _ASCII:
        return None
    own = codecs.lookup("ascii")
    return codecs.CodecInfo(
        own.encode,
        own.decode,
        incrementalencoder=own.incrementalencoder,
        incrementaldecoder=own.incrementaldecoder,
        name=_ASCII,
    )


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    """ASCII in place of what a charset does not have, as on the screen."""
    from screens.terminal.glyphs import as_ascii

    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(as_ascii, error.object[error.start : error.end])), error.end
