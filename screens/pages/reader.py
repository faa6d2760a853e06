"""A report to read, in the full width: its Markdown as rows, laid out beside everything else."""

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

    def __init__(self, title: str, markdown: str) -> None:
        super().__init__()
        self._markdown = markdown
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
            short = len(self._markdown) <= _AT_ONCE
            self._text.tell(
                rows_of(self._markdown, width)
                if short
                else await asyncio.to_thread(rows_of, self._markdown, width)
            )

    def action_close(self) -> None:
        """Back to the list."""
        self.dismiss()

    def action_help(self) -> None:
        """The help of reports."""
        self.app.push_screen(HelpScreen("reports", None))
