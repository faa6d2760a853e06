"""From the first byte on the terminal to the exit status: skeleton, console, and after a crash once more."""

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from screens.launch.skeleton import painted
from screens.terminal import TerminalOptions

if TYPE_CHECKING:
    from pathlib import Path

    from screens.desk.left import Left

__all__ = ["SMALLEST", "open_at_once", "open_console"]

SMALLEST = (60, 18)
"""Columns and rows that the forms need; below, a notice says so."""
_LOOP = 60.0
"""Seconds within which a second crash is the last one."""


def open_at_once() -> NoReturn:
    """Open the console with no options, and exit."""
    try:
        sys.exit(open_console(TerminalOptions(smallest=SMALLEST)))
    except Exception as error:
        from tm_tui.errors import TmError

        if not isinstance(error, TmError):
            raise
        from tm_tui.cli.running import fail

        fail(error)


def open_console(
    options: TerminalOptions,
    *,
    fill: "Path | None" = None,
    again: "Left | None" = None,
    locked: bool = False,
) -> int:
    """Show the console until the admin leaves it; the exit status. Raises TmError.

    After a crash the program is executed anew on the same terminal, as the same process, and goes on there;
    `again` is what it left. A second crash within a minute ends it. A `locked` console starts no private
    agent and leaves no file. With TM_TUI_DEV=1 Textual's own tools are let in, and a bug ends the console
    with all that is known of it: not a locked one.
    """
    developing = os.environ.get("TM_TUI_DEV") == "1" and not locked
    if developing:
        os.environ.setdefault("TEXTUAL", "devtools,debug")
    for name in [name for name in os.environ if name.startswith("TEXTUAL") and not developing]:
        del os.environ[name]  # Textual would write keys and screens to files, or load another driver
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # no code of others looks into the settings
    try:
        with painted(options):
            from tm_tui.paths import Home

            home = Home.find()
            from screens.launch.running import run
            from tm_tui.harden import harden

            harden(writes=not locked)
            code, left = run(home, fill=fill, again=again, locked=locked, developing=developing)
    except Exception as error:
        if developing:
            raise
        # told in one line, without the values that a traceback's words hold
        return _failed(error, locked=locked)
    if left is not None and (again is None or left.at - again.at > _LOOP):
        _begin_again(left)
    return code


def _failed(error: Exception, *, locked: bool) -> int:
    """A bug before or after the screen's life is told like one in it."""
    from pathlib import Path

    from screens.terminal import NoTerminal, OtherTextual
    from tm_tui.errors import TmError

    if isinstance(error, TmError | NoTerminal):
        raise error
    if isinstance(error, OtherTextual):
        print(f"tm-tui: {error}", file=sys.stderr)
        return 1
    from screens.terminal.crash import note

    crash = note(error, own=Path(__file__).parents[1], report=not locked)
    print(crash.line("tm-tui: the console ended"), file=sys.stderr)
    return 1


def _begin_again(left: "Left") -> None:
    """Execute this very command line anew. Returns only if that is not possible."""
    own = len(sys.orig_argv) - len(sys.argv) + 1
    words = sys.argv[1:] or ["console"]
    if "--again" in words:
        del words[words.index("--again") :]
    try:
        descriptor = left.write()
        os.execv(sys.executable, [*sys.orig_argv[:own], *words, "--again", str(descriptor)])  # noqa: S606 - itself
    except OSError:
        return  # the line about the crash has been said; that is all there is
