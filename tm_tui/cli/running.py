"""One way out for every command: exit codes, failures in one form on stderr, or as JSON on stdout."""

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import click

from tm_tui.cli.output import emit
from tm_tui.cli.streams import abandon_output, occupied, output_failure, say
from tm_tui.errors import PasswordAgain, SettingsRefused, StorageFailed, TmError

__all__ = ["fail", "run"]

_INTERRUPTED = 130
_PYTHONS = ("strict", "backslashreplace", "surrogateescape")
"""What Python does about a sign that a stream does not have, where nobody chose better."""
_LONGEST = 2000
_UNKNOWN = 3
"""What a monitor must hear of a check that could not be made; 2 would be critical to it."""


def run(group: click.Group, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line and exit: 0 done, 1 it failed, 2 wrong use, 3 no agent, 130 interrupted."""
    occupied()
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and stream.errors in _PYTHONS:
            stream.reconfigure(errors="replace")
    try:
        code = _outcome(group, given)
        sys.stdout.flush()
    except OSError:
        failure = output_failure()
        if failure is None:
            raise  # something else, which is a bug
        if failure.errno != errno.EPIPE:  # who closed a pipe has seen enough
            reason = os.strerror(failure.errno or errno.EIO)
            say(f"Standard output does not take the answer: {reason}. Write it to another place.")
        code = _UNKNOWN if "--check" in given else 1
    abandon_output()
    sys.exit(code)


def _outcome(group: click.Group, given: Sequence[str]) -> int:
    """Run it; the exit code. Raises OSError, of standard output or by a bug."""
    as_json = "--json" in given
    try:
        return group.main(list(given), prog_name="tm-tui", standalone_mode=False) or 0
    except click.Abort:
        return _INTERRUPTED
    except click.ClickException as error:
        _tell_wrong_use(error, as_json=as_json)
        return _UNKNOWN if "--check" in given else error.exit_code
    except TmError as error:
        _tell(error, as_json=as_json)
        return _exit_code(error)


def fail(error: TmError, *, as_json: bool = False) -> NoReturn:
    """Say why it failed, and exit."""
    _tell(error, as_json=as_json)
    sys.exit(_exit_code(error))


def _tell_wrong_use(error: click.ClickException, *, as_json: bool) -> None:
    """Say it as click does, but safely: what was typed, escape sequences too, stands in the message."""
    from tm_tui.text import safe_lines

    context = getattr(error, "ctx", None)
    command = context.command_path if context else "tm-tui"
    cause = safe_lines(error.format_message()[:_LONGEST])
    if as_json:
        remedy = f"See `{command} --help`."
        emit({"error": {"code": "wrong-use", "cause": cause, "remedy": remedy}})
        return
    if context:
        say(f"{context.get_usage()}\nTry '{command} --help' for help.\n")
    say(f"Error: {cause}")


def _exit_code(error: TmError) -> int:
    from tm_tui.api.failures import AgentAbsent

    return 3 if isinstance(error, AgentAbsent) else 1


def _tell(error: TmError, *, as_json: bool) -> None:
    if as_json:
        emit({"error": _document(error)})
        return
    from tm_tui.text import safe_text

    for line in _lines(error):
        say(safe_text(line, _LONGEST))


def _problems(error: TmError) -> tuple[Any, ...]:
    """What is wrong with single fields; each has `field`, `cause`, `remedy`."""
    from tm_tui.api.failures import ControlRefused

    if isinstance(error, SettingsRefused):
        return error.problems
    return error.refusal.problems if isinstance(error, ControlRefused) else ()


def _changes(error: TmError) -> tuple[Any, ...]:
    """What somebody else changed; each has `field`, `old`, `new`."""
    from tm_tui.api.failures import SaveConflict

    return error.conflict.changes if isinstance(error, SaveConflict) else ()


def _lines(error: TmError) -> Iterator[str]:
    if problems := _problems(error):
        yield from (f"{_named(item.field)}: {item.cause} {item.remedy}" for item in problems)
        return
    yield f"{error.cause} {error.remedy}"
    for change in _changes(error):
        yield f"  {_named(change.field)}: {change.old or '-'} -> {change.new or '-'}"


def _named(key: str) -> str:
    """A field by its label, and by its key as it is typed in commands."""
    from tm_tui.settings.fields import label_of

    label = label_of(key)
    return key if label == key else f"{label} ({key})"


def _code(error: TmError) -> str:
    from tm_tui.api.failures import AgentAbsent, AgentDenied, ControlRefused

    if isinstance(error, ControlRefused):
        return error.refusal.code
    names = {
        AgentAbsent: "no-agent",
        AgentDenied: "denied",
        PasswordAgain: "password-again",
        SettingsRefused: "settings",
        StorageFailed: "storage",
    }
    return next(
        (name for kind, name in names.items() if isinstance(error, kind)), getattr(error, "code", "failed")
    )


def _document(error: TmError) -> dict[str, Any]:
    document: dict[str, Any] = {"code": _code(error), "cause": error.cause, "remedy": error.remedy}
    if problems := _problems(error):
        document["problems"] = [{"field": p.field, "cause": p.cause, "remedy": p.remedy} for p in problems]
    if changes := _changes(error):
        document["changes"] = [{"field": c.field, "old": c.old, "new": c.new} for c in changes]
    return document
