"""The Change History page: what was saved, by whom, when and why; the differences; the way back."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult

from screens.desk.ages import clock_time
from screens.desk.desk import Question
from screens.desk.field_words import field_name
from screens.desk.messages import ForAgent
from screens.flows.saving import ON_TRIAL
from screens.widgets.page import Page
from screens.widgets.pick_list import PickList, Row
from tm_tui.api.agent import Difference, RevisionInfo
from tm_tui.api.requests import RestoreRequest, TrialRequest
from tm_tui.spoken import local_time, person

if TYPE_CHECKING:
    from collections.abc import Sequence

    from screens.desk.desk import Desk
    from screens.desk.draft import Draft

__all__ = ["HistoryPage"]

_FEW = 4
"""Differences of each kind that fit into a question at 24 rows."""
_OUTCOMES = {"running": "on trial", "confirmed": "trial confirmed", "rolled-back": "trial taken back",
             "interrupted": "trial interrupted"}  # fmt: skip
_KINDS = {"restore": "back to", "rollback": "trial ended, back to"}


class HistoryPage(Page):
    """The newest first; Enter looks closer, and there the way back is offered to those who may."""

    HELP = "history"
    HINT = "Enter Compare"

    def __init__(self) -> None:
        super().__init__()
        self._list = PickList(
            nothing="Nothing was saved yet.", heads=("Rev.", "Saved", "By, and why"), least=(5, 11)
        )
        self._entries: tuple[RevisionInfo, ...] = ()
        self._asked_at: int | None = None

    def compose(self) -> ComposeResult:
        """The list."""
        yield self._list

    def told_draft(self, draft: "Draft") -> None:
        """Ask anew when another revision is in force."""
        if draft.base.revision != self._asked_at:
            self._asked_at = draft.base.revision
            self.post_message(ForAgent(self._ask, "history"))

    def enter(self) -> None:
        """Ask for the newest each time: a trial may have ended."""
        super().enter()
        self.post_message(ForAgent(self._ask, "history"))

    async def _ask(self, desk: "Desk") -> None:
        self._entries = await desk.agent.history()
        self._list.tell([_row(entry) for entry in self._entries])

    def on_pick_list_chosen(self, event: PickList.Chosen) -> None:
        """Look closer at one."""
        entry = next(one for one in self._entries if str(one.revision) == event.pick_list.chosen)
        event.stop()
        self.post_message(ForAgent(lambda desk: self._look(desk, entry), "look"))

    async def _look(self, desk: "Desk", entry: RevisionInfo) -> None:
        if entry.problem:
            await desk.ask(Question(f"Revision {entry.revision}", [_about(entry)], [("close", "Close")]))
            return
        whole = [one.revision for one in self._entries if not one.problem]
        now = whole[0]
        before = next((number for number in whole if number < entry.revision), 0)
        lines = [f"{clock_time(entry.saved_at)} by {person(entry.saved_by, entry.tty, entry.ssh_from)}"]
        lines += [_about(entry)] if _about(entry) else []
        changes = await desk.agent.differences(before, entry.revision)
        lines += ["", f"Changed since revision {before}:" if before else "Changed from the defaults:"]
        lines += _listed(changes)
        answers = [("close", "Close")]
        if entry.revision != now:
            lines += ["", f"Since then, up to revision {now}:"]
            lines += _listed(await desk.agent.differences(entry.revision, now))
            answers += [] if desk.read_only else [("back", "Go back to it")]
        answer = await desk.ask(Question(f"Revision {entry.revision}", lines, answers))
        if answer == "back":
            await _go_back(desk, entry, now)


async def _go_back(desk: "Desk", entry: RevisionInfo, now: int) -> None:
    how = "saved again, as a new revision, and in force at once"
    lines = [
        f"The settings and passwords of revision {entry.revision} are {how}. The history loses nothing.",
        f"On trial, {ON_TRIAL}",
    ]
    answers = [("stay", "Stay"), ("back", "Go back"), ("trial", "Go back on trial")]
    question = Question(f"Go back to revision {entry.revision}?", lines, answers)
    answer, note = await desk.ask_noted(question)
    if answer == "stay":
        return
    trial = TrialRequest() if answer == "trial" else None
    document = await desk.agent.restore(entry.revision, now, RestoreRequest(note=note, trial=trial))
    desk.tell(f"Revision {document.revision} has the settings of revision {entry.revision}.")


def _row(entry: RevisionInfo) -> Row:
    if entry.saved_at is None:
        return Row(str(entry.revision), "", cells=(f"{entry.revision:>5}", "damaged", _about(entry)))
    who = person(entry.saved_by, entry.tty, entry.ssh_from)
    about = _about(entry)
    saved = local_time(entry.saved_at, "%m-%d %H:%M")  # the year stands in the detail
    said = f"{who}{'  ' if about else ''}{about}"
    return Row(str(entry.revision), "", cells=(f"{entry.revision:>5}", saved, said))


def _about(entry: RevisionInfo) -> str:
    """How it came about, and why; of one that is damaged, why it cannot be shown."""
    if entry.problem:
        return f"cannot be shown: {entry.problem}"
    kind = f"{_KINDS[entry.kind]} {entry.of}" if entry.kind in _KINDS else ""
    outcome = _OUTCOMES.get(entry.outcome or "", "")
    by = f" by {entry.confirmed_by}" if entry.confirmed_by and entry.outcome == "confirmed" else ""
    return "; ".join(part for part in (kind, outcome + by, entry.note) if part)


def _listed(changes: "Sequence[Difference]") -> list[str]:
    if not changes:
        return ["  nothing"]
    shown = changes if len(changes) <= _FEW else changes[: _FEW - 1]
    lines = [
        f"  {field_name(change.field)}: {change.old or '(empty)'} -> {change.new or '(empty)'}"
        for change in shown
    ]
    return lines + ([f"  and {len(changes) - len(shown)} more"] if len(changes) > len(shown) else [])
