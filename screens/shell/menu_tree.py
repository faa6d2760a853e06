"""The menu on the left: one widget, no guides, a marker for the highlighted entry."""

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Blur, Focus
from textual.geometry import Offset
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from screens.desk.menu import Entry, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MenuTree"]

_WIDTH = 19


class MenuTree(Widget, can_focus=True):
    """Up and Down highlight, Enter opens."""

    DEFAULT_CSS = "MenuTree { width: 20; height: 1fr; text-wrap: nowrap; text-overflow: clip; }"
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,shift+tab", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("home", "move(-99)", show=False),
        Binding("end", "move(99)", show=False),
        Binding("enter,right,tab,space", "open", show=False),
    ]

    STEPS: ClassVar = frozenset({"up", "shift+tab", "down", "home", "end"})
    """Keys that move the marker and do nothing else."""

    at: reactive[int] = reactive(0)
    marked: reactive[frozenset[str]] = reactive(frozenset())
    """Names of the entries with unsaved changes."""
    counts: "reactive[Mapping[str, int]]" = reactive(dict)
    """Numbers behind the names of entries."""

    class Highlighted(Message):
        """The admin looks at this entry; `moved`: and is perhaps on the way to another."""

        def __init__(self, entry: Entry, *, moved: bool) -> None:
            super().__init__()
            self.entry, self.moved = entry, moved

    class Opened(Message):
        """The admin opens this entry."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        super().__init__(markup=False)
        self._entries = entries
        self._rows = tuple(rows(entries))

    @property
    def entry(self) -> Entry:
        """The highlighted entry."""
        return self._entries[self.at]

    def highlight(self, entry: Entry) -> None:
        """Move the marker there."""
        self.at = self._entries.index(entry)

    def take_focus(self) -> None:
        """Come into sight, if it was not, and take the keys."""
        self.display = True
        self.screen.set_focus(self)

    def render(self) -> Content:
        """The rows, the highlighted one in sight, and the edge to the page."""
        height = max(1, self.size.height)
        top = self._top()
        lines = [self._row(row) for row in self._rows[top : top + height]]
        lines += [Content(" " * _WIDTH)] * (height - len(lines))
        return Content("\n").join(Content.assemble(line, "│") for line in lines)

    def _row(self, row: Entry | str) -> Content:
        if isinstance(row, str):
            return Content.styled(f" {row:<{_WIDTH - 1}}", "")
        chosen = row is self.entry
        mark = "~" if row.name in self.marked else " "
        indent = "  " if row.group else ""
        count = self.counts.get(row.name, 0)
        sign = f"{'>' if chosen else ' '}{indent}"
        text = f"{row.name}{f' {count}' if count else ''}"[: _WIDTH - 1 - len(sign)]
        style = "reverse" if chosen and self.has_focus else ""
        return Content.assemble((sign, style), f"{text:<{_WIDTH - 1 - len(sign)}}", mark)

    def watch_at(self) -> None:
        """Tell what is highlighted."""
        if self.is_mounted:
            self.post_message(self.Highlighted(self.entry, moved=True))

    def on_focus(self, _: Focus) -> None:
        """Show the marker in reverse (the marker alone: a step costs few bytes), and its page beside it."""
        self.refresh()
        self.post_message(self.Highlighted(self.entry, moved=False))

    def on_blur(self, _: Blur) -> None:
        """Show the marker plain."""
        self.refresh()

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs."""
        return self.region.offset + Offset(0, self._rows.index(self.entry) - self._top())

    def _top(self) -> int:
        """The first row in sight."""
        height = max(1, self.size.height)
        return max(0, min(self._rows.index(self.entry) - height + 2, len(self._rows) - height))

    def action_move(self, by: int) -> None:
        """Highlight a neighbour."""
        self.at = min(len(self._entries) - 1, max(0, self.at + by))

    def action_open(self) -> None:
        """Open what is highlighted."""
        self.post_message(self.Opened(self.entry))
