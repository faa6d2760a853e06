"""What monitoring asks every half minute, answered before anything is imported to read a command line.

Only the usual answer is given here. Whatever else there is to say, of wrong use or of an agent that does not
answer, the commands themselves say (`tm_tui/cli/commands.py`), who ask again.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from tm_tui.api import calls
from tm_tui.api.now import NoAnswer, ask_now
from tm_tui.cli.verdict import checked
from tm_tui.errors import TmError
from tm_tui.paths import Home

__all__ = ["answered"]

Answer = tuple[int, str]


def answered(arguments: Sequence[str]) -> int | None:
    """Print the answer and return the exit code; None, and nothing printed: read the command line."""
    if sys.stdout is None:
        return None
    match arguments:
        case ["status", "--check"]:
            asked: Callable[[], Answer] = _check
        case ["status", "--json"]:
            asked = _status
        case ["config", "get", key]:
            asked = lambda: _setting(key)  # noqa: E731  three cases, one shape
        case _:
            return None
    try:
        code, line = asked()
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # as `cli.running` does
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except (NoAnswer, TmError, LookupError, OSError):
        return None
    return code


def _check() -> Answer:
    return checked(ask_now(Home.find().control_socket, calls.STATUS))


def _status() -> Answer:
    import json

    return 0, json.dumps(ask_now(Home.find().control_socket, calls.STATUS).plain())


def _setting(key: str) -> Answer:
    """Raises LookupError for a key that is no setting, or whose value is kept apart."""
    *groups, name = key.split(".")
    found: Any = ask_now(Home.find().control_socket, calls.SETTINGS).settings
    for part in groups:
        found = found[part] if isinstance(found, dict) else {}
    value = found[name] if isinstance(found, dict) else None
    if value is None or isinstance(value, dict | list):
        raise LookupError(key)
    return 0, str(value).lower() if isinstance(value, bool) else str(value)
