"""What a terminal shows that is too small for the screen."""

from __future__ import annotations

from screens.terminal.frame import Frame


def notice(size: tuple[int, int], smallest: tuple[int, int]) -> list[str]:
    """Rows for a terminal of ``size`` (columns, rows) that say which size is needed, cut where they end."""
    width, height = size
    text = f"Terminal {width}x{height} is too small: {smallest[0]}x{smallest[1]} is needed."
    return [text[start : start + width] for start in range(0, min(len(text), width * height), width)]


def too_small(frame: Frame, smallest: tuple[int, int]) -> Frame:
    """A frame of the same size that says which size is needed."""
    shown = Frame(frame.width, frame.height, frame.palette)
    for y, part in enumerate(notice((frame.width, frame.height), smallest)):
        shown.write(0, y, part, 0)
    return shown
