"""The end of a growing list of lines, a filter below; only changed rows are painted.

New lines fill the view downwards, and three quarters of it move away at once when it is full: on a slow
line a scroll beside a menu costs as much as ten lines, and lines that stand can be read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.events import Blur, Focus, Key, Paste, Resize
from textual.geometry import Offset
from textual.message import Message

from screens.widgets.painted import BOLD, PLAIN, Painted, fitted, typed
from tm_tui.spoken import count

__all__ = ["Tail"]


class Tail(Painted):
    """`/` types a filter, Enter keeps it, Esc drops it; Page Up and Down, Home and End scroll.

    Enter with no filter to keep tells who listens: lines are cut here.
    """

    @dataclass
    class Opened(Message):
        """Somebody wants to read the lines that were found, whole."""

        lines: tuple[str, ...]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "scroll_pages(1)", show=False),
        Binding("pagedown", "scroll_pages(-1)", show=False),
        Binding("up", "scroll_rows(1)", show=False),
        Binding("down", "scroll_rows(-1)", show=False),
        Binding("home", "scroll_rows(9999)", show=False),
        Binding("end", "scroll_rows(-9999)", show=False),
        Binding("escape", "drop_filter", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._lines: tuple[str, ...] = ()
        self._found: list[str] = []
        self._behind = 0
        """How many found lines stand below those in sight: 0 follows the newest."""
        self._gone = 0
        """How many found lines were dropped at the other end."""
        self._top = 0
        """The first line in sight while it follows the newest; those that are gone count."""
        self._filter = ""
        self._typing = False
        self._height = 0

    # What is shown ------------------------------------------------------------------------------------------

    def tell(self, lines: Sequence[str], new: int) -> None:
        """Show these; the last `new` of them were not there before. A view that was scrolled stands still."""
        dropped = max(0, len(self._lines) + new - len(lines)) if lines else 0
        self._gone = self._gone + len(self._matching(self._lines[:dropped])) if lines else 0
        self._lines = tuple(lines)
        came = len(self._matching(self._lines[len(self._lines) - new :] if new else ()))
        if self._behind:
            self._behind += came
        before, self._found = self._found, self._matching(self._lines)
        if before and not self._behind:
            self._make_room(came)
        self._draw()

    def _make_room(self, came: int) -> None:
        """Move three quarters of a full view away, but none of the lines that just came."""
        end, room = len(self._found) + self._gone, self._room
        if end - self._top > room:
            self._top = end - min(room, room - room * 3 // 4 + came)

    @property
    def _room(self) -> int:
        return max(1, self.size.height - 1)

    def _matching(self, lines: Sequence[str]) -> list[str]:
        wanted = self._filter.casefold()
        return [line for line in lines if wanted in line.casefold()] if wanted else list(lines)

    def _draw(self) -> None:
        """Work out the rows, and paint those that differ."""
        width, room = self.size.width, self._room
        self._behind = max(0, min(self._behind, len(self._found) - room))
        end = len(self._found) - self._behind
        shown = self._found[self._first(end, room) : end]
        style = BOLD if self._filter or self._typing else PLAIN
        rows = [((fitted(line, width), PLAIN),) for line in shown]
        self.paint([*rows, *([()] * (room - len(rows))), ((fitted(self._bottom(), width), style),)])

    def _first(self, end: int, room: int) -> int:
        """The first line in sight: where it was while there is room, else as many lines as fit."""
        first, top = max(0, end - room), self._top - self._gone
        if self._behind:
            return first
        if first <= top <= end:
            first = top
        self._top = first + self._gone
        return first

    def _bottom(self) -> str:
        below = f"{count(self._behind, 'line')} below, End goes there" if self._behind else ""
        if not self._filter and not self._typing:
            return f"/ filters   {below}"
        found = f"{len(self._found)} of {count(len(self._lines), 'line')}"
        return f"Filter: {self._filter}{'_' if self._typing else ''}   {below or found}"

    def on_resize(self, event: Resize) -> None:
        """Fill the rows that it has now, if they are others than before."""
        if event.size.height != self._height:
            self._height, self._top = event.size.height, 0
        self._draw()

    def on_focus(self, _: Focus) -> None:
        """The cursor comes here."""
        self._draw()

    def on_blur(self, _: Blur) -> None:
        """What was typed of a filter stays."""
        self._typing = False
        self._draw()

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs: in the filter, else behind the newest line in sight."""
        if self._typing:
            end = cell_len(f"Filter: {self._filter}")
            return self.region.offset + Offset(min(end, self.size.width - 1), self.size.height - 1)
        newest = next((y for y in range(len(self._painted) - 2, -1, -1) if self._painted[y]), 0)
        end = sum(cell_len(text) for text, _ in self._painted[newest]) if self._painted else 0
        return self.region.offset + Offset(min(end, self.size.width - 1), newest)

    # Keys ---------------------------------------------------------------------------------------------------

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002  Textual's shape
        """While a filter is typed, printable characters belong to it."""
        return self._typing and character is not None and character.isprintable()

    def on_key(self, event: Key) -> None:
        """Type the filter."""
        if not self._typing:
            if event.character == "/":
                event.stop()
                self._typing = True
                self._draw()
            elif event.key == "enter" and self._found:
                event.stop()
                self.post_message(self.Opened(tuple(self._found)))
            return
        if event.key == "enter":
            self._typing = False
        elif (text := typed(self, self._filter, event)) is not None:
            self._filter = text
        else:
            return
        event.stop()
        self._filtered()

    def on_paste(self, event: Paste) -> None:
        """Filter by it; it begins the filter too."""
        event.stop()
        text = event.text if self._typing else event.text.lstrip("\n").removeprefix("/")
        self._typing, self._filter = True, typed(self, self._filter, Paste(text)) or ""
        self._filtered()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc leaves the page when there is no filter to drop."""
        if action == "drop_filter":
            return self._typing or bool(self._filter)
        return super().check_action(action, parameters)

    def action_drop_filter(self) -> None:
        """Show all lines again."""
        self._filter, self._typing = "", False
        self._filtered()

    def _filtered(self) -> None:
        """Other lines are found now; a view of the same ones stands still."""
        before, self._found = self._found, self._matching(self._lines)
        if self._found != before:
            self._top = 0
        self._draw()

    def action_scroll_rows(self, by: int) -> None:
        """Look at earlier (more than 0) or later lines."""
        self._behind += by
        self._draw()

    def action_scroll_pages(self, by: int) -> None:
        """As many lines as are in sight."""
        self.action_scroll_rows(by * max(1, self.size.height - 2))
