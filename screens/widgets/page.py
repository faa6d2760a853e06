"""What every page on the right has in common, so that the main screen needs to know none of them."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.widget import Widget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

    from screens.desk.draft import Draft, Value
    from screens.desk.seen import Seen
    from tm_tui.errors import Problem

__all__ = ["Page", "beside"]


def beside(module: str) -> str:
    """The style sheet that stands beside a module."""
    return Path(module).with_suffix(".tcss").read_text(encoding="utf-8")


class Page(Vertical):
    """A page. It is told what changes, and speaks up by messages only."""

    ACTIONS: ClassVar[frozenset[str]] = frozenset()
    """Which of `save`, `test` and `send` work here."""
    HELP: ClassVar[str] = ""
    """The file in screens/pages/help that F1 shows."""
    HINT: ClassVar[str] = ""
    """What else the footer says while the focus is here."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = False
        """Whether something else stands in its place, because of a bug."""
        self.name_in_menu = ""
        """The entry that it belongs to."""
        self.about = ""
        """What it is for, in a sentence."""
        self.coming = False
        """What it was opened with is still on its way: the next key waits for it a little."""
        self.edit: Callable[[str, Value], None] = _nobody
        """Types a value into the draft, at once."""
        self.edit_secret: Callable[[str, SecretStr | None], None] = _nobody
        """Types a password into the draft, at once; None gives it up."""
        self.beyond: Callable[[int], bool] = _nowhere
        """Takes the focus that leaves the page's last place (1) or its first (-1); False: there is none."""

    def told_draft(self, draft: "Draft") -> None:
        """The draft or what it stands on changed."""

    def told_status(self, seen: "Seen", now: float) -> None:
        """A snapshot came, or a second passed."""

    def told_role(self, *, read_only: bool) -> None:
        """What the admin may do here is known."""

    def told_work(self, *, working: bool) -> None:
        """The focus came here from the menu, or went back there."""

    def mark(self, problems: "Mapping[str, Problem]") -> None:
        """Show problems that the agent found, where their fields are here."""

    def enter(self) -> None:
        """Put the focus where work starts."""
        first = self.first()
        if first is not None:
            self.screen.set_focus(first)

    def first(self) -> Widget | None:
        """Where work starts; None when there is nothing to do here."""
        return next((widget for widget in self.query("*") if widget.focusable), None)

    def places(self) -> list[Widget]:
        """All that the focus can go to here, in order."""
        return [widget for widget in self.screen.focus_chain if self in widget.ancestors]

    def go_to(self, key: str) -> None:
        """Put the focus on the field of a key, if it has one."""

    def keys(self) -> tuple[str, ...]:
        """The settings that are edited here."""
        return ()


def _nowhere(_: int) -> bool:
    """Stand in until the main screen takes the page."""
    return False


def _nobody(*_: object) -> None:
    """Stand in until the main screen takes the page."""
