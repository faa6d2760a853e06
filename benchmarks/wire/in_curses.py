"""ncurses painting the very frames.

One JSON frame a line from the descriptor in SAMPLE_ORDERS, an answer for each.
"""

import curses
import json
import os
from pathlib import Path

_BITS = ((1, "A_BOLD"), (2, "A_DIM"), (8, "A_UNDERLINE"), (16, "A_BLINK"), (32, "A_REVERSE"))


def main(screen: "curses.window") -> None:
    """Paint frames until there are no more."""
    screen.idlok(True)
    curses.curs_set(0) if curses.tigetstr("civis") else None
    with (
        os.fdopen(int(os.environ["SAMPLE_ORDERS"])) as orders,
        Path(os.environ["BENCH_DONE"]).open("a") as done,
    ):
        for line in orders:
            frame = json.loads(line)
            for y, row in enumerate(frame["rows"]):
                for x, (sign, bits) in enumerate(row):
                    attributes = sum(getattr(curses, name) for bit, name in _BITS if bits & bit)
                    if (x, y) == (len(row) - 1, curses.LINES - 1):
                        screen.insch(y, x, sign, attributes)
                    else:
                        screen.addstr(y, x, sign, attributes)
            screen.leaveok(frame["cursor"] is None)
            if frame["cursor"] is not None:
                screen.move(frame["cursor"][1], frame["cursor"][0])
            screen.refresh()
            done.write("frame\n")
            done.flush()


if __name__ == "__main__":
    curses.wrapper(main)
