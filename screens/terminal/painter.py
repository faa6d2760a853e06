"""Keeps what the terminal shows and turns each new frame into the bytes that are missing.

Modes of a terminal that an earlier program, or line noise, may have left on are put back first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.terminal.diff import cost, differing, find_scroll, paint_rows
from screens.terminal.frame import Frame
from screens.terminal.pen import Pen

if TYPE_CHECKING:
    from screens.terminal.capabilities import Capabilities
    from screens.terminal.looks import Palette


_PLAIN = "\x1b(B\x0f\x1b[4l\x1b[?1;5;6;7l\x1b>"
"""ASCII as both G0 and GL, replacing, cursor keys and keypad as they are, no reverse screen, no origin, no
wrapping (VT100 and VT102 User Guides)."""
_KEYS = "\x1b[?9;1000;1002;1003;1004;1005;1006;1015l\x1b[>4m\x1b[=0u"
"""No mouse and focus reports (xterm), no modifyOtherKeys (xterm), no enhanced keyboard (kitty's protocol)."""

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_ROWS_FOR_MARGINS = 4
_FEW = 4
"""Rows of which several orders are tried."""


def plain_modes(can: Capabilities) -> str:
    """The codes after which keys and signs mean what they say. SGR 0 must follow: some read SGR in them."""
    return _PLAIN + (_KEYS if can.alternate else "")


class Painter:
    """One terminal of ``width`` by ``height`` cells.

    Nothing is known of it until the first paint, which clears it.
    """

    def __init__(self, palette: Palette, width: int, height: int) -> None:
        self.palette = palette
        self.shown = Frame(width, height, palette)
        self._pen = Pen(palette, width, height)
        self._cursor_shown: bool | None = None
        self._known = False
        self.unfinished = False
        """Whether the last paint stopped at its budget and left rows for the next one."""

    def forget(self) -> None:
        """The terminal may show anything now: the next paint clears it and sends everything."""
        self._known = False

    def paint(self, frame: Frame, cursor: tuple[int, int] | None, budget: int | None = None) -> str:
        """The codes that make the terminal show ``frame`` with its cursor at (column, row), or hidden.

        With a ``budget`` in bytes it stops after the row that exceeds it and sets ``unfinished``.
        """
        if not self._known or (frame.width, frame.height) != (self.shown.width, self.shown.height):
            self._clear(frame)
        pen = self._pen
        self.unfinished = False
        rows = self._changed(frame)
        if rows:
            self._leave(cursor, rows)
            self._paint_rows(frame, rows, cursor, budget)
        if not self.unfinished:
            self._place(cursor)
        codes = "".join(pen.out)
        pen.out.clear()
        return codes

    def extent(self, frame: Frame) -> int:
        """How many cells of ``frame`` are not shown yet."""
        if not self._known or (frame.width, frame.height) != (self.shown.width, self.shown.height):
            return frame.width * frame.height
        return sum(len(differing(self.shown.row(y), frame.row(y))) for y in self._changed(frame))

    def _clear(self, frame: Frame) -> None:
        self.shown = Frame(frame.width, frame.height, self.palette)
        pen = self._pen = Pen(self.palette, frame.width, frame.height)
        margins = f"\x1b[1;{frame.height}r" if frame.height > 1 else ""
        pen.out.append(f"{plain_modes(self.palette.capabilities)}\x1b[3g{margins}\x1b[m\x1b[H\x1b[J")
        pen.x, pen.y, pen.look = 0, 0, 0
        self._known = True
        self._cursor_shown = None

    def _changed(self, frame: Frame) -> list[int]:
        shown = self.shown
        return [
            y
            for y in range(frame.height)
            if frame.signs[y] != shown.signs[y] or frame.looks[y] != shown.looks[y]
        ]

    def _leave(self, cursor: tuple[int, int] | None, rows: list[int]) -> None:
        pen = self._pen
        if cursor is None:
            if self._cursor_shown is not False:
                pen.out.append(_HIDE)
                self._cursor_shown = False
        elif (
            cursor == (pen.x, pen.y)
            and rows != [cursor[1]]
            and (pen.saved is None or pen.saved[:2] != cursor)
        ):
            # Plain on coming back: what follows, line after line, mostly is.
            pen.wear(0)
            pen.save()

    def _place(self, cursor: tuple[int, int] | None) -> None:
        pen = self._pen
        if cursor is not None:
            x, y = cursor
            pen.go(x, y, *self.shown.row(y))
        if self._cursor_shown is not (cursor is not None):
            self._cursor_shown = cursor is not None
            pen.out.append(_SHOW if self._cursor_shown else _HIDE)

    # -- rows -------------------------------------------------------------------------------------

    def _paint_rows(
        self, frame: Frame, rows: list[int], cursor: tuple[int, int] | None, budget: int | None
    ) -> None:
        scroll = find_scroll(self.shown, frame, rows) if len(rows) > 1 else None
        if scroll is not None:
            self._try_scroll(frame, rows, scroll)
            rows = self._changed(frame)
        if 2 * len(rows) > frame.height:
            self._try_clearing(frame, rows)
            rows = self._changed(frame)
        self._try_margins(frame, rows)
        self._erase_below(frame, rows)
        rows = self._ordered(frame, rows, cursor, budget)
        for y in paint_rows(self._pen, rows, self.shown, frame):
            self._take(frame, y)
            if budget is not None and self._pen.size > budget and y != rows[-1]:
                self.unfinished = True
                return

    def _ordered(
        self, frame: Frame, rows: list[int], cursor: tuple[int, int] | None, budget: int | None
    ) -> list[int]:
        """The order that takes the fewest bytes, there and back to the cursor.

        If it is more than the budget the cursor's row comes first: what a key did is seen there.
        """
        if len(rows) < 2:
            return rows
        here = [y for y in rows if cursor is not None and y == cursor[1]]
        others = [y for y in rows if y not in here]
        if len(rows) <= _FEW:
            ways = [rows, rows[::-1]]
            if here:
                ways.append(others + here)
            if self._pen.y in rows[1:]:
                ways.append([self._pen.y, *(y for y in rows if y != self._pen.y)])
        elif budget is None:
            return rows
        else:
            ways = [rows]
        costs = [self._cost_of(frame, way, cursor) for way in ways]
        if budget is not None and min(costs) > budget:
            return here + others
        return ways[costs.index(min(costs))]

    def _cost_of(self, frame: Frame, rows: list[int], cursor: tuple[int, int] | None) -> int:
        trial = self._pen.fork()
        for _ in paint_rows(trial, rows, self.shown, frame):
            pass
        if cursor is not None:
            trial.go(*cursor, *frame.row(cursor[1]))
        return trial.size

    def _take(self, frame: Frame, y: int) -> None:
        self.shown.signs[y] = frame.signs[y][:]
        self.shown.looks[y] = frame.looks[y][:]

    def _try_scroll(self, frame: Frame, rows: list[int], scroll: tuple[int, int, int]) -> None:
        """Scroll if painting is shorter that way than row by row."""
        plain = cost(self._pen, rows, self.shown, frame)
        scrolled = self._pen.fork()
        scrolled.scroll(*scroll)
        after = _shifted(self.shown, scroll)
        if scrolled.size + cost(scrolled, range(frame.height), after, frame, plain) < plain:
            self._pen.adopt(scrolled)
            self.shown = after

    def _try_clearing(self, frame: Frame, rows: list[int]) -> None:
        """Clear the whole screen first if that is shorter."""
        blank = Frame(frame.width, frame.height, self.palette)
        if (self.shown.signs, self.shown.looks) == (blank.signs, blank.looks):
            return
        plain = cost(self._pen, rows, self.shown, frame)
        cleared = self._pen.fork()
        cleared.go(0, 0)
        cleared.erase_below(0)
        if cleared.size + cost(cleared, range(frame.height), blank, frame, plain) < plain:
            self._pen.adopt(cleared)
            self.shown = blank

    def _try_margins(self, frame: Frame, rows: list[int]) -> None:
        """Take an earlier scroll's margins back if that is shorter: only absolute moves lead across them."""
        pen = self._pen
        if (pen.top, pen.bottom) == (0, frame.height - 1) or len(rows) < _ROWS_FOR_MARGINS:
            return
        wide = pen.fork()
        wide.scroll_all()
        if wide.size + cost(wide, rows, self.shown, frame) < cost(pen, rows, self.shown, frame):
            pen.adopt(wide)

    def _erase_below(self, frame: Frame, rows: list[int]) -> None:
        """One ED where the last rows become empty."""
        blank, plain = [" "] * frame.width, [0] * frame.width
        empty = frame.height
        while empty and frame.signs[empty - 1] == blank and frame.looks[empty - 1] == plain:
            empty -= 1
        going = [y for y in rows if y >= empty]
        if len(going) < 2:
            return
        self._pen.go(0, going[0])
        self._pen.erase_below(0)
        for y in going:
            rows.remove(y)
            self._take(frame, y)


def _shifted(frame: Frame, scroll: tuple[int, int, int]) -> Frame:
    top, bottom, lines = scroll
    after = Frame(frame.width, frame.height, frame.palette)
    for y in range(frame.height):
        source = y + lines if top <= y <= bottom else y
        if not top <= y <= bottom or top <= source <= bottom:
            after.signs[y] = frame.signs[source][:]
            after.looks[y] = frame.looks[source][:]
    return after
