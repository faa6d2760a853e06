"""Signs that nobody types into a password on purpose: keys taken for text, what was copied along, noise."""

import unicodedata

__all__ = ["NOT_READ", "unwanted_sign"]

NOT_READ = "\N{REPLACEMENT CHARACTER}"
"""Stands for what came in and is no text: bytes that are no UTF-8, a character that a line cannot carry."""

_FILLERS = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
_VARIATIONS = {*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
_UNSEEN = frozenset(_FILLERS | _VARIATIONS)
"""What shows as nothing though its category says otherwise (Unicode, Default_Ignorable_Code_Point)."""


def unwanted_sign(text: str) -> str:
    """Name the first such sign, by its name and number and never itself, as a sentence; empty without one."""
    return next((words for sign in text if (words := _words(sign))), "")


def _words(sign: str) -> str:
    category, number = unicodedata.category(sign), ord(sign)
    named = f"{unicodedata.name(sign, 'unnamed')} (U+{number:04X})"
    if number == 0x1B:
        return "It holds ESC (U+001B), as an arrow or function key sends it."
    if number < 0x20 or number == 0x7F:
        return f"It holds a control character, ^{chr(number ^ 0x40)} (U+{number:04X})."
    if sign == NOT_READ:
        return "A character could not be read: the line carries only ASCII, or it was no UTF-8 (U+FFFD)."
    if sign == "\ufeff":
        return "It holds a byte order mark (U+FEFF), which some editors put before a text."
    if category in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or number in _UNSEEN:
        return f"It holds an invisible character, {named}."
    other_space = category == "Zs" and sign != " "
    return f"It holds a space that is not the usual one, {named}." if other_space else ""
