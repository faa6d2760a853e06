"""What was told last, above the status panel: it goes with its page, and when something newer is true."""

from typing import TYPE_CHECKING

from screens.desk.keys import KEYS, why_not
from screens.desk.notices import NOTHING, Notice, stand_of
from screens.shell.attending import Attending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.events import Key

    from screens.desk.messages import AgentFound
    from screens.desk.notices import Follow
    from screens.shell.frame import Frame
    from screens.shell.pages import Pages

__all__ = ["Telling"]

_BESIDE = 22
"""Cells of the line that belong to the revision or a trial."""


class Telling(Attending, inherit_bindings=False):
    """The notice of the main screen, which has frame and pages."""

    _frame: "Frame"
    _pages: "Pages"
    _notice = NOTHING

    def tell(
        self,
        words: str,
        *,
        wrong: bool = False,
        shorter: "Sequence[str]" = (),
        everywhere: bool = False,
        follow: "Follow | None" = None,
    ) -> None:
        """Put a notice above the status panel; a wrong one that does not fit, in no form, stands in a box."""
        room = self.size.width - _BESIDE
        words = next((one for one in (words, *shorter) if len(one) <= room), words)
        if wrong and len(words) > room:
            from screens.widgets.dialog import notice

            self.app.push_screen(notice(words))
            words = f"{words.partition(':')[0]}."
        page, stand = (None, None) if everywhere else (self._pages.entry.name, stand_of(self.draft))
        self._put(Notice(words, wrong, self.clock.monotonic(), page, stand, follow))

    @property
    def working(self) -> bool:
        """Whether the keys go to the page, not to the menu."""
        raise NotImplementedError

    def overtaken(self) -> None:
        """What was told of this page counts no more: something new begins."""
        if self._notice.page is not None:
            self._put(NOTHING)

    def mind_notice(self) -> None:
        """A second passed, a value changed, or another page is in sight."""
        self._put(self._notice.as_of(self.clock.monotonic(), self._pages.entry.name, self.draft))

    def take_notice_along(self, page: str) -> None:
        """Another page is opened because of what was just told: it stays in sight there."""
        self._notice = self._notice.on(page)

    def _put(self, notice: Notice) -> None:
        if notice is not self._notice:
            self._notice = notice
            self._frame.tell_notice(notice)

    def on_key(self, event: "Key") -> None:
        """A key came that nothing here takes: say why, if it is a command."""
        inside = frozenset() if self.working else self._pages.actions()
        action = {code: key.action for key in KEYS for code in key.codes}.get(event.key, "")
        wanted = "save" if action == "on_trial" else action
        words = why_not(event.key, read_only=self.read_only, works_inside=wanted in inside)
        if words:
            event.stop()
            self.tell(words if self.session is not None else "No agent has answered yet.")

    async def on_agent_found(self, event: "AgentFound") -> None:
        """An agent answers: that it did not is over."""
        self.overtaken()
        await super().on_agent_found(event)
