"""The Status page: what needs attention, how everything stands, and what the agent did of late."""

from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget

from screens.desk.messages import ActivityWanted, PageWanted
from screens.flows.leaving import PRIVATE
from screens.pages.activity import activity_rows
from screens.widgets.block import Block
from screens.widgets.page import Page, beside
from screens.widgets.painted import fitted
from screens.widgets.pick_list import PickList, Row
from screens.widgets.rows import doubt_rows, hung, row, snapshot, state_word
from tm_tui.api.past import coarser
from tm_tui.api.registration_words import NEVER_REGISTERED, checklist, is_fresh, short_checklist
from tm_tui.api.status_words import Line, Told, attention, overview

if TYPE_CHECKING:
    from textual.events import Resize

    from screens.desk.seen import Seen
    from tm_tui.api.agent import ActivityLine, AgentStatus

__all__ = ["StatusPage"]

_LABEL = 15
_ROOM = 22
"""Rows of what stands above the newest activity, where there is room for that."""
_LEAST = 5
_SMALL = 42
"""Cells beside the labels below which the checklist is short: 43 at 80 columns."""
_GAP = 4
"""Cells around the words beside a strip."""
_ENTER = "    Enter"
"""The key that goes there, in sight also where the words before it are cut."""
_REGISTER = "register"
"""The row that begins the first registration."""
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
        urgent = list(self._pressing(seen.status)) if seen.status is not None and not seen.stale else []
        self._urgent.tell(urgent)
        if len(urgent) != self._rows:
            self._rows = self._urgent.styles.height = len(urgent)
            self._urgent.display = bool(urgent)
        width = max(1, self._width - _LABEL)
        self._view.show(snapshot(seen, now, partial(_lines, width)))

    @property
    def _width(self) -> int:
        """Cells of a row: those of 80 columns before it is laid out."""
        return self.size.width or 58

    def told_role(self, *, read_only: bool) -> None:
        """Who may only look registers nothing."""
        self._read_only = read_only

    def _pressing(self, status: "AgentStatus") -> Iterator[Row]:
        """What Enter leads to: what needs attention, or the first registration."""
        if is_fresh(status) and not self._read_only:
            yield Row(_REGISTER, "[ Register this appliance ]    Enter", bold=True)
        for one in attention(status):
            words = fitted(f"! {one.words}", max(1, self._width - len(_ENTER) - 1))
            yield Row(one.entry, f"{words}{_ENTER}", bold=True)

    def on_pick_list_chosen(self, event: PickList.Chosen) -> None:
        """Go where it can be seen to. The first registration begins with sending switched on in the form."""
        event.stop()
        chosen = event.pick_list.chosen
        if chosen == _REGISTER:
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


def _lines(width: int, seen: "Seen", status: "AgentStatus", now: float) -> Iterator[Content]:
    yield from doubt_rows(seen, now)
    for alert in status.alerts:
        yield Content.assemble(("! ", "bold"), alert)
    if seen.private:
        yield Content.styled(PRIVATE, "bold")
    if is_fresh(status):
        small = width < _SMALL
        lines = short_checklist() if small else ("", NEVER_REGISTERED, "", *checklist(), "")
        yield from map(Content, lines)
        yield Content("F1 tells more.")
    else:
        yield from _overview(width, seen, status, now)


def _overview(width: int, seen: "Seen", status: "AgentStatus", now: float) -> Iterator[Content]:
    told = Told(status, now - seen.arrived, known=not seen.stale, overdue=seen.overdue(now) is not None)
    for line in overview(told):
        yield _row(seen, line, now, width)


def _row(seen: "Seen", line: Line, now: float, width: int) -> Content:
    if line.state is not None:
        return row(line.label, state_word(seen, line.state, now), f"  {line.words}" if line.words else "")
    if line.day is None:
        return row(line.label, hung(line.words, width, _LABEL))
    strip = coarser(line.day.marks, width - len(line.words) - _GAP)
    return row(line.label, strip, f"  {line.words}")
