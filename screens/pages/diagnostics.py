"""The Diagnostics page: a dozen lines to read out or copy, and how to make the bundle for support."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content

from screens.desk.desk import Question
from screens.desk.messages import ForAgent
from screens.widgets.block import Block
from screens.widgets.button import Button
from screens.widgets.page import Page, beside
from tm_tui.api.case_words import going
from tm_tui.spoken import local_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.events import Show
    from textual.widget import Widget

    from screens.desk.desk import Desk
    from screens.desk.seen import Seen

__all__ = ["DiagnosticsPage"]

_BUNDLE = (
    "`tm-tui diagnostics` in a shell, the button below, and this page in plain lines give all details, "
    "without passwords."
)
_QUESTION = Question(
    "Submit the bundle as a case?",
    [
        "It goes to TMSP as any case does, and support finds it there. In it are:",
        " - status, settings, history, activity, the last test, versions, the log queue's figures;",
        " - host names, IP addresses, user names and e-mail addresses.",
        "No password is in it, and no file of an endpoint.",
    ],
    [("keep", "Not now"), ("submit", "Submit it")],
)


class _Submit(Button):
    """A button of this page."""

    def __init__(self, press: "Callable[[], None]") -> None:
        super().__init__("Submit as a case", "")
        self._press = press

    async def action_press(self) -> None:
        """Ask for it."""
        self._press()


class DiagnosticsPage(Page):
    """Nothing to edit. The lines are those of the moment that they name: they are asked for each time."""

    DEFAULT_CSS = beside(__file__)
    HELP = "diagnostics"

    def __init__(self) -> None:
        super().__init__()
        self._view = Block(classes="view")
        self._asked = False
        self._submit = _Submit(self._ask_submit)

    def told_role(self, *, read_only: bool) -> None:
        """Readers get no button."""
        self._submit.display = not read_only

    def first(self) -> "Widget | None":
        """The button."""
        return self._submit if self._submit.display else None

    def compose(self) -> ComposeResult:
        """One text."""
        self._view.show(Content("Asking the agent ..."))
        yield self._view
        yield self._submit

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

    def _ask_submit(self) -> None:
        self.post_message(ForAgent(self._submitted, "case", changes=True))

    async def _submitted(self, desk: "Desk") -> None:
        """Ask, hand it in, and say how it goes on as long as the page is in sight."""
        if await desk.ask(_QUESTION) == "submit":
            case = await desk.agent.submit_diagnostics()
            desk.tell(f"{going(case)} Services > Submit a Case shows it.")

    async def _fetch(self, desk: "Desk") -> None:
        told = await desk.agent.diagnostics_text()
        head = f"As of {local_time(told.taken_at)}:"
        self._view.show(Content("\n".join([head, "", *told.lines, "", _BUNDLE])))
