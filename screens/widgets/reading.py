"""A long text to read: paged, searched, and cheap on the line."""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.events import Key, Paste, Resize
from textual.geometry import Offset

from screens.widgets.painted import BOLD, PLAIN, REVERSE, Painted, Parts, typed
from tm_tui.text_rows import STRONG, Row

__all__ = ["Reading"]


class Reading(Painted):
    """Space and Page keys turn pages; `/` searches, n and N go on, Esc drops the search."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_rows(-1)", show=False),
        Binding("down,enter", "scroll_rows(1)", show=False),
        Binding("pageup,b", "scroll_pages(-1)", show=False),
        Binding("pagedown,space", "scroll_pages(1)", show=False),
        Binding("home,g", "scroll_rows(-999999)", show=False),
        Binding("end,G", "scroll_rows(999999)", show=False),
        Binding("n", "again(1)", show=False),
        Binding("N", "again(-1)", show=False),
        Binding("escape", "drop_search", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[Row, ...] = ()
        self._top = 0
        self._search = ""
        self._typing = False
        self._told = ""
        self._hit: int | None = None

    def tell(self, rows: Sequence[Row]) -> None:
        """Show this text; the place in it stays about the same when only the width changed."""
        share = self._top / max(1, len(self._rows))
        self._rows = tuple(rows)
        self._top = round(share * len(self._rows))
        self._draw()

    @property
    def top(self) -> int:
        """The first row in sight."""
        return self._top

    # What is shown ------------------------------------------------------------------------------------------

    def _room(self) -> int:
        return max(1, self.size.height - 1)

    def _draw(self) -> None:
        room = self._room()
        self._top = max(0, min(self._top, len(self._rows) - room))
        shown = [self._parts(row) for row in self._rows[self._top : self._top + room]]
        shown += [()] * (room - len(shown))
        self.paint([*shown, ((self._bottom(), BOLD if self._typing or self._told else PLAIN),)])

    def _parts(self, row: Row) -> Parts:
        """Strong where it is strong, reverse where it was searched for."""
        parts, at = [], 0
        for start, end in [*self._found_in(row), (len(row.text), len(row.text))]:
            parts += [(text, BOLD if mark == STRONG else PLAIN) for text, mark in row[at:start].runs()]
            if end > start:
                parts.append((row.text[start:end], REVERSE))
            at = end
        return tuple(parts)

    def _found_in(self, row: Row) -> Iterator[tuple[int, int]]:
        if self._search and not self._typing:
            for found in re.finditer(re.escape(self._search), row.text, re.IGNORECASE):
                yield found.span()

    def _bottom(self) -> str:
        if self._typing:
            return f"/{self._search}_"
        if self._told:
            return self._told
        end = min(len(self._rows), self._top + self._room())
        share = 100 * end // max(1, len(self._rows))
        search = "n N next, Esc drops the search" if self._search else "/ searches, Esc closes"
        return f"{share} %  Space turns the page, {search}"

    def on_resize(self, _: Resize) -> None:
        """Fill the rows that it has now."""
        self._draw()

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs."""
        typed = cell_len(f"/{self._search}") if self._typing else 0
        return self.region.offset + Offset(min(typed, self.size.width - 1), self.size.height - 1)

    # Keys ---------------------------------------------------------------------------------------------------

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002  Textual's shape
        """While a search is typed, printable characters belong to it."""
        return self._typing and character is not None and character.isprintable()

    def on_key(self, event: Key) -> None:
        """Type the search."""
        if not self._typing:
            if event.character == "/":
                event.stop()
                self._typing, self._search, self._told = True, "", ""
                self._draw()
            return
        if event.key == "enter":
            self._typing = False
            event.prevent_default()
            self._go(self._top, 1)
        elif (text := typed(self, self._search, event)) is not None:
            self._search = text
        else:
            return
        event.stop()
        self._draw()

    def on_paste(self, event: Paste) -> None:
        """Search for it; it begins the search too."""
        event.stop()
        before = self._search if self._typing else ""
        text = event.text if self._typing else event.text.lstrip("\n").removeprefix("/")
        self._typing, self._search, self._told = True, typed(self, before, Paste(text)) or "", ""
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc closes the text when there is no search to drop; Enter ends the typing of one."""
        if action == "drop_search":
            return self._typing or bool(self._search)
        if self._typing:
            return False
        return super().check_action(action, parameters)

    def action_drop_search(self) -> None:
        """Show the text plain again."""
        self._search, self._typing, self._told, self._hit = "", False, "", None
        self._draw()

    def action_again(self, by: int) -> None:
        """To the next row that has it, or to the one before."""
        if self._search:
            self._go((self._top if self._hit is None else self._hit) + by, by)
            self._draw()

    def _go(self, start: int, by: int) -> None:
        """Bring the first row that has it into sight, beginning at `start`, round the end if need be."""
        number = len(self._rows)
        for step in range(number):
            at = (start + by * step) % number
            if any(True for _ in self._found_in(self._rows[at])):
                round_the_end = (at < start) if by > 0 else (at > start)
                self._told = f"/{self._search}  found beyond the end" if round_the_end else ""
                self._hit = at
                if not self._top <= at < self._top + self._room():
                    self._top = max(0, at - self._room() // 3)
                return
        self._told = f"/{self._search}  is not in this text" if self._search else ""
        self._hit = None

    def action_scroll_rows(self, by: int) -> None:
        """Move by rows."""
        self._top += by
        self._told = ""
        self._draw()

    def action_scroll_pages(self, by: int) -> None:
        """Move by what is in sight, less a row to find one's place again."""
        self.action_scroll_rows(by * max(1, self._room() - 1))
