"""What commands print: aligned plain text for people, one JSON object a line for programs."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

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


def span(seconds: float) -> str:
    """Say a length of time in its two largest units: `12 s`, `4 min 48 s`, `3 h 5 min`, `2 d 1 h`."""
    total = max(0, round(seconds))
    minutes, s = divmod(total, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    parts = ((days, "d"), (h, "h"), (m, "min"), (s, "s"))
    first = next((index for index, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number) or "0 s"


def ago(seconds: float | None) -> str:
    """Say an age: `12 s ago`, or `never`."""
    return "never" if seconds is None else f"{span(seconds)} ago"


def count(number: int, thing: str) -> str:
    """Say a number of things: `1 event`, `2 events`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def who(user: str, tty: str, ssh_from: str) -> str:
    """Say who it was: the user by the kernel; what the client said of itself stands in brackets."""
    said = " ".join(part for part in (tty, f"from {ssh_from}" if ssh_from else "") if part)
    return f"{user} ({said})" if said else user
