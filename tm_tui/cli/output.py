"""What commands print: aligned plain text for people, one JSON object a line for programs."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

from tm_tui.spoken import ago, count, span

__all__ = ["ago", "count", "emit", "json_option", "note_option", "show", "span", "table", "who"]

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """Give a command `--json`, as its parameter `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")(command)


def note_option(command: F) -> F:
    """Give a command `--note`."""
    return click.option("--note", default="", help="Why; kept in the history.")(command)


def emit(value: Mapping[str, Any]) -> None:
    """Print one JSON object on a line of its own, at once."""
    click.echo(json.dumps(value))


def show(lines: Iterable[str]) -> None:
    """Print lines for people."""
    for line in lines:
        click.echo(line.rstrip())


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Align columns, two spaces apart; the last one runs free."""
    kept = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*kept, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in kept
    ]


def who(user: str, tty: str, ssh_from: str) -> str:
    """Say who it was: the user by the kernel; what the client said of itself stands in brackets."""
    said = " ".join(part for part in (tty, f"from {ssh_from}" if ssh_from else "") if part)
    return f"{user} ({said})" if said else user
