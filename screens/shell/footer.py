"""The last line: the keys that work here, and only those."""

from collections.abc import Sequence

from textual.content import Content

from screens.desk.keys import Key
from screens.widgets.block import Block

__all__ = ["Footer"]


class Footer(Block):
    """A static line; it changes when the place does, not when the focus moves."""

    DEFAULT_CSS = "Footer { height: 1; }"

    def say(self, words: str) -> None:
        """Show what the keys do in a question that is open."""
        self.show(Content(f" {words}"))

    def tell(self, keys: Sequence[Key], more: str = "") -> None:
        """Show these keys and their twins for terminals without function keys."""
        names = "  ".join(f"{key.name} {key.label}" for key in keys)
        twins = " ".join(key.twin for key in keys)
        self.show(Content(f" {names}  {more}  ({twins})" if more else f" {names}  ({twins})"))
