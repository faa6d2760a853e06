"""The frame of the console, on the screen before Textual is imported: the line is slower than the imports."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from screens.terminal import Session, TerminalOptions
from screens.terminal.capabilities import BOLD
from screens.terminal.frame import notice

__all__ = ["painted", "rows"]

_EDGE = 19
_PAGE, _FIRST = "Status", (0, 2)
"""The first entry of the menu, and where it stands: the cursor will be there."""
_BELOW = 4
"""Rows below the page: a rule, the status panel's two, the keys."""


def rows(columns: int, lines: int) -> list[list[tuple[str, int]]]:
    """The first picture, as (text, attribute bits) by row; the console's own first frame differs little."""
    rule = "─" * _EDGE + "┬" + "─" * max(0, columns - _EDGE - 1)
    page = max(0, lines - 2 - _BELOW)
    title = _EDGE + 2
    return [
        [(" Threat Mitigator", BOLD)],
        [(rule[:title], 0), (f" {_PAGE} ", BOLD), (rule[title + len(_PAGE) + 2 :], 0)],
        *([(f"{'':{_EDGE}}│"[:columns], 0)] for _ in range(page)),
        [(rule.replace("┬", "┴")[:columns], 0)],
    ]


@contextmanager
def painted(options: TerminalOptions) -> Iterator[None]:
    """Show the skeleton until a driver takes the terminal over; put it back if none does.

    Raises NoTerminal.
    """
    session = Session(options, os.environ)
    try:
        session.start()
        if session.too_small:
            session.paint(notice(session.size, options.smallest))
        else:
            session.paint(rows(*session.size), _FIRST)
        yield
    finally:
        if not session.taken:
            Session.waiting = None
            session.end()
            session.close()
