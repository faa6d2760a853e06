"""`[ Test F3 ]`: the way to a command for terminals whose function keys do not arrive."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Blur, Focus
from textual.geometry import Offset
from textual.widget import Widget

__all__ = ["Button"]


class Button(Widget, can_focus=True):
    """Runs an action of its screen when Enter or Space is pressed on it."""

    DEFAULT_CSS = "Button { height: 1; width: auto; margin-right: 1; text-wrap: nowrap; }"
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "press", show=False)]

    def __init__(self, label: str, action: str) -> None:
        super().__init__(markup=False)
        self._label = label
        self.action = action

    def relabel(self, label: str) -> None:
        """Say something else from now on."""
        if label != self._label:
            self._label = label
            self.refresh(layout=True)

    def render(self) -> Content:
        """Reverse while the focus is here."""
        return Content.styled(f"[ {self._label} ]", "reverse" if self.has_focus else "")

    def on_focus(self, _: Focus) -> None:
        """Show it in reverse."""
        self.refresh()

    def on_blur(self, _: Blur) -> None:
        """Show it plain again."""
        self.refresh()

    @property
    def terminal_cursor(self) -> Offset | None:
        """Where the terminal's own cursor belongs."""
        return self.region.offset + Offset(2, 0)

    async def action_press(self) -> None:
        """Run it."""
        await self.run_action(f"screen.{self.action}")
