"""A ruled line with words in it: it parts the screen and carries titles, which need no row then."""

from textual.content import Content

from screens.widgets.block import Block

__all__ = ["Bar"]

_EDGE = 19
"""The column of the menu's edge."""
_AROUND = 5
"""Blanks around the words on both sides, and the last cell of the rule."""


class Bar(Block):
    """`-- left ------ right --`, with a joint where the menu's edge meets it, if no word stands there."""

    DEFAULT_CSS = "Bar { height: 1; }"

    def __init__(self, *, joint: str = "", indent: int = 1) -> None:
        super().__init__()
        self._joint = joint
        self._indent = indent
        self._words: tuple[str, str, str] = ("", "", "")

    def label(self, left: str, right: str = "", style: str = "bold") -> None:
        """Put words into the rule; `style` is for the left ones."""
        if (left, right, style) != self._words:
            self._words = (left, right, style)
            self.refresh()

    def join(self, joint: str) -> None:
        """Set the joint to the menu's edge; empty where there is no edge."""
        if joint != self._joint:
            self._joint = joint
            self.refresh()

    def room_beside(self, cells: int) -> int:
        """How long the right words may be, where as many `cells` of the left ones are to be seen."""
        return self.size.width - self._indent - cells - _AROUND

    def render(self) -> Content:
        """Draw to the width of the moment."""
        left, right, style = self._words
        room = max(0, self.room_beside(len(right)) if right else self.size.width - self._indent - 3)
        if len(left) > room:
            left = left[: max(0, room - 1)] + "…"
        before = Content.assemble(" ", (left, style), " ") if left else Content("")
        after = Content(f" {right} ") if right else Content("")
        rule = ["─"] * self.size.width
        if self._joint and len(rule) > _EDGE:
            rule[_EDGE] = self._joint
        start, end = self._indent + len(before), self.size.width - len(after) - 1
        head, fill, tail = rule[: self._indent], rule[start:end], rule[end + len(after) :]
        return Content.assemble("".join(head), before, "".join(fill), after, "".join(tail))
