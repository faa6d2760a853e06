"""The Activity page: what the agent did of late, a row a line, following the newest."""

from collections import deque

from textual.app import ComposeResult

from screens.desk.messages import ActivityWanted
from screens.widgets.page import Page, beside
from screens.widgets.rows import activity_rows
from screens.widgets.tail import Tail
from tm_tui.api.agent import ActivityLine

__all__ = ["ActivityPage"]

_MOST_LINES = 500
_GATHER_SECONDS = 0.1
_COMING_SECONDS = 0.5
"""How long keys wait for the first lines; an agent that did nothing yet has none."""


class ActivityPage(Page):
    """Bounded, live, nothing to edit. It follows the agent from the first time it is in sight."""

    DEFAULT_CSS = beside(__file__)
    HELP = "activity"
    HINT = "/ Filter  Enter Read whole"

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[ActivityLine] = deque(maxlen=_MOST_LINES)
        self._new = 0
        self._due = False
        self._tail = Tail()

    def compose(self) -> ComposeResult:
        """The lines."""
        yield self._tail

    def on_mount(self) -> None:
        """Ask for the lines."""
        self.coming = True
        self.set_timer(_COMING_SECONDS, self._came)
        self.post_message(ActivityWanted(self.told_line))

    def told_line(self, line: ActivityLine | None) -> None:
        """Add a line; None: all lines come once more. Several that come together are painted together."""
        if line is None:
            self._lines.clear()
            self._new = 0
            return
        self._lines.append(line)
        self._new += 1
        if not self._due:
            self._due = True
            self.set_timer(_GATHER_SECONDS, self._draw)

    def on_tail_opened(self, event: Tail.Opened) -> None:
        """Read the lines whole, in the full width."""
        from screens.pages.reader import Reader

        event.stop()
        self.app.push_screen(Reader("Activity", "\n".join(event.lines), plain=True, help_page=self.HELP))

    def _came(self) -> None:
        self.coming = False

    def _draw(self) -> None:
        self._due = self.coming = False
        new, self._new = min(self._new, len(self._lines)), 0
        self._tail.tell(list(activity_rows(self._lines)), new)
