"""Rows of text with a weight: measured in a terminal's columns, wrapped, and laid out in tables."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from unicodedata import combining, east_asian_width

__all__ = ["NARROWEST", "PLAIN", "STRONG", "Row", "cells", "cut_at", "laid_out", "wrapped"]

PLAIN, STRONG = " ", "b"
_WORDS = re.compile(r"\s+|\S+")
_GAP = 2
NARROWEST = 6
"""Columns of a table, and what is left beside an indent, have so much at least."""


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


def wrapped(row: Row, width: int) -> list[Row]:
    """Break at blanks, and within words that are longer than the width."""
    lines: list[Row] = []
    line, blank, at = Row("", ""), Row("", ""), 0
    for word in _WORDS.findall(row.text):
        piece, at = row[at : at + len(word)], at + len(word)
        if word.isspace():
            blank = Row(" ", piece.marks[:1]) if line.text else blank
            continue
        if line.text and cells(line.text + blank.text + word) > width:
            lines.append(line)
            line, blank = Row("", ""), Row("", "")
        while (cut := cut_at(piece.text, width)) < len(piece.text):
            lines.append(piece[:cut])
            piece = piece[cut:]
        line, blank = line + blank + piece, Row("", "")
    return [*lines, line] if line.text or not lines else lines


def cut_at(text: str, width: int) -> int:
    """How many characters fit into so many columns; one at least."""
    used = 0
    for number, sign in enumerate(text):
        used += cells(sign)
        if used > width:
            return max(1, number)
    return len(text)


def laid_out(grid: Sequence[Sequence[Row]], room: int, right: set[int]) -> Iterator[Row]:
    """Columns side by side; where they do not fit, the widest give way, and cells wrap."""
    if not grid:
        return
    widths = [max(1, *(cells(row[n].text) for row in grid if n < len(row))) for n in range(len(grid[0]))]
    available = room - _GAP * (len(widths) - 1)
    if available < NARROWEST * len(widths) and sum(widths) > available:
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
        below = max((width for width in widths if width < widest), default=NARROWEST)
        step = max(1, min(widest - below, -(-excess // len(which))))
        for n in which:
            widths[n] -= step
        excess -= step * len(which)
