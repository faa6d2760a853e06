"""Textual's screen updates put into a frame.

They are taken as segments, as the compositor made them (``seam.show_by``), not as the text given to
``Driver.write``: there an escape sequence inside a label could not be told from one of Textual's own, and the
text would be made only to be taken apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.terminal.seam import ChopsUpdate, LayoutUpdate

if TYPE_CHECKING:
    from textual.strip import Strip

    from screens.terminal.colours import Stylist
    from screens.terminal.frame import Frame


def put(update: object, frame: Frame, stylist: Stylist) -> None:
    """Draw a compositor update; anything else draws nothing."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in strips:
                end = x + strip.cell_length
                _put_strip(strip, (x, y), end, frame, stylist)
                x = end
    elif isinstance(update, ChopsUpdate):
        _put_chops(update, frame, stylist)


def _put_chops(update: ChopsUpdate, frame: Frame, stylist: Stylist) -> None:
    for y, start, stop in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x <= stop and end > start:
                _put_strip(strip, (x, y), min(end, stop), frame, stylist)


def _put_strip(strip: Strip, place: tuple[int, int], end: int, frame: Frame, stylist: Stylist) -> None:
    x, y = place
    for text, style, control in strip:
        if control or not text:
            continue
        if style is not None and style.conceal:
            text = " " * len(text)  # noqa: PLW2901 - concealed text is not for terminals that would show it
        x = frame.write(x, y, text, stylist.number(style), end)
        if x >= end:
            return
