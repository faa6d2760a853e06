"""A text to read, in the full width: a report's Markdown as rows, or lines; laid out beside all else."""

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.screen import ModalScreen

from screens.pages.help_screen import HelpScreen
from screens.widgets.block import Block
from screens.widgets.reading import Reading
from tm_tui.text_rows import Row, wrapped

__all__ = ["Reader"]

_AT_ONCE = 8 << 10
"""Characters that take a few hundredths of a second; longer texts are laid out on a thread."""


class Reader(ModalScreen[None], inherit_bindings=False):
    """Esc goes back."""

    CSS_PATH = "reader.tcss"
    AUTO_FOCUS = "Reading"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f4,ctrl+o", "close", show=False),
        Binding("f1,ctrl+g", "help", show=False),
    ]

    def __init__(self, title: str, text: str, *, plain: bool = False, help_page: str = "reports") -> None:
        """`plain`: lines, of which the last is the newest; else Markdown."""
        super().__init__()
        self._words, self._plain, self._help_page = text, plain, help_page
        self._width = 0
        self._head = Block(classes="head")
        self._head.show(Content.styled(f" {title}", "reverse"))
        self._text = Reading()

    def compose(self) -> ComposeResult:
        """A line that says what it is, and the text."""
        with Vertical(classes="sheet"):
            yield self._head
            yield self._text

    def on_resize(self, _: Resize) -> None:
        """Lay the text out for the new width."""
        self.call_after_refresh(self._lay_out)

    @work(exclusive=True, group="layout")
    async def _lay_out(self) -> None:
        from tm_tui.markdown_rows import rows_of

        width = self._text.size.width
        if width and width != self._width:
            self._width = width
            lay_out = _rows_of_lines if self._plain else rows_of
            short = len(self._words) <= _AT_ONCE
            self._text.tell(
                lay_out(self._words, width) if short else await asyncio.to_thread(lay_out, self._words, width)
            )
            if self._plain:
                self._text.action_scroll_rows(len(self._words))

    def action_close(self) -> None:
        """Back to the list."""
        self.dismiss()

    def action_help(self) -> None:
        """The help of the page that it belongs to."""
        self.app.push_screen(HelpScreen(self._help_page, None))


def _rows_of_lines(text: str, width: int) -> list[Row]:
    return [row for line in text.split("\n") for row in wrapped(Row.of(line), width) or [Row.of("")]]
