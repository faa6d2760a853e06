"""Text made fit for a terminal.

Nothing in a cell may act on it, and ASCII stands in where there is no UTF-8.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_STAND_INS = {
    "─━┄┅┈┉╌╍═╴╶╸╺╼╾⎯": "-",
    "▔‾¯": "-",
    "▁▂_": "_",
    "│┃┆┇┊┋╎╏║╵╷╹╻╽╿▏▕▎▍▌▐": "|",
    "┌┍┎┏┐┑┒┓└┕┖┗┘┙┚┛├┝┞┟┠┡┢┣┤┥┦┧┨┩┪┫┬┭┮┯┰┱┲┳┴┵┶┷┸┹┺┻┼┽┾┿╀╁╂╃╄╅╆╇╈╉╊╋": "+",
    "╔╗╚╝╠╣╦╩╬╒╓╕╖╘╙╛╜╞╟╡╢╤╥╧╨╪╫╭╮╯╰": "+",
    "█▇▆▅▄▃▀▉▊▋▓▒░■▪◼▬▊▋▙▚▛▜▝▞▟▖▗▘▰": "#",
    "•●◉⬤∙·⋅・‣◦○◯▱□▫◻": "*",
    "▶▸►❯›»→⇒➜⏵⮞↳": ">",
    "◀◂◄❮‹«←⇐⏴⮜": "<",
    "▲▴△↑⇑⏶⮝": "^",
    "▼▾▽↓⇓⏷⮟": "v",
    "✓✔☑": "x",
    "✗✘✕✖×☒": "x",
    "‐‑‒–—―−": "-",
    "‘’‚‛′`": "'",
    "“”„‟″": '"',
    "…": ".",
    "╱⟋": "/",
    "╲⟍": "\\",
    "╳": "X",
    "§": "S",
    "©": "c",
    "®": "r",
    "°": "o",
    "±": "+",
    "÷": ":",
    "¦": "|",
    "ß": "s",
    "æ": "a",
    "Æ": "A",
    "ø": "o",
    "Ø": "O",
    "œ": "o",
    "€": "E",
    "£": "L",
    "≤": "<",
    "≥": ">",
    "≠": "#",
    "≈": "~",
    "⌂": "^",
    "↵⏎": "<",
    "␣": "_",
}
_ASCII = {ord(sign): stand_in for signs, stand_in in _STAND_INS.items() for sign in signs}
_UNKNOWN = "?"
_SAME = ("<wide>", "<narrow>", "<font>", "<noBreak>")
"""Compatibility forms of a sign that are the sign itself (UAX #15, 1.1)."""
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def is_control(sign: str) -> bool:
    """Whether one character is a C0 or C1 control."""
    return sign < " " or "\x7f" <= sign < "\xa0"


@lru_cache(maxsize=4096)
def harmless(cluster: str) -> str:
    """One cluster without anything that acts on a terminal or is drawn differently by different terminals.

    Control characters become the replacement character, odd spaces a space; joiners, variation selectors
    and direction marks go, and of a joined emoji its first sign stays. What a mark encloses (a keycap) is
    another sign than what stands in it, so it becomes a "?".
    """
    first = cluster[:1]
    kind = unicodedata.category(first) if first else "Cc"
    if kind == "Zs":
        return " "
    if kind in {"Cc", "Cs", "Zl", "Zp", "Cn", "Co"}:
        return _REPLACEMENT
    if kind in {"Cf", "Mn", "Me"}:
        return ""
    if any(unicodedata.category(sign) == "Me" for sign in cluster[1:]):
        return _UNKNOWN
    return first + "".join(
        sign for sign in cluster[1:] if unicodedata.category(sign) == "Mn" and sign < "\ufe00"
    )


@lru_cache(maxsize=4096)
def as_ascii(cluster: str) -> str:
    """One printable ASCII character in place of a cluster ("" stays "").

    Lines as - | +, accents dropped, else a "?". A raised, circled or broken number is another number than its
    first digit, so it becomes a "?" as well.
    """
    if not cluster or cluster.isascii():
        return cluster
    stand_in = _ASCII.get(ord(cluster[0]))
    if stand_in is not None:
        return stand_in
    form = unicodedata.decomposition(cluster[0])
    base = unicodedata.normalize("NFKD", cluster[0])
    if base[0].isascii() and base[0].isprintable() and (not form.startswith("<") or form.startswith(_SAME)):
        return base[0]
    braille = 0x2800 <= ord(cluster[0]) <= 0x28FF
    return ("." if cluster[0] != "\u2800" else " ") if braille else _UNKNOWN
