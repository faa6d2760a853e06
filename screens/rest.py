"""What belongs to a place is shown once mark or cursor rest there: who walks on never pays for it."""

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

    def begin(self, show: "Callable[[], Awaitable[None] | None]") -> None:
        """The mark has come to another place; `show` is called if it stays there."""
        self.end()
        self._timer = self._widget.set_timer(SECONDS, show)

    def end(self) -> None:
        """It is shown already, or not wanted any more."""
        if self._timer is not None:
            self._timer.stop()
