"""Modes of a terminal that an earlier program, or line noise, may have left on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from screens.terminal.capabilities import Capabilities

__all__ = ["plain_modes"]

_PLAIN = "\x1b(B\x0f\x1b[4l\x1b[?1;5;6;7l\x1b>"
"""ASCII as both G0 and GL, replacing, cursor keys and keypad as they are, no reverse screen, no origin, no
wrapping (VT100 and VT102 User Guides)."""
_KEYS = "\x1b[?9;1000;1002;1003;1004;1005;1006;1015l\x1b[>4m\x1b[=0u"
"""No mouse and focus reports (xterm), no modifyOtherKeys (xterm), no enhanced keyboard (kitty's protocol)."""


def plain_modes(can: Capabilities) -> str:
    """The codes after which keys and signs mean what they say. SGR 0 must follow: some read SGR in them."""
    return _PLAIN + (_KEYS if can.alternate else "")
