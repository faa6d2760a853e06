"""Saving, from F2 to the new revision: every question on the way; nothing typed is lost on any of them."""

from dataclasses import replace
from typing import TYPE_CHECKING

from screens.draft import SECRETS, Draft
from screens.question import Question
from screens.widgets.ages import clock_time
from tm_tui.control.api import Conflict, SaveRequest
from tm_tui.control.failures import ControlRefused, SaveConflict
from tm_tui.errors import Problem, TmError
from tm_tui.settings.fields import spec_of

if TYPE_CHECKING:
    from screens.desk import Desk

__all__ = ["field_name", "save"]

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


async def save(desk: "Desk") -> None:
    """Save what is typed: check, ask where it must be asked, send, and deal with the answer."""
    draft = desk.draft
    if draft is None:
        return
    if not draft.changed():
        desk.tell("Nothing to save: no value differs from what is saved.")
        return
    if problems := draft.problems():
        desk.go_to_problems(problems)
        desk.tell("Not saved: a value is wrong.", wrong=True)
        return
    if not await _confirmed(desk, draft):
        return
    await _send(desk, draft)


async def _confirmed(desk: "Desk", draft: Draft) -> bool:
    if draft.switches_off:
        return await _switching_off(desk, draft)
    if draft.test == "passed" or draft.value("tmsp.enabled") is False or not draft.concerns_servers:
        return True
    words = {
        "untested": "These values were not tested.",
        "failed": "The test of these values FAILED.",
        "stale": "The values were changed after the test.",
    }[draft.test]
    failures = (
        [f"  {step.step}: {step.code}" for step in desk.trial.failed][:4]
        if desk.trial and draft.test == "failed"
        else []
    )
    lines = [words, *failures, "Saved now, they are in force at once, tested or not."]
    answer = await desk.ask(
        Question("Save untested?", lines, [("keep", "Keep editing"), ("save", "Save untested")])
    )
    return answer == "save"


async def _switching_off(desk: "Desk", draft: Draft) -> bool:
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
    return await desk.ask(Question("Switch off sending to TMSP?", lines, answers)) == "save"


async def _send(desk: "Desk", draft: Draft) -> None:
    names = ", ".join(field_name(key) for key in draft.changed())
    request = SaveRequest(settings=draft.checked(), secrets=draft.secret_changes())
    try:
        document = await desk.agent.save(request, draft.base.revision)
    except SaveConflict as conflict:
        await _conflict(desk, draft, conflict.conflict)
    except ControlRefused as refused:
        found = {
            item.field: Problem(item.field, item.cause, item.remedy) for item in refused.refusal.problems
        }
        desk.go_to_problems(
            {f"{key}.password" if key in SECRETS.values() else key: found[key] for key in found}
        )
        desk.tell(f"Not saved: {refused.cause} {refused.remedy}", wrong=True)
    except TmError as error:
        desk.tell(f"Not saved: {error.cause} {error.remedy} What you typed is kept.", wrong=True)
    else:
        if desk.draft is not None:
            desk.draft = desk.draft.after_save(draft, document)
            if desk.trial is not None and desk.trial.of == draft.fingerprint() and not desk.draft.changed():
                desk.trial = replace(desk.trial, of=desk.draft.fingerprint())  # the same values, saved now
        desk.tell(f"Saved as revision {document.revision}: {names}.")


async def _conflict(desk: "Desk", draft: Draft, conflict: Conflict) -> None:
    theirs = conflict.current
    lines = [
        f"{theirs.saved_by or 'Somebody'} saved revision {theirs.revision} at {clock_time(theirs.saved_at)},",
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
