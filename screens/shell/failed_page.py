"""A page that fails is shown as failed, in its place: menu, keys and the other pages go on.

Decided here for the whole face: whose failure an exception is, and what becomes of it.
"""

import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget

from screens.terminal.seam import Told, runs_for
from screens.widgets.block import Block
from screens.widgets.page import Page

if TYPE_CHECKING:
    from screens.shell.app import TmTui

__all__ = ["FailedPage", "Lasting", "page_of"]


class FailedPage(Page):
    """Stands where a page failed. There is nothing to do on it."""

    DEFAULT_CSS = """
    FailedPage { padding: 0 1; }
    FailedPage > Block { text-wrap: wrap; }
    """
    HELP = "console"

    def __init__(self, words: str) -> None:
        super().__init__()
        self._view = Block()
        self._view.show(Content(f"{words}\n\nIt is tried again when you come back to it."))

    def compose(self) -> ComposeResult:
        """One text."""
        yield self._view


def page_of(error: BaseException) -> Page | None:
    """The page in whose code, or in whose widgets' code, an exception was raised; None if in none.

    Functions of a page that are no methods are known by the task that runs them.
    """
    owners = [frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__)]
    owners.append(runs_for())
    return next((page for owner in owners if isinstance(owner, Widget) for page in _pages_at(owner)), None)


def _pages_at(widget: Widget) -> Iterator[Page]:
    return (node for node in widget.ancestors_with_self if isinstance(node, Page))


class Lasting(Told):
    """A screen, or the app, that tells pages something: what fails in a page does not end it."""

    def takes(self, error: Exception) -> bool:
        """Show a page's own bug in its place."""
        return cast("TmTui", self.app).contains(error)
