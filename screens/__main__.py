"""`tm-tui`: the engine's commands, and the console, which is painted before anything else is imported."""

import gc
import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run `tm-tui`. Neither the console nor what monitoring asks needs click."""
    gc.disable()  # nothing that imports make is garbage; the console switches it on again once it stands
    if len(sys.argv) == 1 and _shows():
        from screens.launch.opening import open_at_once

        open_at_once()
    if sys.argv[1:2] in (["status"], ["config"]):
        from tm_tui.cli.quick_status import answered

        if (code := answered(sys.argv[1:])) is not None:
            sys.exit(code)
    from screens.launch.commands import run_commands

    gc.enable()
    run_commands()


def _shows() -> bool:
    """Whether there is a terminal that can show a screen."""
    ends = (sys.stdin, sys.stdout)
    return os.environ.get("TERM") != "dumb" and all(end is not None and end.isatty() for end in ends)


if __name__ == "__main__":
    main()
