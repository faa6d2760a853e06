"""The codes that keys send on vt100, vt220, linux, xterm, rxvt and screen, by Textual's names of keys."""

from __future__ import annotations

TILDE = {
    1: "home",
    2: "insert",
    3: "delete",
    4: "end",
    5: "pageup",
    6: "pagedown",
    7: "home",
    8: "end",
    11: "f1",
    12: "f2",
    13: "f3",
    14: "f4",
    15: "f5",
    16: "f5",  # minicom
    17: "f6",
    18: "f7",
    19: "f8",
    20: "f9",
    21: "f10",
    23: "f11",
    24: "f12",
    25: "f13",
    26: "f14",
    28: "f15",
    29: "f16",
    31: "f17",
    32: "f18",
    33: "f19",
    34: "f20",
}
"""CSI n ~ (VT220 Programmer Reference, table 3-5; 28 and 29 are Help and Do)."""

LETTER = {
    "A": "up",
    "B": "down",
    "C": "right",
    "D": "left",
    "H": "home",
    "F": "end",
    "P": "f1",
    "Q": "f2",
    "R": "f3",
    "S": "f4",
    "a": "shift+up",
    "b": "shift+down",
    "c": "shift+right",
    "d": "shift+left",
    "Z": "shift+tab",
}
"""CSI letter and SS3 letter; the small ones are rxvt's."""

RXVT_CONTROL = {"a": "ctrl+up", "b": "ctrl+down", "c": "ctrl+right", "d": "ctrl+left"}
"""SS3 small letter."""

KEYPAD = dict(zip("jklmnopqrstuvwxy", "*+,-./0123456789", strict=True))
"""SS3 letter of the application keypad; its "=" is PuTTY's F9."""

PUTTY = {letter: f"f{number}" for number, letter in enumerate("PQRSTUVWXYZ[", 1)}
"""SS3 letter of PuTTY's keys "VT100+"."""

SCO = {letter: f"f{number}" for number, letter in enumerate("MNOPQRSTUVWX", 1)}
SCO |= {"I": "pageup", "G": "pagedown", "L": "insert", "E": "home"}
"""CSI letter of the SCO console and of PuTTY's keys "SCO"; there M begins no mouse report."""

C1 = {0x8F: "O", 0x90: "P", 0x98: "X", 0x9B: "[", 0x9D: "]", 0x9E: "^", 0x9F: "_"}
"""The 8-bit controls that stand for ESC and a sign (ECMA-48, 5.3): SS3, DCS, SOS, CSI, OSC, PM, APC."""

LINUX = {"A": "f1", "B": "f2", "C": "f3", "D": "f4", "E": "f5"}
"""CSI [ letter of the Linux console."""

CONTROL = {0x08: "backspace", 0x09: "tab", 0x0D: "enter", 0x1B: "escape", 0x7F: "backspace"}
CONTROL |= {code: f"ctrl+{chr(code + 0x60)}" for code in range(1, 27) if code not in CONTROL}
CONTROL |= {0x1C: "ctrl+backslash", 0x1D: "ctrl+right_square_bracket"}
CONTROL |= {0x1E: "ctrl+circumflex_accent", 0x1F: "ctrl+underscore"}
"""Control characters. XON and XOFF stand here too and are never delivered."""

_MODIFIERS = ((2, "alt"), (4, "ctrl"), (8, "meta"), (1, "shift"))


def modified(name: str, modifier: int) -> str:
    """The key with xterm's modifier number (1 + shift 1, alt 2, ctrl 4, meta 8), in Textual's order."""
    bits = modifier - 1 if 1 <= modifier <= 16 else 0
    held = [word for bit, word in _MODIFIERS if bits & bit and not name.startswith(f"{word}+")]
    return "+".join([*held, name])
