"""A list with a marker and, where wanted, marks: only rows that changed are painted."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import set_cell_size
from textual.events import Blur, Focus, Key, Resize
from textual.geometry import Offset
from textual.message import Message

from screens.widgets.columns import in_columns, widths
from screens.widgets.painted import BOLD, PLAIN, REVERSE, Painted, Parts, fitted

__all__ = ["PickList", "Row"]

_FAR = 1 << 20
_LEAST_HEIGHT = 2
"""Rows from which on one of them names the columns."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `key` tells it from the others, `bold` draws the eye."""

    key: str
    text: str
    bold: bool = False
    cells: tuple[str, ...] = ()
    """Instead of `text`, where the list has columns."""


class PickList(Painted):
    """Up and Down move, Page Up and Down, Home and End too; Enter tells who listens.

    Space marks, `a` marks all, or none once all are marked. With `heads` the first row names the columns and
    says which rows are in sight when there are more; `least` are the cells of each column but the last.
    """

    class Chosen(Message):
        """Enter was pressed on a row."""

        def __init__(self, pick_list: "PickList") -> None:
            super().__init__()
            self.pick_list = pick_list

    def __init__(
        self,
        *,
        marks: bool = False,
        nothing: str = "",
        heads: tuple[str, ...] = (),
        least: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self._heads, self._least = heads, least
        self._sizes: tuple[int, ...] = ()
        self._with_marks = marks
        self._nothing = nothing
        self._told = False
        """Whether it is known what is on the list: before that, nothing is said of it."""
        self._rows: tuple[Row, ...] = ()
        self._at = self._top = 0
        self._marked: set[str] = set()

    def tell(self, rows: Sequence[Row]) -> None:
        """Show these; marks stay with their rows, and so does a marker that was moved from the top."""
        self._told = True
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
        height = max(1, self.size.height - self._over)
        self._sizes = widths([self._heads, *(row.cells for row in self._rows)], self._least, self._room)
        self._at = max(0, min(self._at, len(self._rows) - 1))
        self._top = max(0, min(self._top, self._at), self._at - height + 1)
        self._top = max(0, min(self._top, len(self._rows) - height))
        shown = self._rows[self._top : self._top + height]
        nothing: Parts = ((fitted(f"  {self._nothing}" if self._told else "", self.size.width), PLAIN),)
        rows = [self._row(row, number) for number, row in enumerate(shown, self._top)]
        heads = [self._head(len(shown))] if self._over else []
        self.paint([*heads, *rows] or [nothing])

    @property
    def _over(self) -> int:
        """Rows for the heads: none where the marker's row needs the room."""
        return int(bool(self._heads and self._rows and self.size.height >= _LEAST_HEIGHT))

    @property
    def _room(self) -> int:
        """Cells of a row beside its marker and mark."""
        return max(1, self.size.width - (5 if self._with_marks else 1))

    def _head(self, shown: int) -> Parts:
        """The columns' names; which rows these are, at the right, when not all are in sight."""
        names = " " * (self.size.width - self._room) + in_columns(self._heads, self._sizes)
        if shown == len(self._rows):
            return ((fitted(names, self.size.width), BOLD),)
        place = f" {self._top + 1}-{self._top + shown} of {len(self._rows)}"
        room = max(0, self.size.width - len(place))
        return ((set_cell_size(fitted(names, room), room) + place, BOLD),)

    def _row(self, row: Row, number: int) -> Parts:
        here = number == self._at
        mark = f"[{'x' if row.key in self._marked else ' '}] " if self._with_marks else ""
        words = in_columns(row.cells, self._sizes) if row.cells else row.text
        text = f"{'>' if here and self.has_focus else ' '}{mark}{words}"
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
        return self.region.offset + Offset(0, self._at - self._top + self._over)

    def on_key(self, event: Key) -> None:
        """Take the keys of a list."""
        turn = max(1, self.size.height - 1)
        moves = {"up": -1, "down": 1, "pageup": -turn, "pagedown": turn, "home": -_FAR, "end": _FAR}
        if event.key in moves:
            self._move(moves[event.key])
        elif event.key == "space" and self._with_marks:
            self._mark()
        elif event.key == "a" and self._with_marks:
            self._mark_all()
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

    def _mark_all(self) -> None:
        """Mark all, or take all marks away when all have one."""
        keys = {row.key for row in self._rows}
        self._marked = set() if self._marked == keys else keys
        self._draw()

    def unmark(self) -> None:
        """Take all marks away."""
        self._marked.clear()
        self._draw()
