"""Rich styles, as Textual hands them out, turned into looks that the terminal can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.color import Color, ColorSystem, ColorType

from screens.terminal.capabilities import (
    BLINK,
    BOLD,
    DIM,
    ITALIC,
    REVERSE,
    STRIKE,
    TRUE_COLOUR,
    UNDERLINE,
)
from screens.terminal.looks import Look, Palette

if TYPE_CHECKING:
    from rich.style import Style

_MOST_STYLES = 4096
_MOST_LOOKS = 4096
_RAISED = 0.05
_TO_STANDARD = ColorSystem.STANDARD


class Stylist:
    """Finds the number of a style's look; remembers what it found."""

    def __init__(self, palette: Palette) -> None:
        self._palette = palette
        self._known: dict[Style, int] = {}

    def number(self, style: Style | None) -> int:
        """The look of ``style`` in the palette's terminal (None is plain)."""
        if style is None:
            return 0
        number = self._known.get(style)
        if number is None:
            if len(self._known) > _MOST_STYLES:
                self._known.clear()
            number = self._known[style] = self._palette.number(self._look(style))
        return number

    def _look(self, style: Style) -> Look:
        attributes = _attributes(style)
        colours = self._palette.capabilities.colours
        if not colours:
            back = style.bgcolor
            return Look(
                attributes=attributes ^ REVERSE if back is not None and _stands_out(back) else attributes
            )
        system = _system(colours)
        if len(self._palette.looks) > _MOST_LOOKS:
            system = _TO_STANDARD
        return Look(_code(style.color, system, True), _code(style.bgcolor, system, False), attributes)


def _attributes(style: Style) -> int:
    pairs = (
        (style.bold, BOLD),
        (style.dim, DIM),
        (style.italic, ITALIC),
        (style.underline or style.underline2, UNDERLINE),
        (style.blink or style.blink2, BLINK),
        (style.reverse, REVERSE),
        (style.strike, STRIKE),
    )
    return sum(bit for on, bit in pairs if on)


def _system(colours: int) -> ColorSystem:
    if colours == TRUE_COLOUR:
        return ColorSystem.TRUECOLOR
    return ColorSystem.EIGHT_BIT if colours == 256 else _TO_STANDARD


def _code(colour: Color | None, system: ColorSystem, fore: bool) -> str:
    if colour is None or colour.is_default:
        return ""
    return ";".join(colour.downgrade(system).get_ansi_codes(fore))


def _stands_out(back: Color) -> bool:
    """Without colour a background that is not nearly black becomes reverse, or a bar would be lost."""
    if back.is_default:
        return False
    if back.type is ColorType.STANDARD:
        return back.number not in {0, 8}
    red, green, blue = back.get_truecolor()
    parts = ((0.2126, red), (0.7152, green), (0.0722, blue))
    light: float = sum(share * (part / 255) ** 2.2 for share, part in parts)
    return light > _RAISED
