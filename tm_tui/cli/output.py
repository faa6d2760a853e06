"""What commands print: aligned plain text for people, one JSON object a line for programs."""

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

import click

from tm_tui.spoken import ago, count, span

__all__ = [
    "ago",
    "count",
    "emit",
    "json_option",
    "note_option",
    "refuse_bytes",
    "show",
    "span",
    "table",
]

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """Give a command `--json`, as its parameter `as_json`, and refuse words for it that are no text."""
    return click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")(_of_text(command))


def _of_text(command: F) -> F:
    @functools.wraps(command)
    def checked(*arguments: Any, **named: Any) -> Any:
        refuse_bytes(click.get_current_context())
        return command(*arguments, **named)

    return cast("F", checked)


def refuse_bytes(context: click.Context) -> None:
    """Raise click.BadParameter for words that are no UTF-8. Names of files may be any bytes."""
    from tm_tui.text import is_text

    for parameter in context.command.params:
        if isinstance(parameter.type, click.Path | click.File):
            continue
        if not all(map(is_text, _words(context.params.get(parameter.name or "")))):
            raise click.BadParameter("this is not UTF-8; type it in UTF-8.", context, parameter)


def _words(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _words(part)


def note_option(command: F) -> F:
    """Give a command `--note`."""
    return click.option("--note", default="", help="Why; kept in the history.")(command)


def emit(value: Mapping[str, Any]) -> None:
    """Print one JSON object on a line of its own, at once."""
    click.echo(json.dumps(value))


def show(lines: Iterable[str]) -> None:
    """Print lines for people; no control character reaches the terminal."""
    from tm_tui.text import safe_lines

    for line in lines:
        click.echo(safe_lines(line.rstrip()))


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Align columns, two spaces apart; the last one runs free."""
    kept = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*kept, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in kept
    ]
