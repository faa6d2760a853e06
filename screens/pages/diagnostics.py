"""The Diagnostics page: a dozen lines to read out or copy, and how to make the bundle for support."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content

from screens.desk.messages import ForAgent
from screens.widgets.block import Block
from screens.widgets.page import Page, beside
from tm_tui.spoken import local_time

if TYPE_CHECKING:
    from textual.events import Show

    from screens.desk.desk import Desk
    from screens.desk.seen import Seen

__all__ = ["DiagnosticsPage"]

_BUNDLE = (
    "All details without passwords: `tm-tui diagnostics` in a shell. Without one, in plain lines\n"
    "(`--plain`, TERM=dumb): System > Diagnostics prints the bundle to the line."
)


class DiagnosticsPage(Page):
    """Nothing to edit. The lines are those of the moment that they name: they are asked for each time."""

    DEFAULT_CSS = beside(__file__)
    HELP = "diagnostics"

    def __init__(self) -> None:
        super().__init__()
        self._view = Block(classes="view")
        self._asked = False

    def compose(self) -> ComposeResult:
        """One text."""
        self._view.show(Content("Asking the agent ..."))
        yield self._view

    def on_show(self, _: "Show") -> None:
        """Ask for the newest each time that the page comes into sight."""
        self._asked = False

    def told_status(self, seen: "Seen", now: float) -> None:  # noqa: ARG002  the lines carry their own time
        """Ask as soon as an agent is there."""
        if seen.status is None or seen.stale:
            self._asked = False
        elif not self._asked:
            self._asked = True
            self.post_message(ForAgent(self._fetch, "diagnostics"))

    async def _fetch(self, desk: "Desk") -> None:
        told = await desk.agent.diagnostics_text()
        head = f"As of {local_time(told.taken_at)}:"
        self._view.show(Content("\n".join([head, "", *told.lines, "", _BUNDLE])))
