"""The terminal's state as we left it (cursor, look, margins) and the cheapest codes that change it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from screens.terminal.capabilities import Capabilities
    from screens.terminal.looks import Palette

_REPEATED = re.compile(r"([ -~])\1{5,}")
_TAB = 8
_LAST_STOP = 72


class Pen:
    """Collects codes in ``out``.

    A position or look of None is unknown: the next move or code is then absolute.
    """

    __slots__ = (
        "bottom",
        "capabilities",
        "height",
        "look",
        "out",
        "palette",
        "saved",
        "stops",
        "top",
        "width",
        "x",
        "y",
    )

    def __init__(self, palette: Palette, width: int, height: int) -> None:
        self.palette = palette
        self.capabilities: Capabilities = palette.capabilities
        self.width = width
        self.height = height
        self.x: int | None = None
        self.y: int | None = None
        self.look: int | None = None
        self.top, self.bottom = 0, height - 1
        self.saved: tuple[int, int, int] | None = None
        self.stops = 0
        """The last tab stop that is set; with those before it where most terminals have theirs anyway."""
        self.out: list[str] = []

    def fork(self) -> Pen:
        """The same state with nothing written, to try another way."""
        other = Pen.__new__(Pen)
        for name in self.__slots__:
            setattr(other, name, getattr(self, name))
        other.out = []
        return other

    def adopt(self, other: Pen) -> None:
        """Take over what was tried on a fork."""
        other.out[:0] = self.out
        for name in self.__slots__:
            setattr(self, name, getattr(other, name))

    @property
    def size(self) -> int:
        """Bytes written so far, in UTF-8."""
        text = "".join(self.out)
        return len(text) if text.isascii() else len(text.encode())

    def wear(self, look: int) -> None:
        """Change to a look."""
        if look != self.look:
            self.out.append(self.palette.code(self.look, look))
            self.look = look

    def save(self) -> None:
        """DECSC, for a cheap way back to a known place; DECRC leads there as often as it is wanted."""
        if self.x is not None and self.y is not None and self.look is not None:
            self.out.append("\x1b7")
            self.saved = self.x, self.y, self.look

    # -- moving -----------------------------------------------------------------------------------

    def go(self, x: int, y: int, signs: Sequence[str] = (), looks: Sequence[int] = ()) -> None:
        """Move the cursor by the fewest bytes.

        ``signs`` and ``looks`` are the row ``y`` as it is shown already.
        """
        if self.x == x and self.y == y:
            return
        best = self._way(x, y, signs, looks)
        saved = self.saved
        if saved is not None and len(best) > 2:
            there = self.fork()
            there.x, there.y, there.look = saved
            way = "\x1b8" + ("" if saved[:2] == (x, y) else there._way(x, y, signs, looks))
            again = 0 if self.look in {None, saved[2]} else len(self.palette.code(saved[2], self.look))
            if len(way) + again < len(best) or (saved[:2] == (x, y) and len(way) <= len(best)):
                best, self.look = way, saved[2]
        self.out.append(best)
        self.x, self.y = x, y

    def _way(self, x: int, y: int, signs: Sequence[str], looks: Sequence[int]) -> str:
        ways = [cup(x, y)]
        down = self._vertical(y)
        if down is not None:
            ways += [down + along for along in self._horizontal(x, signs, looks)]
        if self.capabilities.columns:
            ways += self._columns(x, y)
        return min(ways, key=len)

    def _vertical(self, y: int) -> str | None:
        if self.y is None:
            return None
        if y == self.y:
            return ""
        if not (self.top <= self.y <= self.bottom and self.top <= y <= self.bottom):
            # Emulators disagree on relative moves outside the margins or across them.
            return None
        distance = y - self.y
        if distance > 0:
            return "\n" * distance if distance <= 4 else f"\x1b[{distance}B"
        return "\x1bM" * -distance if distance >= -2 else f"\x1b[{-distance}A"

    def _horizontal(self, x: int, signs: Sequence[str], looks: Sequence[int]) -> list[str]:
        ways = ["\r" + way for way in self._forward(0, x, signs, looks)]
        if self.x is None:
            return ways
        if x >= self.x:
            return ways + self._forward(self.x, x, signs, looks)
        return [*ways, _left(self.x - x)]

    def _forward(self, start: int, x: int, signs: Sequence[str], looks: Sequence[int]) -> list[str]:
        ways = [self._right(start, x, signs, looks)]
        stop = x - x % _TAB
        for near in (stop, stop + _TAB):
            if start < near <= self.stops:
                tabs = "\t" * (near // _TAB - start // _TAB)
                back = near - x
                ways.append(tabs + (_left(back) if back > 0 else self._right(near, x, signs, looks)))
        return ways

    def _right(self, start: int, x: int, signs: Sequence[str], looks: Sequence[int]) -> str:
        distance = x - start
        way = "\x1b[C" * distance if distance < 2 else f"\x1b[{distance}C"
        if distance <= len(way) and self._rewritable(signs[start:x], looks[start:x], distance):
            return "".join(signs[start:x])
        return way

    def _rewritable(self, signs: Sequence[str], looks: Sequence[int], count: int) -> bool:
        now = self.look
        if now is None or len(signs) != count:
            return False
        blank = self.palette.blank[now]
        return all(
            (look == now or (sign == " " and look == blank)) and len(sign) == 1 and sign.isascii()
            for sign, look in zip(signs, looks, strict=True)
        )

    def _columns(self, x: int, y: int) -> list[str]:
        if y == self.y:
            return [f"\x1b[{x + 1}G" if x else "\r"]
        return [f"\x1b[{y + 1}d"] if x == self.x else []

    # -- writing ----------------------------------------------------------------------------------

    def put(self, y: int, signs: Sequence[str], looks: Sequence[int], start: int, end: int) -> None:
        """Show the cells ``start`` to ``end`` (not included) of a row; the cursor is there already."""
        blank = self.palette.blank
        x = start
        while x < end:
            if looks[x] != self.look and not self._same_blank(signs[x], looks[x]):
                self.wear(self._next_look(signs, looks, x, end))
            now = self.look
            shown = blank[now] if now is not None else None
            stop = x + 1
            while stop < end and (looks[stop] == now or (signs[stop] == " " and looks[stop] == shown)):
                stop += 1
            stop = self._text(signs, x, stop)
            if stop < end and len(signs[stop - 1]) > 1:
                # Not every terminal draws marks over a letter in one cell.
                self.x, self.y = None, y
                self.go(stop, y)
            x = stop
        # In the last column terminals differ on where the cursor is now.
        self.x, self.y = (end if end < self.width else None), y

    def _same_blank(self, sign: str, look: int) -> bool:
        return sign == " " and self.look is not None and self.palette.blank[self.look] == look

    def _next_look(self, signs: Sequence[str], looks: Sequence[int], x: int, end: int) -> int:
        """For a space, rather the look of what comes after it, if the space shows the same in it."""
        look = looks[x]
        after = x
        while after < end and signs[after] == " " and looks[after] == look:
            after += 1
        if after in {x, end}:
            return look
        coming = looks[after]
        if self.palette.blank[coming] != look:
            return look
        code = self.palette.code
        return (
            coming
            if len(code(self.look, coming)) <= len(code(self.look, look) + code(look, coming))
            else look
        )

    def _text(self, signs: Sequence[str], start: int, stop: int) -> int:
        text = "".join(signs[start:stop])
        if len(text) > stop - start:
            stop = next(x for x in range(start, stop) if len(signs[x]) > 1) + 1
            text = "".join(signs[start:stop])
        pieces = self._at_stops(text, start) if len(text) == stop - start else [text]
        if self.capabilities.repeat:
            pieces = [
                _REPEATED.sub(lambda found: f"{found[1]}\x1b[{len(found[0]) - 1}b", each) for each in pieces
            ]
        self.out.append("\x1bH".join(pieces))
        return stop

    def _at_stops(self, text: str, start: int) -> list[str]:
        """The text in pieces, parted where it passes columns that get their tab stop (HTS) now."""
        pieces, last = [], min(_LAST_STOP, self.width - 1)
        while self.stops < last and start < (coming := self.stops + _TAB) <= min(last, start + len(text)):
            pieces.append(text[: coming - start])
            text, start, self.stops = text[coming - start :], coming, coming
        return [*pieces, text]

    def erase_line(self, look: int) -> None:
        """EL from the cursor on, in a look that the terminal erases with."""
        self.wear(look)
        self.out.append("\x1b[K")

    def erase_below(self, look: int) -> None:
        """ED from the cursor on."""
        self.wear(look)
        self.out.append("\x1b[J")

    def scroll(self, top: int, bottom: int, lines: int) -> None:
        """Move the rows ``top`` to ``bottom`` up by ``lines`` (down if negative); plain rows come in."""
        self.wear(0)
        self._margins(top, bottom)
        edge = bottom if lines > 0 else top
        if self.y != edge:
            self.go(0, edge)
        self.out.append("\n" * lines if lines > 0 else "\x1bM" * -lines)

    def scroll_all(self) -> None:
        """Take the margins back."""
        self._margins(0, self.height - 1)

    def _margins(self, top: int, bottom: int) -> None:
        if (self.top, self.bottom) != (top, bottom):
            # Both margins always: some terminals take a missing one for the last set. The cursor goes home.
            self.out.append(f"\x1b[{top + 1};{bottom + 1}r")
            self.top, self.bottom = top, bottom
            self.x = self.y = None


def _left(distance: int) -> str:
    return "\b" * distance if distance <= 4 else f"\x1b[{distance}D"


def cup(x: int, y: int) -> str:
    """CUP to a cell."""
    row = str(y + 1) if y else ""
    return f"\x1b[{row};{x + 1}H" if x else f"\x1b[{row}H"
