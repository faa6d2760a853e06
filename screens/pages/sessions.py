"""The Sessions page: which consoles are on, whose they are, and what is edited there."""

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.content import Content

from screens.desk.ages import span
from screens.desk.seen import Seen
from screens.widgets.block import Block
from screens.widgets.page import Page, beside
from screens.widgets.rows import doubt_rows, row, snapshot
from tm_tui.api.agent import AgentStatus
from tm_tui.spoken import person

__all__ = ["SessionsPage"]


class SessionsPage(Page):
    """Nothing to edit; it is there as soon as it is highlighted."""

    DEFAULT_CSS = beside(__file__)
    HELP = "sessions"

    def __init__(self) -> None:
        super().__init__()
        self._view = Block(classes="view")

    def compose(self) -> ComposeResult:
        """One text."""
        yield self._view

    def told_status(self, seen: Seen, now: float) -> None:
        """Show who is on as of now."""
        self._view.show(snapshot(seen, now, _lines))


def _lines(seen: Seen, status: AgentStatus, now: float) -> Iterator[Content]:
    yield from doubt_rows(seen, now)
    for number, console in enumerate(status.sessions, 1):
        role = "" if console.role == "write" else ", may only look"
        yield row(f"Console {number}", person(console.user, console.tty, console.ssh_from), role)
        edits = f"edits {', '.join(console.editing)}" if console.editing else "edits nothing"
        yield row("", f"on for {span(seen.aged(console.seconds, now) or 0)}, {edits}")
    if not status.sessions:
        yield Content("No console is on that tells of itself.")
    yield Content("")
    yield Content("Users are the kernel's word; terminal and address are what each console says of itself.")
