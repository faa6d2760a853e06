"""urwid's raw display painting the very frames, as in_curses.py does."""

import json
import os
import sys
from pathlib import Path

import urwid
from urwid.canvas import TextCanvas
from urwid.display.raw import Screen

_NAMES = ((1, "bold"), (8, "underline"), (16, "blink"), (32, "standout"))


def main() -> None:
    """Paint frames until there are no more."""
    screen = Screen(output=sys.stdout)
    screen.set_terminal_properties(colors=1)
    urwid.set_encoding("utf-8")
    for bits in range(128):
        names = ",".join(name for bit, name in _NAMES if bits & bit) or "default"
        screen.register_palette_entry(str(bits), "default", "default", names)
    screen.start()
    with (
        os.fdopen(int(os.environ["SAMPLE_ORDERS"])) as orders,
        Path(os.environ["BENCH_DONE"]).open("a") as done,
    ):
        for line in orders:
            frame = json.loads(line)
            rows, cursor = frame["rows"], frame["cursor"] and tuple(frame["cursor"])
            text = ["".join(sign for sign, _ in row).encode() for row in rows]
            attributes = [_runs(row) for row in rows]
            size = (len(rows[0]), len(rows))
            screen.draw_screen(size, TextCanvas(text, attributes, cursor=cursor, maxcol=size[0]))
            done.write("frame\n")
            done.flush()
    screen.stop()


def _runs(row: list[list]) -> list[tuple[str, int]]:
    runs: list[tuple[str, int]] = []
    for sign, bits in row:
        count = len(sign.encode())
        if runs and runs[-1][0] == str(bits):
            runs[-1] = (str(bits), runs[-1][1] + count)
        else:
            runs.append((str(bits), count))
    return runs


if __name__ == "__main__":
    main()
