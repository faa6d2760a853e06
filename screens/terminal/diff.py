"""The difference of two rows, and of two screens that scrolled, in the fewest bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from screens.terminal.frame import Frame, Row
    from screens.terminal.pen import Pen

_WORTH_ERASING = 4
_WORTH_SCROLLING = 12


def differing(old: Row, new: Row) -> list[int]:
    """The columns that must be written; of a wide sign only its first."""
    (old_signs, old_looks), (new_signs, new_looks) = old, new
    columns = [
        x
        for x, (sign, was, look, looked) in enumerate(
            zip(new_signs, old_signs, new_looks, old_looks, strict=True)
        )
        if sign != was or look != looked
    ]
    if "" in new_signs:
        return sorted({x if new_signs[x] else x - 1 for x in columns})
    return columns


def paint_rows(pen: Pen, rows: Iterable[int], old: Frame, new: Frame) -> Iterator[int]:
    """Make the terminal show these rows of ``new`` where it shows ``old``; yield each that is done."""
    for y in rows:
        _paint_row(pen, y, old.row(y), new.row(y))
        yield y


def cost(pen: Pen, rows: Iterable[int], old: Frame, new: Frame, limit: int | None = None) -> int:
    """The bytes that these rows would take; no more exact than that it is above ``limit``."""
    trial = pen.fork()
    for _ in paint_rows(trial, rows, old, new):
        if limit is not None and trial.size > limit:
            break
    return trial.size


def _paint_row(pen: Pen, y: int, old: Row, new: Row) -> None:
    columns = differing(old, new)
    if not columns:
        return
    pen.go(columns[0], y, *new)
    early = _erase_early(pen, y, old, new, columns[0])
    if early is None:
        _write(pen, y, new, columns)
        return
    plain = pen.fork()
    _write(plain, y, new, columns)
    pen.adopt(plain if plain.size <= early.size else early)


def _erase_early(pen: Pen, y: int, old: Row, new: Row, first: int) -> Pen | None:
    """The way over an erased rest of the line, where many signs between the new ones must go."""
    signs, looks = new
    look = looks[-1] if signs[-1] == " " and pen.palette.erasable(looks[-1]) else 0
    going = sum(1 for sign, was in zip(signs[first:], old[0][first:], strict=True) if sign == " " != was)
    if going < _WORTH_ERASING:
        return None
    other = pen.fork()
    other.erase_line(look)
    rest = [x for x in range(first, len(signs)) if signs[x] and (signs[x] != " " or looks[x] != look)]
    _write(other, y, new, rest)
    return other


def _write(pen: Pen, y: int, new: Row, columns: list[int]) -> None:
    signs, looks = new
    width = len(signs)
    tail = _blank_tail(new)
    end = len(columns)
    while end and columns[end - 1] >= tail:
        end -= 1
    at = 0
    while at < end:
        start = columns[at]
        stop = start + 1
        at += 1
        while at < end and columns[at] <= stop:
            stop = columns[at] + 1
            at += 1
        while stop < width and signs[stop] == "":
            stop += 1
        pen.go(start, y, signs, looks)
        pen.put(y, signs, looks, start, stop)
    if end < len(columns):
        _write_tail(pen, y, new, columns[end:], tail)


def _blank_tail(row: Row) -> int:
    """The column from which on a row holds nothing but spaces of one look."""
    signs, looks = row
    look = looks[-1]
    tail = len(signs)
    while tail and signs[tail - 1] == " " and looks[tail - 1] == look:
        tail -= 1
    return tail


def _write_tail(pen: Pen, y: int, new: Row, columns: list[int], tail: int) -> None:
    """Blanks to the end of the row, which is empty from ``tail`` on: written, or erased from the pen on."""
    signs, looks = new
    look = looks[-1]
    start, stop = columns[0], columns[-1] + 1
    written = pen.fork()
    written.go(start, y, signs, looks)
    written.put(y, signs, looks, start, stop)
    ways = [written]
    if pen.palette.erasable(look):
        erased = pen.fork()
        if pen.y != y or pen.x is None or not tail <= pen.x <= start:
            erased.go(start, y, signs, looks)
        erased.erase_line(look)
        ways.append(erased)
    pen.adopt(min(ways, key=lambda way: way.size))


def find_scroll(old: Frame, new: Frame, rows: list[int]) -> tuple[int, int, int] | None:
    """Margins (first, last row) and lines (up positive) of the scroll that may save most, if one does.

    ``rows`` are those that differ. Only the columns between the first and the last difference are looked at:
    what stands beside a list that scrolls is repaired afterwards.
    """
    left, right = _span(old, new, rows)
    before = [(tuple(old.signs[y][left:right]), tuple(old.looks[y][left:right])) for y in range(new.height)]
    after = [(tuple(new.signs[y][left:right]), tuple(new.looks[y][left:right])) for y in range(new.height)]
    places: dict[object, list[int]] = {}
    for y, row in enumerate(before):
        places.setdefault(row, []).append(y)
    worth = [sum(1 for sign in row[0] if sign != " ") for row in after]
    shifts = {source - y for y in rows for source in places.get(after[y], ()) if worth[y]}
    best: tuple[int, tuple[int, int, int]] | None = None
    for lines in shifts:
        found = _longest(before, after, worth, lines)
        if found is not None and (best is None or found > best):
            best = found
    return best[1] if best is not None and best[0] >= _WORTH_SCROLLING else None


def _span(old: Frame, new: Frame, rows: list[int]) -> tuple[int, int]:
    left, right = new.width, 0
    for y in rows:
        columns = differing(old.row(y), new.row(y))
        left, right = min(left, columns[0]), max(right, columns[-1] + 1)
    return left, right


def _longest(
    before: list[tuple[tuple[str, ...], tuple[int, ...]]],
    after: list[tuple[tuple[str, ...], tuple[int, ...]]],
    worth: list[int],
    lines: int,
) -> tuple[int, tuple[int, int, int]] | None:
    """The run of rows that a shift by ``lines`` puts right, by the cells it saves."""
    height = len(after)
    best: tuple[int, tuple[int, int, int]] | None = None
    start: int | None = None
    gain = 0
    for y in range(max(0, -lines), min(height, height - lines) + 1):
        fits = y < min(height, height - lines) and before[y + lines] == after[y]
        if fits:
            start, gain = (y, 0) if start is None else (start, gain)
            gain += worth[y] if before[y] != after[y] else 0
        elif start is not None:
            margins = (start, y - 1 + lines) if lines > 0 else (start + lines, y - 1)
            best = max(best or (0, (0, 0, 0)), (gain, (*margins, lines)))
            start = None
    return best
