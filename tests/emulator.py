"""An emulator that reads programs' screens: pyte, with what it lacks or does otherwise than terminals do."""

import copy
from typing import ClassVar

import pyte

__all__ = ["ByteStream", "Emulator", "Stream"]


class Emulator(pyte.Screen):
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
