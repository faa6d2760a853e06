"""The Status page: what needs attention, how everything stands, and what the agent did of late."""

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget

from screens.desk.messages import ActivityWanted, PageWanted
from screens.widgets.block import Block
from screens.widgets.page import Page, beside
from screens.widgets.pick_list import PickList
from screens.widgets.rows import activity_rows, no_snapshot, snapshot

if TYPE_CHECKING:
    from textual.events import Resize

    from screens.desk.seen import Seen
    from tm_tui.api.agent import ActivityLine

__all__ = ["StatusPage"]

_ROOM = 22
"""Rows of what stands above the newest activity, where there is room for that."""
_LEAST = 5
_GATHER_SECONDS = 0.3
_MOST_LINES = 100


class StatusPage(Page):
    """Nothing to edit; it is there as soon as it is highlighted. Enter goes where attention is needed."""

    DEFAULT_CSS = beside(__file__)
    HELP = "status"
    HINT = "Enter Go there"

    def __init__(self) -> None:
        super().__init__()
        self._urgent = PickList()
        self._urgent.display = False
        self._rows = 0
        self._told: tuple[Seen, float] | None = None
        self._read_only = False
        self._view = Block(classes="view")
        self._newest = Block(classes="newest")
        self._newest.display = False
        self._lines: deque[ActivityLine] = deque(maxlen=_MOST_LINES)
        self._wanted = self._due = False

    def compose(self) -> ComposeResult:
        """What needs attention, how it stands, what happened."""
        yield self._urgent
        yield self._view
        yield self._newest

    def first(self) -> Widget | None:
        """What needs attention, if anything does."""
        return self._urgent if self._urgent.display else None

    def told_status(self, seen: "Seen", now: float) -> None:
        """Show the snapshot as of now."""
        self._told = (seen, now)
        if seen.status is None:
            self._view.show(no_snapshot(seen))
            return
        from screens.pages.status_rows import pressing, rows

        urgent = [] if seen.stale else list(pressing(seen.status, self._width, read_only=self._read_only))
        self._urgent.tell(urgent)
        if len(urgent) != self._rows:
            self._rows = self._urgent.styles.height = len(urgent)
            self._urgent.display = bool(urgent)
        self._view.show(snapshot(seen, now, partial(rows, self._width)))

    @property
    def _width(self) -> int:
        """Cells of a row: those of 80 columns before it is laid out."""
        return self.size.width or 58

    def told_role(self, *, read_only: bool) -> None:
        """Who may only look registers nothing."""
        self._read_only = read_only

    def on_pick_list_chosen(self, event: PickList.Chosen) -> None:
        """Go where it can be seen to. The first registration begins with sending switched on in the form."""
        from screens.pages.status_rows import REGISTER

        event.stop()
        chosen = event.pick_list.chosen
        if chosen == REGISTER:
            self.edit("tmsp.enabled", True)
            chosen = "TMSP"
        if chosen is not None:
            self.post_message(PageWanted(chosen))

    # The newest activity ------------------------------------------------------------------------------------

    def on_resize(self, event: "Resize") -> None:
        """Show it where there is room; follow the agent from then on. The rows above fill the new width."""
        if self._told is not None:
            self.told_status(*self._told)
        room = event.size.height - _ROOM
        self._newest.display = room >= _LEAST
        self._newest.styles.height = max(1, room - 1)
        if self._newest.display and not self._wanted:
            self._wanted = True
            self.post_message(ActivityWanted(self._told_line))
        self._draw()

    def _told_line(self, line: "ActivityLine | None") -> None:
        if line is None:
            self._lines.clear()
            return
        self._lines.append(line)
        if not self._due:
            self._due = True
            self.set_timer(_GATHER_SECONDS, self._draw)

    def _draw(self) -> None:
        """The newest first: then it stands still where the rows above grow."""
        self._due = False
        rows = list(activity_rows(self._lines))[::-1]
        self._newest.show(
            Content("\n").join([Content.styled("Newest activity", "bold"), *map(Content, rows)])
        )
