"""What stands beside the menu before an entry is opened: what it is for, and its present values."""

from typing import TYPE_CHECKING

from textual.content import Content

from screens.widgets.block import Block

if TYPE_CHECKING:
    from screens.draft import Draft
    from screens.menu import Entry

__all__ = ["Preview", "worded"]


class Preview(Block):
    """The highlighted entry."""

    DEFAULT_CSS = "Preview { height: 1fr; padding: 0 1; text-wrap: wrap; }"

    def tell(self, entry: "Entry", draft: "Draft | None") -> None:
        """Show this entry."""
        lines = [Content(entry.about), Content("")]
        if draft is not None:
            lines += [_line(draft, key) for key in entry.summary]
        lines += [Content(""), Content("Press Enter to open.")]
        self.show(Content("\n").join(lines))


def _line(draft: "Draft", key: str) -> Content:
    from tm_tui.settings.fields import spec_of

    sign = "~" if key in draft.changed() else " "
    return Content(f"{spec_of(key).label:<26}{sign}{worded(draft, key)}")


def worded(draft: "Draft", key: str) -> str:
    """A value in words; a password only as set or not."""
    from screens.draft import SECRETS
    from tm_tui.settings.fields import spec_of

    if key in SECRETS:
        return "set" if draft.has_secret(SECRETS[key]) else "not set"
    value = draft.value(key)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return dict(spec_of(key).choices).get(value, value) or "(empty)"
