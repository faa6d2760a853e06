"""Markdown as rows of text for a terminal of any width: small, without colours, and safe with any input.

Weight is a mark beside each character; what a row says is there without it too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

if TYPE_CHECKING:
    from markdown_it.token import Token

__all__ = ["PLAIN", "STRONG", "Row", "cells", "rows_of", "wrapped"]

PLAIN, STRONG = " ", "b"
_WORDS = re.compile(r"\s+|\S+")
_GAP = 2
_NARROWEST = 6


@dataclass(frozen=True, slots=True)
class Row:
    """A text and, for each of its characters, a mark: plain or strong."""

    text: str
    marks: str

    @classmethod
    def of(cls, text: str, mark: str = PLAIN) -> "Row":
        """All of one weight."""
        return cls(text, mark * len(text))

    def __add__(self, other: "Row") -> "Row":
        return Row(self.text + other.text, self.marks + other.marks)

    def __getitem__(self, part: slice) -> "Row":
        return Row(self.text[part], self.marks[part])

    def runs(self) -> Iterator[tuple[str, str]]:
        """(text, mark) of each stretch of one weight."""
        at = 0
        for mark, same in groupby(self.marks):
            length = len(tuple(same))
            yield self.text[at : at + length], mark
            at += length

    def padded(self, width: int, *, right: bool = False) -> "Row":
        """Filled up with blanks, at the left for numbers."""
        blanks = Row.of(" " * max(0, width - cells(self.text)))
        return blanks + self if right else self + blanks


def cells(text: str) -> int:
    """How many columns a terminal needs for it."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def rows_of(markdown: str, width: int) -> tuple[Row, ...]:
    """Lay Markdown (CommonMark with tables; HTML is text) out for `width` columns.

    It takes a second or two for the largest reports: not on an event loop.
    """
    from markdown_it import MarkdownIt

    printer = _Printer(max(20, width))
    printer.print(MarkdownIt("commonmark", {"html": False}).enable("table").parse(markdown))
    return printer.rows()


def wrapped(row: Row, width: int) -> list[Row]:
    """Break at blanks, and within words that are longer than the width."""
    lines: list[Row] = []
    line, used, at = Row("", ""), 0, 0
    for word in _WORDS.findall(row.text):
        piece, at = row[at : at + len(word)], at + len(word)
        length = cells(word)
        if word.isspace():
            if line.text:
                line, used = line + Row(" ", piece.marks[:1]), used + 1
            continue
        if used + length > width and line.text:
            lines.append(line)
            line, used = Row("", ""), 0
        while length > width:
            cut = _cut(piece.text, width)
            lines.append(piece[:cut])
            piece = piece[cut:]
            length = cells(piece.text)
        line, used = line + piece, used + length
    return [*lines, line] if line.text or not lines else lines


def _cut(text: str, width: int) -> int:
    """How many characters fit; one at least."""
    used = 0
    for number, sign in enumerate(text):
        used += cells(sign)
        if used > width:
            return max(1, number)
    return len(text)


class _Printer:
    """Goes through the tokens once and gathers rows."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: list[Row] = []
        self._indent: list[str] = []
        self._bullet: str | None = None
        self._lists: list[int | None] = []

    def rows(self) -> tuple[Row, ...]:
        """What was gathered, without blank rows at its end."""
        while self._rows and not self._rows[-1].text:
            self._rows.pop()
        return tuple(Row(row.text.rstrip(), row.marks[: len(row.text.rstrip())]) for row in self._rows)

    def print(self, tokens: "Sequence[Token]") -> None:
        """All of them."""
        position = 0
        while position < len(tokens):
            token = tokens[position]
            if token.type == "table_open":
                end = next(n for n in range(position, len(tokens)) if tokens[n].type == "table_close")
                self._table(tokens[position:end])
                position = end
            elif token.type == "heading_open":
                self._heading(int(token.tag[1:]), tokens[position + 1])
                position += 2
            else:
                self._block(token)
            position += 1

    def _block(self, token: "Token") -> None:
        match token.type:
            case "inline":
                for line in _lines(token):
                    self._put(line)
            case "paragraph_close":
                if not token.hidden:
                    self._gap()
            case "bullet_list_open":
                self._lists.append(None)
            case "ordered_list_open":
                self._lists.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
                if not self._lists:
                    self._gap()
            case "list_item_open":
                self._begin_item()
            case "blockquote_open":
                self._indent.append("> ")
            case "list_item_close" | "blockquote_close":
                if self._bullet is not None:
                    self._put(Row("", ""))
                self._indent.pop()
            case "fence" | "code_block":
                self._code(token.content)
            case "hr":
                self._put(Row.of("-" * min(20, self._room())))
                self._gap()

    def _begin_item(self) -> None:
        number = self._lists[-1]
        self._bullet = "- " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1
        self._indent.append(" " * len(self._bullet))

    def _heading(self, level: int, inline: "Token") -> None:
        self._gap()
        text = "".join(line.text for line in _lines(inline))
        for line in wrapped(Row.of(text, STRONG), self._room()):
            self._put(line)
        if level == 1:
            self._put(Row.of("=" * min(self._room(), cells(text))))
        self._gap()

    def _code(self, content: str) -> None:
        self._indent.append("    ")
        for line in content.expandtabs(4).splitlines():
            rest = line
            while True:
                cut = _cut(rest, self._room()) if rest else 0
                self._put(Row.of(rest[:cut]), wrap=False)
                rest = rest[cut:]
                if not rest:
                    break
        self._indent.pop()
        self._gap()

    def _table(self, tokens: "Sequence[Token]") -> None:
        grid: list[list[Row]] = []
        right: set[int] = set()
        for position, token in enumerate(tokens):
            if token.type == "tr_open":
                grid.append([])
            elif token.type in {"th_open", "td_open"}:
                if "right" in str(token.attrs.get("style", "")):
                    right.add(len(grid[-1]))
                lines = _lines(tokens[position + 1])
                cell = Row("", "")
                for line in lines:
                    cell = cell + line
                grid[-1].append(Row.of(cell.text, STRONG) if token.type == "th_open" else cell)
        if grid and not any(cell.text for cell in grid[0]):
            del grid[0]
        for row in _laid_out(grid, self._room(), right):
            self._put(row, wrap=False)
        self._gap()

    def _room(self) -> int:
        return max(_NARROWEST, self._width - sum(map(len, self._indent)))

    def _put(self, row: Row, *, wrap: bool = True) -> None:
        for line in wrapped(row, self._room()) if wrap else [row]:
            lead = "".join(self._indent)
            if self._bullet is not None:
                lead = "".join(self._indent[:-1]) + self._bullet
                self._bullet = None
            self._rows.append(Row.of(lead) + line)

    def _gap(self) -> None:
        if self._rows and self._rows[-1].text.strip():
            self._rows.append(Row("", ""))


def _lines(inline: "Token") -> list[Row]:
    """The text of an inline token with its weights; hard breaks begin a new line."""
    lines, strong = [Row("", "")], 0
    links: list[str] = []
    for token in inline.children or ():
        text = ""
        match token.type:
            case "strong_open" | "em_open":
                strong += 1
            case "strong_close" | "em_close":
                strong -= 1
            case "hardbreak":
                lines.append(Row("", ""))
            case "softbreak":
                text = " "
            case "link_open":
                links.append(str(token.attrs.get("href", "")))
            case "link_close":
                text = f" <{links.pop()}>" if links else ""
            case "image":
                text = f"[picture: {token.content}]"
            case _:
                text = token.content
        lines[-1] = lines[-1] + Row.of(text, STRONG if strong else PLAIN)
    return lines


def _laid_out(grid: Sequence[Sequence[Row]], room: int, right: set[int]) -> Iterator[Row]:
    """Columns side by side; where they do not fit, the widest give way, and cells wrap."""
    if not grid:
        return
    widths = [max(1, *(cells(row[n].text) for row in grid if n < len(row))) for n in range(len(grid[0]))]
    available = room - _GAP * (len(widths) - 1)
    if available < _NARROWEST * len(widths) and sum(widths) > available:
        for row in grid:
            for cell in row:
                yield from wrapped(cell, room)
            yield Row("", "")
        return
    _shrink(widths, available)
    for row in grid:
        columns = [wrapped(cell, width) for cell, width in zip(row, widths, strict=False)]
        for level in range(max(map(len, columns), default=0)):
            line = Row("", "")
            for n, column in enumerate(columns):
                part = column[level] if level < len(column) else Row("", "")
                gap = Row.of(" " * _GAP) if n else Row("", "")
                line = line + gap + part.padded(widths[n], right=n in right)
            yield line


def _shrink(widths: list[int], available: int) -> None:
    """Take from the widest until all fit."""
    excess = sum(widths) - available
    while excess > 0:
        widest = max(widths)
        which = [n for n, width in enumerate(widths) if width == widest]
        below = max((width for width in widths if width < widest), default=_NARROWEST)
        step = max(1, min(widest - below, -(-excess // len(which))))
        for n in which:
            widths[n] -= step
        excess -= step * len(which)
