"""A list with a marker and, where wanted, marks: only rows that changed are painted."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.events import Blur, Focus, Key, Resize
from textual.geometry import Offset
from textual.message import Message

from screens.widgets.painted import BOLD, PLAIN, REVERSE, Painted, Parts, fitted

__all__ = ["PickList", "Row"]

_FAR = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `key` tells it from the others, `bold` draws the eye."""

    key: str
    text: str
    bold: bool = False


class PickList(Painted):
    """Up and Down move, Page Up and Down, Home and End too; Space marks; Enter tells who listens."""

    @dataclass
    class Chosen(Message):
        """Enter was pressed on a row."""

        pick_list: "PickList"

    def __init__(self, *, marks: bool = False, nothing: str = "") -> None:
        super().__init__()
        self._with_marks = marks
        self._nothing = nothing
        self._rows: tuple[Row, ...] = ()
        self._at = self._top = 0
        self._marked: set[str] = set()

    def tell(self, rows: Sequence[Row]) -> None:
        """Show these; marks stay with their rows, and so does a marker that was moved from the top."""
        chosen = self.chosen if self._at else None
        self._rows = tuple(rows)
        keys = [row.key for row in self._rows]
        self._at = keys.index(chosen) if chosen in keys else min(self._at, max(0, len(keys) - 1))
        self._marked &= set(keys)
        self._draw()

    @property
    def chosen(self) -> str | None:
        """The key of the row with the marker."""
        return self._rows[self._at].key if self._at < len(self._rows) else None

    @property
    def marked(self) -> tuple[str, ...]:
        """The keys of the marked rows, in their order."""
        return tuple(row.key for row in self._rows if row.key in self._marked)

    def _draw(self) -> None:
        height = max(1, self.size.height)
        self._at = max(0, min(self._at, len(self._rows) - 1))
        self._top = max(0, min(self._top, self._at), self._at - height + 1)
        self._top = max(0, min(self._top, len(self._rows) - height))
        shown = self._rows[self._top : self._top + height]
        nothing: Parts = ((fitted(f"  {self._nothing}", self.size.width), PLAIN),)
        rows = [self._row(row, number) for number, row in enumerate(shown, self._top)]
        self.paint(rows or [nothing])

    def _row(self, row: Row, number: int) -> Parts:
        here = number == self._at
        mark = f"[{'x' if row.key in self._marked else ' '}] " if self._with_marks else ""
        text = f"{'>' if here and self.has_focus else ' '}{mark}{row.text}"
        style = REVERSE if here and self.has_focus else BOLD if row.bold else PLAIN
        return ((fitted(text, self.size.width), style),)

    def on_resize(self, _: Resize) -> None:
        """Fill the rows that it has now."""
        self._draw()

    def on_focus(self, _: Focus) -> None:
        """Show the marker."""
        self._draw()

    def on_blur(self, _: Blur) -> None:
        """Show it plain."""
        self._draw()

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs."""
        return self.region.offset + Offset(0, self._at - self._top)

    def on_key(self, event: Key) -> None:
        """Take the keys of a list."""
        turn = max(1, self.size.height - 1)
        moves = {"up": -1, "down": 1, "pageup": -turn, "pagedown": turn, "home": -_FAR, "end": _FAR}
        if event.key in moves:
            self._move(moves[event.key])
        elif event.key == "space" and self._with_marks:
            self._mark()
        elif event.key == "enter" and self._rows:
            self.post_message(self.Chosen(self))
        else:
            return
        event.stop()

    def _move(self, by: int) -> None:
        self._at += by
        self._draw()

    def _mark(self) -> None:
        """Mark this row, or take the mark away, and go on to the next."""
        if (key := self.chosen) is not None:
            self._marked ^= {key}
            self._move(1)

    def unmark(self) -> None:
        """Take all marks away."""
        self._marked.clear()
        self._draw()
