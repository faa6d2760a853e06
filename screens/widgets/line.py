"""Editing one line of text, without a screen: values with a cursor."""

from dataclasses import dataclass, replace

from rich.cells import cell_len

__all__ = ["Line"]

_MARKED = 4
"""Cells from which on a field has room for marks at its edges."""
_FAR = 4
"""No more characters than this share a cell: what is farther off is out of sight."""


@dataclass(frozen=True, slots=True)
class Line:
    """A text and the cursor's place in it, in characters."""

    text: str = ""
    at: int = 0

    @classmethod
    def ended(cls, text: str) -> "Line":
        """The text with the cursor behind it."""
        return cls(text, len(text))

    def insert(self, more: str) -> "Line":
        """Type or paste at the cursor."""
        return Line(self.text[: self.at] + more + self.text[self.at :], self.at + len(more))

    def move(self, by: int) -> "Line":
        """Move the cursor, within the text."""
        return replace(self, at=min(len(self.text), max(0, self.at + by)))

    def home(self) -> "Line":
        """To the first character."""
        return replace(self, at=0)

    def end(self) -> "Line":
        """Behind the last character."""
        return replace(self, at=len(self.text))

    def delete_left(self) -> "Line":
        """Backspace."""
        return Line(self.text[: max(0, self.at - 1)] + self.text[self.at :], max(0, self.at - 1))

    def delete_right(self) -> "Line":
        """Delete under the cursor."""
        return Line(self.text[: self.at] + self.text[self.at + 1 :], self.at)

    def cut_left(self) -> "Line":
        """Drop all before the cursor."""
        return Line(self.text[self.at :], 0)

    def cut_right(self) -> "Line":
        """Drop all from the cursor on."""
        return Line(self.text[: self.at], self.at)

    def window(self, cells: int) -> tuple[str, int]:
        """The part that fits into `cells` with the cursor in sight, and the cursor's cell in it.

        Where text is left out, the edge says so: `<` before it, `>` behind it.
        """
        marks = cells >= _MARKED
        under = max(1, cell_len(self.text[self.at : self.at + 1]))
        for start in range(max(0, self.at - _FAR * cells), self.at + 1):
            left = int(marks and start > 0)
            right = int(marks and not self._fits(start, cells - left))
            if left + cell_len(self.text[start : self.at]) + under + right <= cells:
                break
        end, room = start, cells - left - right
        while end < len(self.text) and cell_len(self.text[start : end + 1]) <= room:
            end += 1
        shown = "<" * left + self.text[start:end]
        if right:
            shown += " " * (room - cell_len(self.text[start:end])) + ">"
        return shown, left + cell_len(self.text[start : self.at])

    def _fits(self, start: int, cells: int) -> bool:
        """Whether all that stands behind `start` has room."""
        return len(self.text) - start <= _FAR * cells and cell_len(self.text[start:]) <= cells
