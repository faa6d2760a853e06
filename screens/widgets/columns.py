"""Cells of a list in columns: as wide as what is in them where there is room, else as their list says."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from screens.widgets.painted import fitted

__all__ = ["in_columns", "widths"]

_GAP = "  "
_LAST = 16
"""Cells that are left for the last column, which runs free, before others grow beyond their least."""


def widths(rows: Sequence[tuple[str, ...]], least: Sequence[int], width: int) -> tuple[int, ...]:
    """Of each column but the last: what its longest cell needs, or its least where all do not fit."""
    needed = [
        max([short, *(cell_len(row[at]) for row in rows if at < len(row))]) for at, short in enumerate(least)
    ]
    found, spare = list(least), width - sum(least) - len(_GAP) * len(least) - _LAST
    for at, wish in enumerate(needed):  # the first columns tell rows apart
        more = max(0, min(wish - found[at], spare))
        found[at] += more
        spare -= more
    return tuple(found)


def in_columns(cells: tuple[str, ...], sizes: Sequence[int]) -> str:
    """One row; a cell that is cut ends with an ellipsis."""
    parts = [set_cell_size(fitted(cell, size), size) for cell, size in zip(cells, sizes, strict=False)]
    return _GAP.join([*parts, *cells[len(sizes) :]]).rstrip()
