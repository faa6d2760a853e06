"""Cells of a list in columns: as wide as what is in them where there is room, else as their list says."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from screens.widgets.painted import fitted

__all__ = ["in_columns", "widths"]

_GAP = "  "
_LAST = 24
"""Cells that are left for the last column, which runs free, before others grow beyond their least.

Fewer where it needs fewer.
"""


def widths(rows: Sequence[tuple[str, ...]], least: Sequence[int], width: int) -> tuple[int, ...]:
    """Of each column but the last: its least, what its longest cell needs where there is room for that.

    It gives up what it does not need where the last column is cut.
    """
    *needed, last = (_longest(rows, at) for at in range(len(least) + 1))
    found, room = list(least), width - sum(least) - len(_GAP) * len(least)
    for at, wish in enumerate(needed):
        less = max(0, min(found[at] - wish, last - room))
        found[at], room = found[at] - less, room + less
    for at, wish in enumerate(needed):  # the first columns tell rows apart
        more = max(0, min(wish - found[at], room - min(_LAST, last)))
        found[at], room = found[at] + more, room - more
    return tuple(found)


def _longest(rows: Sequence[tuple[str, ...]], at: int) -> int:
    return max((cell_len(row[at]) for row in rows if at < len(row)), default=0)


def in_columns(cells: tuple[str, ...], sizes: Sequence[int]) -> str:
    """One row; a cell that is cut ends with an ellipsis."""
    parts = [set_cell_size(fitted(cell, size), size) for cell, size in zip(cells, sizes, strict=False)]
    return _GAP.join([*parts, *cells[len(sizes) :]]).rstrip()
