"""Saving, from F2 to the new revision: test, ask where it must be asked, send; nothing typed is lost."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from screens.desk.causes import refused_fields
from screens.desk.desk import Question
from screens.desk.draft import Draft
from screens.desk.field_words import became
from screens.desk.probe_rows import step_name
from screens.flows.conflicts import overtaken, settle
from screens.flows.testing import not_done, run_test
from tm_tui.api.failures import ControlRefused, SaveConflict
from tm_tui.api.requests import SaveRequest, TrialRequest
from tm_tui.errors import TmError

if TYPE_CHECKING:
    from screens.desk.desk import Desk

__all__ = ["ON_TRIAL", "save", "save_noted"]

ON_TRIAL = "the settings before come back unless each server whose way changed answers, or somebody confirms."
_KEEP = ("keep", "Keep editing")
_TITLES = {
    "untested": "Save untested?",
    "stale": "Save untested?",
    "failed": "Save after a FAILED test?",
    "passed": "Save how?",
}
_WORDS = {
    "untested": "These values were not tested.",
    "stale": "The values were changed after the test.",
    "failed": "The test of these values FAILED:",
    "passed": "The test of these values passed.",
}
_UNREGISTER = {
    "on-premise": "To unregister it for good, remove it on the portal's Registered Products screen.",
    "hosted": "To unregister it for good, contact your support provider's representative.",
}


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
    """Save what is typed. Values that concern the servers are tested, and saved when that has passed.

    It is asked only when the test fails, or when sending is switched off.
    """
    draft = await _ready(desk)
    if draft is None:
        return
    if draft.switches_off:
        await _save(desk, draft, _How(*await _switching_off(desk, draft)))
    elif draft.test == "passed" or not draft.concerns_servers or draft.value("tmsp.enabled") is False:
        await _save(desk, draft, _How("save"))
    elif (tested := await _tested(desk)) is not None:
        passed = tested.test == "passed"
        await _save(desk, tested, _How("save") if passed else _How(*await _asked(desk, tested, "")))


async def save_noted(desk: "Desk") -> None:
    """Ask how, with a note for the history: on trial, as it stands, or at once."""
    draft = await _ready(desk)
    if draft is not None:
        asked = _switching_off(desk, draft) if draft.switches_off else _asked(desk, draft, "trial")
        await _save(desk, draft, _How(*await asked))


async def _ready(desk: "Desk") -> Draft | None:
    """What is to be saved, if there is something that can be."""
    draft = desk.draft
    if draft is None:
        return None
    if not draft.changed() and not desk.comes_back:
        desk.tell("Nothing to save: no value differs from what is saved.")
        return None
    if await overtaken(desk, draft):
        return None
    if problems := draft.problems():
        not_done(desk, "saved", problems)
        return None
    return draft


async def _tested(desk: "Desk") -> Draft | None:
    """Test what is typed. None: it was not tested to the end, or something else was typed meanwhile."""
    ended = await run_test(desk)
    draft = desk.draft
    if not ended or draft is None:
        if desk.probing is not None and desk.probing.broken is not None:
            desk.tell(f"Not saved: {' '.join(desk.probing.broken)}", wrong=True)
        return None
    if draft.test == "stale":
        desk.tell("Not saved: values were changed while they were tested. Save again.", wrong=True)
        return None
    return draft


async def _save(desk: "Desk", draft: Draft, how: _How) -> None:
    if how.answer in {"save", "trial"}:
        await _send(desk, draft, how)


async def _asked(desk: "Desk", draft: Draft, start: str) -> tuple[str, str]:
    """Ask how to save, with what the test says of these values; `start` is the answer that is offered."""
    test = draft.test if draft.concerns_servers else "passed"
    lines = [*([_WORDS[test]] if draft.concerns_servers else []), *_failures(desk, test)]
    if test == "passed":
        lines.append(f"On trial, {ON_TRIAL}")
    else:
        lines.append(f"Saved now, they are in force at once, working or not. On trial, {ON_TRIAL}")
    at_once = {"passed": "Save", "failed": "Save all the same"}.get(test, "Save untested")
    answers = [_KEEP, ("save", at_once), ("trial", "Save on trial")]
    return await desk.ask_noted(Question(_TITLES[test], lines, answers, start))


def _failures(desk: "Desk", test: str) -> list[str]:
    """The failed steps in words."""
    failed = desk.probing.failed if desk.probing and test == "failed" else ()
    return [f"  {step_name(step.step)}: {step.code}" for step in failed]


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
    request = SaveRequest(
        settings=draft.checked(), secrets=draft.secret_changes(), note=how.note, trial=how.trial
    )
    try:
        document = await desk.agent.save(request, draft.base.revision)
        if draft.kept:
            await desk.agent.drop_draft()
    except SaveConflict as conflict:
        await settle(desk, draft, conflict.conflict)
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
        saved = (
            f"Revision {document.revision} on trial"
            if how.trial
            else f"Saved as revision {document.revision}"
        )
        desk.tell(f"{saved}: {became(draft)}")
