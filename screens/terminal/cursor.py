"""Where the terminal's own cursor belongs: in the field that gets the next key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.errors import NoWidget

if TYPE_CHECKING:
    from textual.app import App
    from textual.geometry import Offset


def place(app: App[Any]) -> tuple[int, int] | None:
    """The cursor's (column, row), or None to hide it.

    A focused widget tells by ``terminal_cursor`` (an Offset on the screen, or None); Input and TextArea tell
    without it.
    """
    focused = app.screen.focused if app.screen_stack else None
    if focused is None:
        return None
    if hasattr(focused, "terminal_cursor"):
        offset: Offset | None = focused.terminal_cursor
    else:
        offset = getattr(focused, "cursor_screen_offset", None)
        if offset is not None and getattr(focused, "cursor_at_end", False):
            # Textual puts Input's cursor one column too far when it stands behind the last character.
            offset -= (1, 0)
    if offset is None:
        return None
    try:
        visible = app.screen.find_widget(focused).visible_region
    except NoWidget:
        return None
    return (
        (offset.x, offset.y)
        if visible.contains_point(offset) and app.size.region.contains_point(offset)
        else None
    )
