"""What an admin does about a failed test: look through it, go to the field that causes it, put it away."""

from dataclasses import replace
from typing import TYPE_CHECKING

from textual import work

from screens.shell.telling import Telling
from screens.shell.test_pane import TestPane

if TYPE_CHECKING:
    from screens.desk.menu import Entry
    from screens.widgets.page import Page

__all__ = ["Failures"]


class Failures(Telling, inherit_bindings=False):
    """The test pane's side of the main screen, which has frame, pages and menu entries."""

    _entries: "tuple[Entry, ...]"

    @property
    def page(self) -> "Page":
        """The page in sight."""
        return self._pages.current

    async def _open(self, entry: "Entry") -> None:
        """Open an entry's page."""
        raise NotImplementedError

    def beyond(self, by: int) -> bool:
        """Take the focus that leaves a form: to the failures of its test, if there are any."""
        pane = self._frame.test_pane
        if not (pane.can_focus and pane.display):
            return False
        pane.enter(by)
        self.set_focus(pane)
        return True

    def action_scroll_test(self, by: int) -> None:
        """Page Down goes to the failures of the test; from there on both look through it."""
        pane = self._frame.test_pane
        if pane.has_focus or by < 0 or not self.beyond(by):
            pane.scroll(3 * by)

    def close_test(self) -> bool:
        """Put the test away. False if none is in sight."""
        if self.probing is None or not self._frame.test_bar.display:
            return False
        if self.focused is self._frame.test_pane:
            self._into_the_page(1)
        self.probing = replace(self.probing, closed=True)
        return True

    def on_test_pane_left(self, event: TestPane.Left) -> None:
        """Back into the form."""
        self._into_the_page(event.by)

    def _into_the_page(self, by: int) -> None:
        if places := self.page.places():
            self.set_focus(places[0 if by > 0 else -1])

    def on_test_pane_chosen(self, event: TestPane.Chosen) -> None:
        """Go to the field that made a step fail."""
        from screens.desk.causes import field_of

        key = field_of(event.step.step, event.step.code or "", self.draft) if self.draft else None
        entry = next((one for one in self._entries if key in self._pages.keys_of(one)), None)
        if key is None or entry is None:
            self.tell("No field of the forms causes this: F1 explains it.")
        else:
            self._go_to_field(entry, key)

    @work(exclusive=True, group="problems")
    async def _go_to_field(self, entry: "Entry", key: str) -> None:
        if key not in self._pages.edited():
            await self._open(entry)
        self.page.go_to(key)
