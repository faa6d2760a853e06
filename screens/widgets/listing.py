"""A list to choose from: a marker moves, and only the two rows that it touches are painted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Blur, Focus, Resize
from textual.geometry import Offset, Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from screens.widgets.tail import fitted

__all__ = ["Listing"]

_PLAIN, _CHOSEN, _FOCUSED = Style(), Style(bold=True), Style(reverse=True)


class Listing(Widget, can_focus=True):
    """Up, Down, Page Up and Down, Home and End move; Enter chooses."""

    DEFAULT_CSS = "Listing { height: 1fr; width: 1fr; }"
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "move(-999999)", show=False),
        Binding("end", "move(999999)", show=False),
        Binding("enter", "choose", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """Enter on a row."""

        index: int

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._rows: tuple[str, ...] = ()
        self._at = 0
        self._top = 0
        self._painted: list[tuple[str, Style]] = []

    def tell(self, rows: Sequence[str]) -> None:
        """Show these; the marker stays on its row's number."""
        self._rows = tuple(rows)
        self._at = min(self._at, max(0, len(rows) - 1))
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        self._top = max(self._at - height + 1, min(self._top, self._at, max(0, len(self._rows) - height)))
        shown = self._rows[self._top : self._top + height]
        rows = [self._row(self._top + y, text, width) for y, text in enumerate(shown)]
        rows += [("", _PLAIN)] * (height - len(rows))
        before, self._painted = self._painted, rows
        if len(before) != len(rows):
            self.refresh()
            return
        changed = [y for y, (old, new) in enumerate(zip(before, rows, strict=True)) if old != new]
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def _row(self, index: int, text: str, width: int) -> tuple[str, Style]:
        chosen = index == self._at
        style = (_FOCUSED if self.has_focus else _CHOSEN) if chosen else _PLAIN
        return fitted(f"{'>' if chosen else ' '}{text}", width), style

    def render_line(self, y: int) -> Strip:
        """One row."""
        text, style = self._painted[y] if y < len(self._painted) else ("", _PLAIN)
        width = self.size.width
        return Strip([Segment(set_cell_size(text, width), self.rich_style + style)], width)

    def on_resize(self, _: Resize) -> None:
        """Fill the rows that it has now."""
        self._draw()

    def on_focus(self, _: Focus) -> None:
        """Show the marker in reverse."""
        self._draw()

    def on_blur(self, _: Blur) -> None:
        """Show it plain."""
        self._draw()

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs."""
        return self.region.offset + Offset(0, self._at - self._top)

    def action_move(self, by: int) -> None:
        """Move the marker."""
        self._at = max(0, min(len(self._rows) - 1, self._at + by))
        self._draw()

    def action_page(self, by: int) -> None:
        """Move by what is in sight."""
        self.action_move(by * max(1, self.size.height - 1))

    def action_choose(self) -> None:
        """Say which one."""
        if self._rows:
            self.post_message(self.Chosen(self._at))
