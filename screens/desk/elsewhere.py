"""When the saved settings change under an open form: unchanged forms follow, typed values stay."""

from typing import TYPE_CHECKING

from screens.desk.draft import Draft

if TYPE_CHECKING:
    from tm_tui.api.agent import SettingsDocument

__all__ = ["adopted"]


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
