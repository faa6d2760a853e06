"""One way out for every command: exit codes, failures in one form on stderr, or as JSON on stdout."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import click

from tm_tui.cli.output import emit
from tm_tui.errors import SettingsRefused, StorageFailed, TmError

__all__ = ["fail", "run"]

_INTERRUPTED = 130
_UNKNOWN = 3
"""What a monitor must hear of a check that could not be made; 2 would be critical to it."""


def run(group: click.Group, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line and exit: 0 done, 1 it failed, 2 wrong use, 3 no agent, 130 interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        sys.exit(group.main(given, prog_name="tm-tui", standalone_mode=False))
    except click.Abort:
        sys.exit(_INTERRUPTED)
    except click.ClickException as error:
        _tell_wrong_use(error, as_json=as_json)
        sys.exit(_UNKNOWN if "--check" in given else error.exit_code)
    except TmError as error:
        fail(error, as_json=as_json)


def fail(error: TmError, *, as_json: bool = False) -> NoReturn:
    """Say why it failed, and exit."""
    _tell(error, as_json=as_json)
    sys.exit(_exit_code(error))


def _tell_wrong_use(error: click.ClickException, *, as_json: bool) -> None:
    if not as_json:
        error.show()
        return
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "tm-tui"
    remedy = f"See `{command} --help`."
    emit({"error": {"code": "wrong-use", "cause": error.format_message(), "remedy": remedy}})


def _exit_code(error: TmError) -> int:
    from tm_tui.control.failures import AgentAbsent

    return 3 if isinstance(error, AgentAbsent) else 1


def _tell(error: TmError, *, as_json: bool) -> None:
    if as_json:
        emit({"error": _document(error)})
        return
    for line in _lines(error):
        click.echo(line, err=True)


def _problems(error: TmError) -> tuple[Any, ...]:
    """What is wrong with single fields; each has `field`, `cause`, `remedy`."""
    from tm_tui.control.failures import ControlRefused

    if isinstance(error, SettingsRefused):
        return error.problems
    return error.refusal.problems if isinstance(error, ControlRefused) else ()


def _changes(error: TmError) -> tuple[Any, ...]:
    """What somebody else changed; each has `field`, `old`, `new`."""
    from tm_tui.control.failures import SaveConflict

    return error.conflict.changes if isinstance(error, SaveConflict) else ()


def _lines(error: TmError) -> Iterator[str]:
    if problems := _problems(error):
        yield from (f"{item.field}: {item.cause} {item.remedy}" for item in problems)
        return
    yield f"{error.cause} {error.remedy}"
    yield from (f"  {change.field}: {change.old or '-'} -> {change.new or '-'}" for change in _changes(error))


def _code(error: TmError) -> str:
    from tm_tui.control.failures import AgentAbsent, AgentDenied, ControlRefused

    if isinstance(error, ControlRefused):
        return error.refusal.code
    names = {
        AgentAbsent: "no-agent",
        AgentDenied: "denied",
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
