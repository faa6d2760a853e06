"""Saving, from F2 to the new revision: every question on the way; nothing typed is lost on any of them."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from screens.desk.ages import clock_time
from screens.desk.draft import Draft
from screens.desk.person import person
from screens.desk.question import Question
from tm_tui.api.agent import Conflict, SaveRequest, TrialRequest
from tm_tui.api.failures import ControlRefused, SaveConflict
from tm_tui.errors import Problem, TmError
from tm_tui.settings.fields import spec_of

if TYPE_CHECKING:
    from screens.desk.desk import Desk

__all__ = ["ON_TRIAL", "field_name", "refused_fields", "save", "save_noted"]

ON_TRIAL = "the settings before come back unless the status server accepts a beat or somebody confirms."
_KEEP = ("keep", "Keep editing")

_UNREGISTER = {
    "on-premise": "To unregister it for good, remove it on the portal's Registered Products screen.",
    "hosted": "To unregister it for good, contact your support provider's representative.",
}


def field_name(key: str) -> str:
    """A field in the words of its form: `TMSP: Log server`."""
    try:
        return spec_of(key).label
    except KeyError:
        return key


@dataclass(frozen=True, slots=True)
class _How:
    """What the admin decided about a save."""

    answer: str
    note: str = ""

    @property
    def trial(self) -> TrialRequest | None:
        """On trial, for as long as the settings say."""
        return TrialRequest() if self.answer == "trial" else None


async def save(desk: "Desk") -> None:
    """Save what is typed: check, ask where it must be asked, send, and deal with the answer."""
    draft = _ready(desk)
    if draft is not None:
        await _save(desk, draft, await _confirmed(desk, draft))


async def save_noted(desk: "Desk") -> None:
    """The same, always asking: with a note for the history, at once or on trial."""
    draft = _ready(desk)
    if draft is None:
        return
    if draft.switches_off or (draft.concerns_servers and draft.test != "passed"):
        await _save(desk, draft, await _confirmed(desk, draft, always=True))
        return
    answers = [_KEEP, ("save", "Save"), ("trial", "Save on trial")]
    question = Question("Save how?", [f"On trial, {ON_TRIAL}"], answers)
    await _save(desk, draft, _How(*await desk.ask_noted(question)))


def _ready(desk: "Desk") -> Draft | None:
    draft = desk.draft
    if draft is None:
        return None
    if not draft.changed():
        desk.tell("Nothing to save: no value differs from what is saved.")
        return None
    if problems := draft.problems():
        desk.go_to_problems(problems)
        desk.tell("Not saved: a value is wrong.", wrong=True)
        return None
    return draft


async def _save(desk: "Desk", draft: Draft, how: _How) -> None:
    if how.answer in {"save", "trial"}:
        await _send(desk, draft, how)


async def _confirmed(desk: "Desk", draft: Draft, *, always: bool = False) -> _How:
    if draft.switches_off:
        return _How(*await _switching_off(desk, draft))
    untouched = draft.value("tmsp.enabled") is False or not draft.concerns_servers
    if draft.test == "passed" or (untouched and not always):
        return _How("save")
    words = {
        "untested": "These values were not tested.",
        "failed": "The test of these values FAILED.",
        "stale": "The values were changed after the test.",
        "passed": "The test of these values passed.",
    }[draft.test]
    failures = (
        [f"  {step.step}: {step.code}" for step in desk.probing.failed][:4]
        if desk.probing and draft.test == "failed"
        else []
    )
    lines = [
        words,
        *failures,
        f"Saved now, they are in force at once, tested or not. On trial, {ON_TRIAL}",
    ]
    answers = [_KEEP, ("save", "Save untested"), ("trial", "Save on trial")]
    return _How(*await desk.ask_noted(Question("Save untested?", lines, answers)))


async def _switching_off(desk: "Desk", draft: Draft) -> tuple[str, str]:
    lines = [
        "When sending to TMSP is switched off:",
        " - Threat Mitigator stops sending logs and data;",
        " - custom patterns are no longer downloaded;",
        " - reports of TMSP hold no data of this appliance.",
        "",
        "Heartbeats stop too: the portal reports them missing until the appliance is unregistered there.",
        _UNREGISTER[str(draft.value("tmsp.edition"))],
    ]
    answers = [("keep", "Keep it on"), ("save", "Switch off and save")]
    return await desk.ask_noted(Question("Switch off sending to TMSP?", lines, answers))


async def _send(desk: "Desk", draft: Draft, how: _How) -> None:
    names = ", ".join(field_name(key) for key in draft.changed())
    request = SaveRequest(
        settings=draft.checked(), secrets=draft.secret_changes(), note=how.note, trial=how.trial
    )
    try:
        document = await desk.agent.save(request, draft.base.revision)
        if draft.kept:
            await desk.agent.drop_draft()
    except SaveConflict as conflict:
        await _conflict(desk, draft, conflict.conflict)
    except ControlRefused as refused:
        desk.go_to_problems(refused_fields(refused))
        desk.tell(f"Not saved: {refused.cause} {refused.remedy}", wrong=True)
    except TmError as error:
        desk.tell(f"Not saved: {error.cause} {error.remedy} What you typed is kept.", wrong=True)
    else:
        if desk.draft is not None:
            desk.draft = desk.draft.after_save(draft, document)
            probing = desk.probing
            if probing is not None and probing.of == draft.fingerprint() and not desk.draft.changed():
                desk.probing = replace(probing, of=desk.draft.fingerprint())  # the same values, saved now
        trial = " on trial, F6 confirms" if how.trial else ""
        desk.tell(f"Saved as revision {document.revision}{trial}: {names}.")


def refused_fields(refused: ControlRefused) -> dict[str, Problem]:
    """What the agent found wrong, by field."""
    found = (Problem(item.field, item.cause, item.remedy) for item in refused.refusal.problems)
    return {problem.field: problem for problem in found}


async def _conflict(desk: "Desk", draft: Draft, conflict: Conflict) -> None:
    theirs = conflict.current
    who = person(theirs.saved_by or "Somebody", theirs.tty, theirs.ssh_from)
    lines = [
        f"{who} saved revision {theirs.revision} at {clock_time(theirs.saved_at)},",
        f"after revision {draft.base.revision}, which your form started from:",
        "",
        *(
            f"  {field_name(change.field)}: {change.old or '(empty)'} -> {change.new or '(empty)'}"
            for change in conflict.changes[:7]
        ),
        *([f"  and {len(conflict.changes) - 7} more"] if len(conflict.changes) > 7 else []),
        "",
        "What you typed: " + ", ".join(field_name(key) for key in draft.changed()) + ".",
    ]
    answers = [("wait", "Decide later"), ("mine", "Mine on top of theirs"), ("theirs", "Take theirs")]
    answer = await desk.ask(Question("Somebody else saved meanwhile", lines, answers))
    if answer == "wait":
        desk.tell("Not saved. What you typed is kept; save again to decide.", wrong=True)
        return
    desk.draft = draft.rebased(theirs) if answer == "mine" else Draft(theirs)
    kept = (
        "Your values stand on top of theirs: test and save again."
        if answer == "mine"
        else "Their values are shown."
    )
    desk.tell(f"{kept} Revision {theirs.revision}.")
