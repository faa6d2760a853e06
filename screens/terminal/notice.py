"""What a terminal shows that is too small for the screen."""

from __future__ import annotations

from screens.terminal.frame import Frame


def too_small(frame: Frame, smallest: tuple[int, int]) -> Frame:
    """A frame of the same size that says which size is needed."""
    notice = Frame(frame.width, frame.height, frame.palette)
    text = f"Terminal {frame.width}x{frame.height} is too small: {smallest[0]}x{smallest[1]} is needed."
    for y in range(frame.height):
        part = text[y * frame.width : (y + 1) * frame.width]
        notice.write(0, y, part, 0)
    return notice
