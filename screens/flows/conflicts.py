"""Somebody else saved after the form was opened: what was before, theirs, yours, and whose counts."""

from typing import TYPE_CHECKING

from screens.desk.ages import clock_time
from screens.desk.desk import Question
from screens.desk.draft import SECRETS, Draft
from screens.desk.field_words import field_name, saved_value, value_words
from tm_tui.api.agent import Conflict
from tm_tui.api.failures import ControlRefused
from tm_tui.errors import TmError
from tm_tui.spoken import person

if TYPE_CHECKING:
    from collections.abc import Iterator

    from screens.desk.desk import Desk

__all__ = ["overtaken", "settle"]


async def overtaken(desk: "Desk", draft: Draft) -> bool:
    """Settle it first if somebody else has saved: nothing is asked or tested for values that may not stay.

    An agent that does not answer is met by the save itself.
    """
    try:
        current = await desk.agent.settings()
        if current.revision == draft.base.revision:
            return False
        try:
            changes = await desk.agent.differences(draft.base.revision, current.revision)
        except ControlRefused:
            changes = ()  # the revision from which the form started is not kept any more
    except TmError:
        return False
    await settle(desk, draft, Conflict(current=current, changes=changes))
    return True


async def settle(desk: "Desk", draft: Draft, conflict: Conflict) -> None:
    """Ask whose values are to stand on the form; what was typed is kept unless theirs are taken."""
    theirs = conflict.current
    who = person(theirs.saved_by or "Somebody", theirs.tty, theirs.ssh_from)
    lines = [
        f"{who} saved revision {theirs.revision} at {clock_time(theirs.saved_at)},",
        f"after revision {draft.base.revision}, which your form started from:",
        "",
        *_compared(draft, conflict),
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


def _compared(draft: Draft, conflict: Conflict) -> "Iterator[str]":
    """Each field that differs: first those that both have changed, then theirs, then yours."""
    changed = {change.field: change for change in conflict.changes}
    mine = [key for key in draft.changed() if key not in changed]
    for key, change in sorted(changed.items(), key=lambda item: item[0] not in draft.changed()):
        before = saved_value(draft, key) if key not in SECRETS else change.old
        yours = value_words(draft, key) if key in draft.changed() else "as before"
        yield from _field(key, before or "(empty)", change.new or "(empty)", yours)
    for key in mine:
        yield from _field(key, saved_value(draft, key), "as before", value_words(draft, key))


def _field(key: str, before: str, theirs: str, yours: str) -> "Iterator[str]":
    yield f"  {field_name(key)}"
    yield f"    before  {before}"
    yield f"    theirs  {theirs}"
    yield f"    yours   {yours}"
