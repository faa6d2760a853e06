"""What one line of text takes of a paste: what can be typed there, and it says what it leaves out."""

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from textual.widget import Widget

__all__ = ["NotTaken", "taken"]


class NotTaken(Message):
    """Not all that was typed or pasted was taken; why, in a few words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words


def taken(widget: "Widget", text: str, room: int, *, exactly: bool = False) -> str:
    """The first line that has text, at most `room` characters of it; what is left out is told by NotTaken.

    A line end before or behind it is none of it. Characters that are not printable are left out, unless
    the line is wanted `exactly`, by a field that refuses them itself.
    """
    lines = text.split("\n")
    full = [line for line in lines if line.strip()] or [line for line in lines if line][:1]
    if not full:
        return ""
    line = full[0] if exactly else "".join(sign for sign in full[0] if sign.isprintable())
    if len(line) > room:
        _tell(widget, f"Not taken: room for {room} signs only.")
        return ""
    if len(full) > 1:
        _tell(widget, f"Taken: the first of {len(full)} lines.")
    elif len(line) < len(full[0]):
        _tell(widget, "Left out: tabs or other signs.")
    return line


def _tell(widget: "Widget", words: str) -> None:
    widget.post_message(NotTaken(words))
