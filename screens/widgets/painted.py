"""A widget of whole rows that paints only those that differ: for lists and texts on a slow line."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.events import Key, Paste
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from screens.widgets.pasting import taken

__all__ = ["BOLD", "PLAIN", "REVERSE", "Painted", "Parts", "fitted", "typed"]

_LONGEST = 40
"""Characters of a search or a filter."""

PLAIN, BOLD, REVERSE = Style(), Style(bold=True), Style(reverse=True)

Parts = tuple[tuple[str, Style], ...]
"""One row."""


class Painted(Widget, can_focus=True):
    """Its rows are handed in by `paint`."""

    DEFAULT_CSS: ClassVar[str] = "Painted { height: 1fr; width: 1fr; }"
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._painted: list[Parts] = []

    def paint(self, rows: Sequence[Parts]) -> None:
        """Show these rows from the top; what is below stays blank."""
        width, height = self.size
        wanted = [*rows[:height], *([()] * (height - len(rows)))]
        before, self._painted = self._painted, wanted
        if len(before) != len(wanted):
            self.refresh()
            return
        changed = [y for y, (old, now) in enumerate(zip(before, wanted, strict=True)) if old != now]
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        """One row, cut or filled up to the width."""
        parts = self._painted[y] if y < len(self._painted) else ()
        segments, left = [], self.size.width
        for text, style in parts:
            shown = text if cell_len(text) <= left else set_cell_size(text, left)
            segments.append(Segment(shown, self.rich_style + style))
            left -= cell_len(shown)
        if left > 0:
            segments.append(Segment(" " * left, self.rich_style))
        return Strip(segments, self.size.width)


def fitted(text: str, width: int) -> str:
    """Cut to so many cells; an ellipsis says so."""
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width - 1)) + "…"


def typed(widget: Widget, text: str, event: Key | Paste) -> str | None:
    """What a search or a filter of this widget is after a key or a paste; None: the key is none of its."""
    if isinstance(event, Key):
        if event.key == "backspace":
            return text[:-1]
        if event.key == "ctrl+u":
            return ""
        if not event.is_printable or event.character is None:
            return None
        return text + taken(widget, event.character, _LONGEST - len(text))
    return text + taken(widget, event.text, _LONGEST - len(text))
