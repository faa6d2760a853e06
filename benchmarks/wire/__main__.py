"""Bytes for each action: the real console under our driver, ncurses and urwid painting the very same frames.

And the console under stock Textual; all in one run.

python -m benchmarks.wire [--term vt100] [--keep FOLDER]
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from benchmarks.wire.story import cells_changed, console, last_frames, replayed

_HEADS = "".join(f"{head:>8}" for head in ("cells", "ours", "ncurses", "urwid", "stock"))


def main() -> None:
    """Tell the story four times and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--term", default="vt100")
    parser.add_argument("--keep", type=Path, help="keep the frames in this folder")
    parser.add_argument("--quick", action="store_true", help="without urwid and stock")
    chosen = parser.parse_args()
    term = chosen.term
    with tempfile.TemporaryDirectory() as folder:
        frames = (chosen.keep or Path(folder)) / "frames"
        frames.unlink(missing_ok=True)
        ours = console("ours", frames, term)
        wanted = last_frames(frames, [recorded for _, _, recorded in ours])
        figures = [json.loads(line) for line in frames.read_text().splitlines()]
        if chosen.keep:
            (chosen.keep / "story").write_text(
                "".join(
                    f"{json.dumps([name, frame])}\n" for (name, *_), frame in zip(ours, wanted, strict=True)
                )
            )
    curses = replayed("benchmarks.wire.in_curses", wanted, term)
    nothing = [0] * len(curses)
    urwid = nothing if chosen.quick else replayed("benchmarks.wire.in_urwid", wanted, term)
    stock = nothing if chosen.quick else [count for _, count, _ in console("stock", None, term)]
    counted = zip(cells_changed(wanted), [count for _, count, _ in ours], curses, urwid, stock, strict=True)
    rows = [(name, *row) for (name, *_), row in zip(ours, counted, strict=True)]
    print(f"{'bytes, TERM=' + term:28}{_HEADS}{'ours/ncurses':>14}{'ours/stock':>12}")
    kinds = {}
    for name in dict.fromkeys(row[0] for row in rows):
        columns = zip(*(row[1:] for row in rows if row[0] == name), strict=True)
        kinds[name] = [statistics.mean(column) for column in columns]
        show(name, kinds[name])
    show("each action once", [sum(column) for column in zip(*kinds.values(), strict=True)])
    show("the whole story as told", [sum(column) for column in list(zip(*rows, strict=True))[1:]])
    tell_cpu(figures)


def show(name: str, figures: list[float]) -> None:
    """One row of the table."""
    _, ours, curses, _, stock = figures
    ratio = f"{ours / curses:14.2f}" if curses else f"{'-':>14}"
    share = f"{ours / stock:12.3f}" if stock else f"{'-':>12}"
    print(f"{name:28}{''.join(f'{figure:8.0f}' for figure in figures)}{ratio}{share}")


def tell_cpu(figures: list[dict[str, float]]) -> None:
    """The CPU's part."""
    for name, key in (("cursor, difference and codes", "seconds"), ("taking Textual's segments", "fed")):
        spent = sorted(1000 * each[key] for each in figures)
        mean, median = statistics.mean(spent), statistics.median(spent)
        print(
            f"CPU of {name}: mean {mean:.2f} ms a frame, median {median:.2f}, "
            f"largest {spent[-1]:.2f}, {len(spent)} frames"
        )


if __name__ == "__main__":
    main()
