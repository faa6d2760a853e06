"""Editing one line of text, without a screen: values with a cursor."""

from dataclasses import dataclass, replace

from rich.cells import cell_len

__all__ = ["Line"]


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
        """The part that fits into `cells` with the cursor in sight, and the cursor's cell in it."""
        start = 0
        while cell_len(self.text[start : self.at]) >= cells and start < self.at:
            start += 1
        end = start
        while end < len(self.text) and cell_len(self.text[start : end + 1]) <= cells:
            end += 1
        return self.text[start:end], cell_len(self.text[start : self.at])
