"""Bytes for each action: ours, ncurses and urwid painting the very same frames, stock Textual; in one run.

python -m benchmarks.wire [--term vt100]
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from benchmarks.wire.story import console, last_frames, replayed


def main() -> None:
    """Tell the story four times and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--term", default="vt100")
    term = parser.parse_args().term
    with tempfile.TemporaryDirectory() as folder:
        frames = Path(folder) / "frames"
        ours = console("ours", frames, term)
        wanted = last_frames(frames, [recorded for _, _, recorded in ours])
        seconds = [json.loads(line)["seconds"] for line in frames.read_text().splitlines()]
    curses = replayed("benchmarks.wire.in_curses", wanted, term)
    urwid = replayed("benchmarks.wire.in_urwid", wanted, term)
    stock = [count for _, count, _ in console("stock", None, term)]
    names = list(dict.fromkeys(name for name, _, _ in ours))
    heads = f"{'ours':>8}{'ncurses':>9}{'urwid':>8}{'stock':>8}{'ours/ncurses':>14}{'ours/stock':>12}"
    print(f"{'bytes, TERM=' + term:28}{heads}")
    rows = [
        (name, count, *others) for (name, count, _), *others in zip(ours, curses, urwid, stock, strict=True)
    ]
    for name in names:
        show(
            name,
            [
                statistics.mean(column)
                for column in zip(*(row[1:] for row in rows if row[0] == name), strict=True)
            ],
        )
    show("the whole story", [sum(column) for column in zip(*(row[1:] for row in rows), strict=True)])
    print(
        f"CPU of cursor, difference and codes: mean {1000 * statistics.mean(seconds):.2f} ms a frame, "
        f"largest {1000 * max(seconds):.2f} ms, {len(seconds)} frames"
    )


def show(name: str, figures: list[float]) -> None:
    """One row of the table."""
    ours, curses, urwid, stock = figures
    ratio = f"{ours / curses:14.2f}" if curses else f"{'-':>14}"
    share = f"{ours / stock:12.3f}" if stock else f"{'-':>12}"
    print(f"{name:28}{ours:8.0f}{curses:9.0f}{urwid:8.0f}{stock:8.0f}{ratio}{share}")


if __name__ == "__main__":
    main()
