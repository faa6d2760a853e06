"""What belongs to a place is shown once mark or cursor rest there: who walks on never pays for it."""

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.message_pump import MessagePump
    from textual.timer import Timer

__all__ = ["Rest"]

SECONDS = 0.4


class Rest:
    """Counts the seconds of one mark, on its widget's own time."""

    def __init__(self, widget: "MessagePump") -> None:
        self._widget = widget
        self._timer: Timer | None = None
        self._show: Callable[[], Awaitable[None] | None] = _nothing
        self._begun = 0

    def begin(self, show: "Callable[[], Awaitable[None] | None]") -> None:
        """The mark has come to another place; `show` is called if it stays there."""
        self.end()
        self._begun += 1
        self._show = show
        self._timer = self._widget.set_timer(SECONDS, partial(self._over, self._begun))

    @property
    def running(self) -> bool:
        """Whether something is still to be shown."""
        return self._timer is not None

    def end(self) -> None:
        """It is shown already, or not wanted any more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    async def catch_up(self) -> None:
        """Show it now: a key is about to act on it."""
        self.end()
        shown = self._show()
        if shown is not None:
            await shown

    async def _over(self, begun: int) -> None:
        if self._timer is not None and begun == self._begun:  # else it was over just when it was ended
            await self.catch_up()


def _nothing() -> None:
    """Stand in until there is something to show."""
