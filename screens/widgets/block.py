"""Some lines that repaint only when they differ: status ages cost nothing while they stand."""

from textual.content import Content
from textual.widget import Widget

__all__ = ["Block"]


class Block(Widget):
    """Lines of text, never markup."""

    DEFAULT_CSS = """
    Block { height: auto; width: 1fr; text-wrap: nowrap; text-overflow: clip; }
    """
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002  Textual's own name
        super().__init__(id=id, classes=classes, markup=False)
        self._shown = Content("")

    def show(self, content: Content) -> None:
        """Show this from now on."""
        if content.plain == self._shown.plain and content.spans == self._shown.spans:
            return
        self._shown = content
        self.refresh(layout=bool(self.styles.height and self.styles.height.is_auto))

    @property
    def shown(self) -> Content:
        """What stands there now."""
        return self._shown

    def render(self) -> Content:
        """Hand the lines to Textual."""
        return self._shown
