"""What a terminal can be trusted with.

The vt100 set for serial lines and unknown names, more only on an allow-list.
"""

from __future__ import annotations

import re
from typing import NamedTuple

BOLD, DIM, ITALIC, UNDERLINE, BLINK, REVERSE, STRIKE = (1 << bit for bit in range(7))
VT100_ATTRIBUTES = BOLD | UNDERLINE | BLINK | REVERSE
ALL_ATTRIBUTES = (1 << 7) - 1
TRUE_COLOUR = 1 << 24


class Capabilities(NamedTuple):
    """One set of codes that a terminal takes. Everything not named here is never sent.

    Every set has CUP, CUU/CUD/CUF/CUB, CR, LF, BS, HT, RI, HTS, TBC, DECSC/DECRC, DECSTBM, EL, ED, DECAWM and
    DECTCEM (VT100 User Guide, chapter 3; a VT100 ignores DECTCEM).
    """

    name: str
    colours: int = 0
    """0 (monochrome), 8, 16, 256 or 16,777,216."""
    attributes: int = VT100_ATTRIBUTES
    utf8: bool = False
    off_codes: bool = False
    """SGR 22-29, 39 and 49 take one thing back; without them SGR 0 and a new start are needed."""
    columns: bool = False
    """CHA and VPA (ECMA-48): minicom's VT102 ignores CHA."""
    repeat: bool = False
    """REP (ECMA-48): minicom's VT102 corrupts rows with it."""
    erases_in_colour: bool = False
    """EL and ED fill with the background of the moment ("bce")."""
    alternate: bool = False
    """A second screen (xterm's mode 1049), so that the shell's text comes back."""
    paste: bool = False
    """Bracketed paste (xterm's mode 2004)."""


VT100 = Capabilities("vt100")
LINUX = Capabilities(
    "linux",
    colours=16,
    attributes=ALL_ATTRIBUTES & ~(ITALIC | STRIKE),
    off_codes=True,
    columns=True,
    erases_in_colour=True,
)
SCREEN = Capabilities(
    "screen",
    colours=16,
    attributes=ALL_ATTRIBUTES & ~(ITALIC | STRIKE),
    off_codes=True,
    columns=True,
    alternate=True,
    paste=True,
)
XTERM = Capabilities(
    "xterm",
    colours=16,
    attributes=ALL_ATTRIBUTES,
    off_codes=True,
    columns=True,
    erases_in_colour=True,
    alternate=True,
    paste=True,
)
XTERM_REPEAT = XTERM._replace(name="xterm+repeat", repeat=True)

SETS = {each.name: each for each in (VT100, LINUX, SCREEN, XTERM, XTERM_REPEAT)}
"""Every set by its name."""

_KNOWN = (
    (r"linux", LINUX),
    (r"(tmux|screen)([-.].*)?", SCREEN),
    (r"(alacritty|foot|contour|xterm-kitty|xterm-ghostty)([-+].*)?", XTERM_REPEAT),
    (r"(xterm|rxvt|konsole|gnome|vte|putty|wezterm|st|mintty|iterm2?)([-+.].*)?", XTERM),
)
_COLOURLESS = re.compile(r"(vt\d+|dumb|unknown|.*-(m|mono))([-+.].*)?")


def for_name(name: str) -> Capabilities:
    """The set for a TERM name; the vt100 set where the name is not on the allow-list."""
    for pattern, known in _KNOWN:
        if re.fullmatch(pattern, name):
            if name.endswith(("-m", "-mono")):
                return known._replace(colours=0)
            return known._replace(colours=256) if "256color" in name else known
    return VT100


def has_colour(name: str) -> bool:
    """Whether a terminal of this TERM name may be sent colours: not the vt family, and no unknown one."""
    return name != "" and _COLOURLESS.fullmatch(name) is None and for_name(name) is not VT100
