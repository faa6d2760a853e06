"""Others at work: who edits the same form, and what they save under it. What is typed here stays."""

from typing import TYPE_CHECKING

from screens.desk.ages import span
from screens.desk.draft import Draft
from tm_tui.spoken import person

if TYPE_CHECKING:
    from screens.desk.seen import Seen
    from tm_tui.api.agent import SettingsDocument

__all__ = ["adopted", "edited_by"]


def edited_by(seen: "Seen", form: str, now: float) -> str:
    """Who else has something unsaved on a form, and since when; empty if nobody has, as far as is known."""
    if seen.status is None or seen.stale:
        return ""
    others = [one for one in seen.status.sessions if one.id != seen.ours and form in one.editing]
    if not others:
        return ""
    first = max(others, key=lambda one: one.editing_seconds)
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    since = span(seen.aged(first.editing_seconds, now) or 0.0)
    who = person(first.user, first.tty, first.ssh_from)
    return f"{who}{more} edit{'' if more else 's'} this form too, for {since}."


def adopted(draft: Draft | None, document: "SettingsDocument") -> tuple[Draft, str]:
    """The draft to go on with, and a notice if something happened that the admin should know."""
    if draft is None:
        return Draft(document), ""
    if document == draft.base:
        return draft, ""
    who = document.saved_by or "Somebody"
    if not draft.changed():
        return Draft(document), f"{who} saved revision {document.revision}; it is shown now."
    return draft, f"{who} saved revision {document.revision} meanwhile; saving will show what changed."
