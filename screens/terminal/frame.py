"""What the terminal should show, cell by cell, or a notice where the terminal is too small for the screen.

Signs and looks apart, so that rows compare at the speed of lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.terminal.glyphs import as_ascii, harmless, is_control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from screens.terminal.looks import Palette


_ONE_CELL = frozenset(map(chr, (*range(0x20, 0x7F), *range(0x2500, 0x2580))))
"""ASCII and lines: a cell each, whatever stands beside them."""

Row = tuple[list[str], list[int]]
"""The signs of a row and the numbers of their looks. The second cell of a wide sign holds ""."""


class Frame:
    """A grid of ``width`` by ``height`` cells.

    Every space has the look that a space in its look really shows.
    """

    def __init__(self, width: int, height: int, palette: Palette) -> None:
        self.width = width
        self.height = height
        self.palette = palette
        self.signs = [[" "] * width for _ in range(height)]
        self.looks = [[0] * width for _ in range(height)]

    def resize(self, width: int, height: int) -> None:
        """Keep what fits, fill with plain blanks."""
        old = Frame.__new__(Frame)
        old.__dict__.update(self.__dict__)
        self.__init__(width, height, self.palette)  # type: ignore[misc]  # starts anew on purpose
        for y in range(min(height, old.height)):
            keep = min(width, old.width)
            self.signs[y][:keep] = old.signs[y][:keep]
            self.looks[y][:keep] = old.looks[y][:keep]
            if self.signs[y][-1:] and keep < old.width and old.signs[y][keep] == "":
                self.signs[y][keep - 1] = " "

    def row(self, y: int) -> Row:
        """The cells of a row, not copied."""
        return self.signs[y], self.looks[y]

    def write(self, x: int, y: int, text: str, look: int, limit: int | None = None) -> int:
        """Put text at a cell, cut at column ``limit``; return the column after it.

        Nothing written acts on a terminal.
        """
        if not 0 <= y < self.height:
            return x + len(text)
        end = self.width if limit is None else min(limit, self.width)
        if x < 0 or x >= end:
            return x + len(text)
        signs = list(text) if text.isascii() and text.isprintable() else self._fit(text)
        count = min(len(signs), end - x)
        if count < len(signs):
            if signs[count] == "":
                signs[count - 1] = " "
            del signs[count:]
        self._place(x, y, signs, look)
        return x + count

    def _place(self, x: int, y: int, signs: list[str], look: int) -> None:
        row = self.signs[y]
        count = len(signs)
        end = x + count
        if not count:
            return
        if row[x] == "":
            row[x - 1] = " "
        if end < self.width and row[end] == "":
            row[end] = " "
        row[x:end] = signs
        blank = self.palette.blank[look]
        if blank == look or " " not in signs:
            self.looks[y][x:end] = [look] * count
        else:
            self.looks[y][x:end] = [blank if sign == " " else look for sign in signs]

    def _fit(self, text: str) -> list[str]:
        if self.palette.capabilities.utf8 and _ONE_CELL.issuperset(text):
            return list(text)
        fit: Callable[[str], str] = str if self.palette.capabilities.utf8 else as_ascii
        cells: list[str] = []
        for cluster, width in _clusters(text):
            sign = fit(harmless(cluster))
            if not sign:
                cells += [" "] * width
            elif width <= 1:
                cells.append(sign)
            elif sign.isascii():
                cells += [sign] + [" "] * (width - 1)  # once: two of a digit would be another number
            else:
                cells += [sign, "" if _is_wide(sign) else " "]
        return cells


def _clusters(text: str) -> Iterator[tuple[str, int]]:
    """Clusters and the columns that Rich gives them.

    A control character, to Rich no column at all, gets one of its own.
    """
    from rich.cells import split_graphemes

    spans, _ = split_graphemes(text)
    for start, end, width in spans:
        if width:
            yield text[start:end], width
        for sign in text[start + bool(width) : end]:
            if is_control(sign):
                yield sign, 1


def _is_wide(sign: str) -> bool:
    from rich.cells import get_character_cell_size

    return get_character_cell_size(sign[0]) == 2


def notice(size: tuple[int, int], smallest: tuple[int, int]) -> list[str]:
    """Rows for a terminal of ``size`` (columns, rows) that say which size is needed, cut where they end."""
    width, height = size
    text = f"Terminal {width}x{height} is too small: {smallest[0]}x{smallest[1]} is needed."
    return [text[start : start + width] for start in range(0, min(len(text), width * height), width)]


def too_small(frame: Frame, smallest: tuple[int, int]) -> Frame:
    """A frame of the same size that says which size is needed."""
    shown = Frame(frame.width, frame.height, frame.palette)
    for y, part in enumerate(notice((frame.width, frame.height), smallest)):
        shown.write(0, y, part, 0)
    return shown
