"""Markdown (CommonMark, with tables) in which nothing from outside is anything but text."""

import re
from collections.abc import Iterable, Sequence

from tm_tui.text import safe_text

__all__ = ["bold", "code", "plain", "table"]

_SIGNS = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$^=])")
_AT_THE_START = re.compile(r"^([-:.]|[0-9]{1,9}(?=[.)](?: |$)))")
_LONGEST = 200


def plain(text: str, limit: int = _LONGEST) -> str:
    """Text from outside: safe, on one line, bounded, and every sign that Markdown knows escaped.

    It may stand anywhere in a line, at its start and in a table's cell too.
    """
    line = " ".join(safe_text(text, limit).split()) or "-"
    start = _AT_THE_START.match(line)
    escaped = _SIGNS.sub(r"\\\1", line)
    if start and start[0].isdigit():  # `1.` would begin a list
        return escaped.replace(f"{start[0]}.", f"{start[0]}\\.", 1) if line[start.end()] == "." else escaped
    return f"\\{escaped}" if start else escaped


def bold(text: str) -> str:
    """Strong text from outside."""
    return f"**{plain(text)}**"


def code(text: str, limit: int = _LONGEST) -> str:
    """Text from outside as code; backticks in it become apostrophes, as code cannot escape them."""
    line = " ".join(safe_text(text, limit).replace("`", "'").split()) or "-"
    return f"`{line}`"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of finished cells; `heads` are our own words, `>` before one puts numbers at the right."""
    shown = [head.removeprefix(">") for head in heads]
    rule = ["---:" if head.startswith(">") else "---" for head in heads]
    return [f"| {' | '.join(row)} |" for row in (shown, rule, *rows)]
