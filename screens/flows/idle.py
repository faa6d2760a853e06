"""What is left of an unattended console: its last words, and what the agent keeps for the next logon."""

import asyncio
from typing import TYPE_CHECKING

from screens.desk.ages import clock_time
from screens.desk.desk import Question
from screens.desk.field_words import field_name
from screens.flows.leaving import AGENT_ENDED
from tm_tui.api.failures import ControlRefused
from tm_tui.errors import TmError
from tm_tui.spoken import count

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from screens.desk.draft import Draft
    from tm_tui.api.agent import KeptDraft

__all__ = ["keep", "last_words", "offer_draft"]

_KEEP_SECONDS = 3.0


async def keep(desk: "Desk") -> bool:
    """Let the agent keep what is typed. False when it cannot, or does not within some seconds."""
    draft = desk.draft
    if draft is None or not draft.changed():
        return True
    from tm_tui.api.requests import DraftRequest

    request = DraftRequest(
        revision=draft.base.revision, typed=dict(draft.typed), secrets=draft.secret_changes()
    )
    try:
        async with asyncio.timeout(_KEEP_SECONDS):
            await desk.agent.keep_draft(request)
    except (TmError, TimeoutError):
        return False
    return True


def last_words(minutes: int, draft: "Draft | None", *, kept: bool, ended: bool) -> str:
    """The line that is left on the terminal; `ended`: an agent that sent has ended with the console."""
    words = [f"tm-tui: logged out after {count(minutes, 'minute')} without a key."]
    if draft is not None and draft.changed():
        words.append(
            f"What was typed is {'kept for your next logon' if kept else 'lost: no agent keeps it'}."
        )
    if ended:
        words.append(AGENT_ENDED)
    return " ".join(words)


async def offer_draft(desk: "Desk") -> None:
    """Offer what the same user had typed when a console logged out. Raises TmError."""
    try:
        kept = await desk.agent.kept_draft()
    except ControlRefused:
        return  # there is nothing
    names = ", ".join(field_name(key) for key in _keys(kept)) or "nothing any more"
    place = f" on {kept.tty}" if kept.tty else ""
    lines = [
        f"At {clock_time(kept.kept_at)} the console{place} logged out by itself. Not saved yet:",
        "",
        f"  {names}",
        "",
        *(["Passwords among them stay in the agent: they are shown as typed, never themselves."]
          if kept.secrets else []),
    ]  # fmt: skip
    answers = [("later", "Not now"), ("discard", "Discard it"), ("take", "Take it back")]
    answer = await desk.ask(Question("You have unsaved changes", lines, answers))
    if answer == "discard":
        await desk.agent.drop_draft()
        desk.tell("What was kept is discarded.")
    elif answer == "take" and desk.draft is not None:
        desk.draft = desk.draft.with_kept(kept)
        since = desk.draft.base.revision != kept.revision
        more = f" Revision {desk.draft.base.revision} was saved meanwhile." if since else ""
        desk.tell(f"Your changes are on the forms again, not saved.{more}")


def _keys(kept: "KeptDraft") -> list[str]:
    return [*kept.typed, *(f"{name}.password" for name in kept.secrets)]
