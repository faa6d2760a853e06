"""An emulator that reads programs' screens: pyte, with what it lacks or does otherwise than terminals do."""

import copy
from functools import lru_cache
from typing import ClassVar

import pyte
from pyte import charsets, modes
from pyte.screens import Char

__all__ = ["ByteStream", "Emulator", "QuickScreen", "Stream"]


@lru_cache(4096)
def _cell(look: Char, sign: str) -> Char:
    """A cell of this look with this sign."""
    return look._replace(data=sign)


class QuickScreen(pyte.Screen):
    """Pyte's screen: a run of plain ASCII that fits into the line is put there at once, not sign by sign."""

    def draw(self, data: str) -> None:
        """Draw as pyte does."""
        cursor = self.cursor
        plain = self.g1_charset if self.charset else self.g0_charset
        fits = cursor.x + len(data) <= self.columns and modes.IRM not in self.mode
        if not (fits and plain is charsets.LAT1_MAP and data.isascii() and data.isprintable()):
            super().draw(data)
            return
        line, look = self.buffer[cursor.y], cursor.attrs
        for x, sign in enumerate(data, cursor.x):
            line[x] = _cell(look, sign)
        cursor.x += len(data)
        self.dirty.add(cursor.y)


class Emulator(QuickScreen):
    """REP (ECMA-48), and a DECRC as DEC's, xterm's, tmux's and minicom's.

    There the saved cursor may be restored again and again, and to outside of the margins; pyte keeps a stack.
    """

    last = " "

    def draw(self, data: str) -> None:
        """Draw, and know what to repeat."""
        super().draw(data)
        self.last = data[-1]

    def repeat(self, count: int = 1) -> None:
        """The last character once more."""
        super().draw(self.last * count)

    def save_cursor(self) -> None:
        """Forget what was saved before."""
        self.savepoints.clear()
        super().save_cursor()

    def restore_cursor(self) -> None:
        """Keep what was saved."""
        saved, margins = copy.deepcopy(self.savepoints), self.margins
        self.margins = None
        super().restore_cursor()
        self.savepoints, self.margins = saved, margins


class Stream(pyte.Stream):
    """For text."""

    csi: ClassVar = {**pyte.Stream.csi, "b": "repeat"}
    events = pyte.Stream.events | {"repeat"}


class ByteStream(pyte.ByteStream):
    """For bytes."""

    csi: ClassVar = {**pyte.ByteStream.csi, "b": "repeat"}
    events = pyte.ByteStream.events | {"repeat"}
