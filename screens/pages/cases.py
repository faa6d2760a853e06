"""The Submit a Case page: a form for what to submit, and below it what became of each case."""

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import DescendantFocus, Resize
from textual.widget import Widget

from screens.desk.desk import Question
from screens.desk.forms import Slot
from screens.desk.messages import ForAgent
from screens.desk.seen import Seen
from screens.pages.case_row import CaseRow, heads
from screens.widgets.block import Block
from screens.widgets.button import Button
from screens.widgets.field import Field
from screens.widgets.page import Page, beside
from screens.widgets.text_field import TextField
from tm_tui.api.case_words import case_lines, going
from tm_tui.api.cases import CaseInfo, CasesDocument
from tm_tui.api.failures import ControlRefused
from tm_tui.api.registration_words import off
from tm_tui.api.requests import SubmitRequest
from tm_tui.settings.fields import FieldSpec
from tm_tui.spoken import count

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from tm_tui.api.cases import CasesStatus

__all__ = ["CasesPage"]

_FIELDS = (
    (
        "paths",
        "Files",
        40,
        "Absolute paths, spaces between, quoted if they hold some. Empty: the inbox.",
    ),
    ("endpoint", "Endpoint", 40, "The computer that the files are from: its name or address."),
    ("threat", "Threat", 40, "What it is suspected to be, if you know."),
    ("description", "Description", 40, "What happened, for whoever analyses it."),
)
_FEW = 3
"""Damaged cases that are named; `tm-tui case list` names all."""
_FEW = 4
"""Paths and notes of a case that are named; `tm-tui case show` names all."""
_REFUSED = "the portal did not accept the password."


class CasesPage(Page):
    """Nothing is submitted but by the button here, or by the command."""

    DEFAULT_CSS = beside(__file__)
    HELP = "case"
    HINT = "Enter Look  Del Cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,tab", "step(1)", show=False, priority=True),
        Binding("up,shift+tab", "step(-1)", show=False, priority=True),
        Binding("enter", "step(1)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._fields = {key: _field(key, label, cells, words) for key, label, cells, words in _FIELDS}
        self._buttons = Horizontal(
            _Press("Submit", self._ask_submit), _Press("Try again now", self._ask_send), classes="buttons"
        )
        self._help = Block(classes="help")
        self._state = Block(classes="state")
        self._heads = Block()
        self._heads.display = False
        self._list = Vertical(classes="list")
        self._damaged = Block(classes="state")
        self._damaged.display = False
        self._rows: dict[int, CaseRow] = {}
        self._cases: dict[int, CaseInfo] = {}
        self._asked = -1
        self._inbox = ""

    def compose(self) -> ComposeResult:
        """The form, a line for help or an error, the list."""
        yield from self._fields.values()
        yield self._buttons
        yield self._help
        yield self._state
        yield self._damaged
        yield self._heads
        yield self._list

    def told_role(self, *, read_only: bool) -> None:
        """Readers see the list only."""
        for widget in (*self._fields.values(), self._buttons, self._help):
            widget.display = not read_only

    def told_status(self, seen: Seen, now: float) -> None:  # noqa: ARG002  as Page has it
        """Show progress at once, and ask for the list when it looks different."""
        if seen.status is None:
            self._state.show(Content(seen.cause))
            return
        cases = seen.status.cases
        why = f"{off(seen.status.status_server)}: a case is packed, and waits here."
        words = {"disabled": why, "paused": _paused(cases)}.get(cases.state, "")
        if seen.stale:
            words = "OLD: the agent does not answer; what stands below may have changed."
            self._asked = -1
        self._state.show(Content.styled(words, "bold"))
        self._state.display = bool(words)
        for number, row in self._rows.items():
            progress = cases.progress
            row.told(progress if progress and progress.number == number and not seen.stale else None)
        if not seen.stale and cases.changes != self._asked:
            self._asked = cases.changes
            self.post_message(ForAgent(self._fetch, "cases"))

    async def _fetch(self, desk: "Desk") -> None:
        await self._told(await desk.agent.cases())

    async def _told(self, document: CasesDocument) -> None:
        """Keep the rows that stay, so that the focus does too."""
        self._inbox = f"Inbox: {document.inbox} ({count(document.inbox_files, 'file')})"
        damaged = "\n".join(f"! {one.words}" for one in document.unreadable[:_FEW])
        self._damaged.show(Content(damaged))
        self._damaged.display = bool(damaged)
        wanted = self._cases = {case.number: case for case in document.cases}
        for number in self._rows.keys() - wanted.keys():
            await self._rows.pop(number).remove()
        for place, (number, case) in enumerate(wanted.items()):
            if number in self._rows:
                self._rows[number].put(case)
            else:
                row = self._rows[number] = CaseRow(case, self._ask_cancel, self._ask_look)
                await self._list.mount(row, before=place if place < len(self._list.children) else None)
        self._head()
        self._explain()

    def on_resize(self, _: Resize) -> None:
        """Share the width anew."""
        self.call_after_refresh(self._head)

    def _head(self) -> None:
        self._heads.display = bool(self._cases)
        self._heads.show(Content.styled(heads(self._list), "bold"))

    # The form -----------------------------------------------------------------------------------------------

    def on_descendant_focus(self, _: DescendantFocus) -> None:
        """Show the help of the field."""
        self._explain()

    def on_field_left(self, event: Field.Left) -> None:
        """What was typed stays."""
        event.stop()

    def _explain(self) -> None:
        field = self.screen.focused
        if isinstance(field, TextField) and field in self._fields.values():
            self._help.show(Content(f"{field.spec.help} {self._inbox if field.spec.key == 'paths' else ''}"))
        else:
            self._help.show(Content(self._inbox))

    def _ask_submit(self) -> None:
        self.post_message(ForAgent(self._submit, "case", changes=True))

    async def _submit(self, desk: "Desk") -> None:
        typed = {key: str(field.value) for key, field in self._fields.items()}
        try:
            paths = tuple(shlex.split(typed.pop("paths")))
        except ValueError:
            desk.tell("Files: a quotation mark is not closed.", wrong=True)
            return
        try:
            case = await desk.agent.submit_case(SubmitRequest(paths=paths, **typed))
        except ControlRefused as refused:
            self._refused(desk, refused)
            return
        for field in self._fields.values():
            field.put("")
        self._follow(desk, case)

    def _refused(self, desk: "Desk", refused: ControlRefused) -> None:
        """Go to the first field that is wrong, and say what is."""
        problem = next((one for one in refused.refusal.problems if one.field in self._fields), None)
        if problem is None:
            desk.tell(f"Not submitted: {refused.cause} {refused.remedy}", wrong=True)
            return
        self.screen.set_focus(self._fields[problem.field])
        label = self._fields[problem.field].label
        desk.tell(f"{label}: {problem.cause} {problem.remedy}", wrong=True)

    def _ask_send(self) -> None:
        self.post_message(ForAgent(self._send, "case", changes=True))

    async def _send(self, desk: "Desk") -> None:
        await self._told(await desk.agent.send_cases())
        waiting = next((one for one in self._cases.values() if one.state in {"waiting", "sending"}), None)
        if waiting is None:
            desk.tell("No case waits: there is nothing to upload.")
        else:
            self._follow(desk, waiting)

    def _follow(self, desk: "Desk", case: CaseInfo) -> None:
        """Say how a case goes on, in one line that stays true."""
        desk.tell(going(case), follow=lambda: going(self._cases.get(case.number, case)))

    # The list -----------------------------------------------------------------------------------------------

    def _ask_cancel(self, number: int) -> None:
        async def cancel(desk: "Desk") -> None:
            lines = [f"Case {number}: its packed file is removed here, and what the portal has of it there."]
            question = Question("Cancel this case?", lines, [("keep", "Keep it"), ("cancel", "Cancel it")])
            if await desk.ask(question) == "cancel":
                await desk.agent.cancel_case(number)
                desk.tell(f"Case {number} is cancelled.")

        self.post_message(ForAgent(cancel, "case", changes=True))

    def _ask_look(self, case: CaseInfo) -> None:
        async def look(desk: "Desk") -> None:
            lines = list(case_lines(case, _FEW))
            await desk.ask(Question(f"Case {case.number}", lines, [("close", "Close")]))

        self.post_message(ForAgent(look, "look"))

    def action_step(self, by: int) -> None:
        """Move the focus within the page, round and round."""
        chain = [widget for widget in self.screen.focus_chain if self in widget.ancestors]
        focused = self.screen.focused
        if chain and focused in chain:
            self.screen.set_focus(chain[(chain.index(focused) + by) % len(chain)])

    def first(self) -> Widget | None:
        """The form; for readers the list."""
        return next((widget for widget in self.query("*") if widget.focusable), None)


class _Press(Button):
    """A button of this page."""

    def __init__(self, label: str, press: Callable[[], None]) -> None:
        super().__init__(label, "")
        self._press = press

    async def action_press(self) -> None:
        self._press()


def _field(key: str, label: str, cells: int, words: str) -> TextField:
    spec = FieldSpec(key=key, label=label, help=words, kind="text", choices=(), default="", screen="tmsp")
    return TextField(spec, Slot(key, cells))


def _paused(cases: "CasesStatus") -> str:
    failure = cases.last_failure
    why = _REFUSED if failure is None or failure.code == "http-auth-refused" else failure.cause
    return f"Uploading is paused: {why} Save other settings, or try again."
