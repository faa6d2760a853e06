"""Random frames, and what an emulator shows, in one comparable shape."""

import unicodedata
from functools import lru_cache

import pyte
from hypothesis import strategies as st
from pyte.screens import Char

from screens.terminal.capabilities import (
    BLINK,
    BOLD,
    ITALIC,
    LINUX,
    REVERSE,
    SCREEN,
    SETS,
    STRIKE,
    TRUE_COLOUR,
    UNDERLINE,
    VT100,
    XTERM,
)
from screens.terminal.frame import Frame
from screens.terminal.looks import Look, Palette

ALL_SETS = [
    VT100,
    VT100._replace(colours=16),
    LINUX._replace(utf8=True),
    SCREEN._replace(utf8=True, colours=256),
    XTERM._replace(utf8=True, colours=TRUE_COLOUR),
    SETS["xterm+repeat"]._replace(utf8=True),
]
ATTRIBUTES = [0, 0, 0, BOLD, REVERSE, UNDERLINE, BLINK, BOLD | REVERSE, ITALIC, STRIKE]


def look_of(capabilities, number: int) -> Look:
    """One of a few dozen looks that this set may be asked for."""
    attributes = ATTRIBUTES[number % len(ATTRIBUTES)]
    fores, backs = [""], [""]
    if capabilities.colours >= 16:
        fores += ["31", "97"]
        backs += ["44", "100"]
    if capabilities.colours >= 256:
        fores.append("38;5;130")
        backs.append("48;5;17")
    if capabilities.colours == TRUE_COLOUR:
        backs.append("48;2;1;2;3")
    return Look(fores[number // 3 % len(fores)], backs[number // 7 % len(backs)], attributes)


TEXTS = st.one_of(
    st.text("ab -", min_size=1, max_size=30),
    st.sampled_from(
        [
            " " * 40,
            "-" * 40,
            "=" * 13,
            "status",
            "10.0.0.1",
            "x",
            " x ",
            "    ok",
            "│tree│",
            "漢字",
            "e\u0301te",
            "─" * 20,
        ]
    ),
)
STROKES = st.tuples(st.integers(0, 45), st.integers(0, 13), TEXTS, st.integers(0, 60))
STEPS = st.one_of(
    st.lists(STROKES, max_size=12),
    st.tuples(st.integers(0, 13), st.integers(0, 13), st.integers(-5, 5)),
    st.just("clear"),
)
CURSORS = st.one_of(st.none(), st.tuples(st.integers(0, 39), st.integers(0, 11)))


def apply(frame: Frame, step) -> None:
    """Change a frame: strokes of text, a scroll of some rows, or all gone."""
    if step == "clear":
        for y in range(frame.height):
            frame.write(0, y, " " * frame.width, 0)
    elif isinstance(step, list):
        for x, y, text, look in step:
            frame.write(x, y, text, frame.palette.number(look_of(frame.palette.capabilities, look)))
    else:
        top, bottom, lines = min(step[:2]), min(max(step[:2]), frame.height - 1), step[2]
        signs, looks = [row[:] for row in frame.signs], [row[:] for row in frame.looks]
        for y in range(top, bottom + 1):
            source = y + lines
            if top <= source <= bottom:
                frame.signs[y], frame.looks[y] = signs[source], looks[source]
            else:
                frame.signs[y], frame.looks[y] = [" "] * frame.width, [0] * frame.width


def wanted(frame: Frame):
    return [
        [(sign, frame.palette.looks[look]) for sign, look in zip(signs, looks, strict=True)]
        for signs, looks in zip(frame.signs, frame.looks, strict=True)
    ]


def on_blanks(cells, palette: Palette):
    """Cells with the look that a space really shows, so that only what can be seen counts."""
    return [
        [
            (sign, palette.looks[palette.blank[palette.number(look)]] if sign == " " else look)
            for sign, look in row
        ]
        for row in cells
    ]


def composed(sign: str) -> str:
    """Pyte puts a letter and its mark together."""
    return unicodedata.normalize("NFC", sign)


def pyte_signs(screen: pyte.Screen):
    return [[composed(screen.buffer[y][x].data) for x in range(screen.columns)] for y in range(screen.lines)]


def pyte_cells(screen: pyte.Screen):
    """Signs with bold, underline, reverse and the colours by name."""
    return [
        [pyte_cell(line[x]) for x in range(screen.columns)]
        for line in (screen.buffer[y] for y in range(screen.lines))
    ]


@lru_cache(1 << 14)
def pyte_cell(char: Char):
    """One of them."""
    seen = (char.bold, char.underscore, char.reverse, char.strikethrough, char.italics, char.blink)
    plain_blank = char.data == " " and not (char.underscore or char.reverse or char.strikethrough)
    return composed(char.data), char.bg, None if plain_blank else (char.fg, *seen)
