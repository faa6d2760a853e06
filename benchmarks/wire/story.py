"""The same story told to every way of painting: one action after the other, and the bytes that each wrote."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.wire.ptys import Pty

QUIET = 0.35
DOWN, UP, ENTER, TAB, BACK_TAB = "\x1b[B", "\x1b[A", "\r", "\t", "\x1b[Z"
_EVENTS = ("threat-event accepted from", "root-cause accepted from", "batch sealed for", "beat accepted by")


def log_line(number: int) -> str:
    """A log line of 46 characters on average."""
    return (
        f"{8 + number // 60:02}:{number % 60:02}:07 {_EVENTS[number % 4]} host-{number * 37 % 997:03}.example"
    )


Action = tuple[str, Callable[[Pty], None]]


def actions() -> list[Action]:
    """Name and doing of each action; names that repeat are averaged."""

    def keys(text: str) -> Callable[[Pty], None]:
        return lambda terminal: terminal.type(text)

    def order(text: str) -> Callable[[Pty], None]:
        return lambda terminal: terminal.order(text)

    story: list[Action] = [("status tick, one value", order(f"tick {number}")) for number in range(1, 6)]
    story += [("status tick, three values", order(f"status {number}")) for number in range(1, 6)]
    story += [("log line", order(f"log {log_line(number)}")) for number in range(12)]
    story += [
        ("tree cursor down", keys(DOWN)),
        ("tree cursor down", keys(DOWN)),
        ("tree to form", keys(ENTER)),
    ]
    story += [("Tab to the next field", keys(TAB))] * 3
    story += [("type a character", keys(sign)) for sign in "abcde"]
    story += [("status tick in a field", order(f"tick {number}")) for number in range(6, 10)]
    story += [("log line in a field", order(f"log {log_line(number)}")) for number in range(20, 24)]
    story += [("to the tree", keys(BACK_TAB))] * 3
    story += [("form to welcome", keys(UP + ENTER)), ("idle, a second", lambda _: None)]
    return story


def console(kind: str, frames: Path | None, term: str) -> list[tuple[str, int, int]]:
    """The story on a console: action, bytes, and how many frames were recorded by then."""
    environ = {"TERM": term, "TEXTUAL_THEME": "ansi-dark"}
    module = "tests.wire.sample"
    if frames is not None:
        module, environ["BENCH_FRAMES"] = "benchmarks.wire.recording", str(frames)
    with Pty([sys.executable, "-m", module, kind], orders=True, environ=environ) as terminal:
        counted = []
        for name, count in _played(terminal):
            recorded = len(frames.read_text().splitlines()) if frames is not None else 0
            counted.append((name, count, recorded))
        return counted


def _played(terminal: Pty) -> Iterator[tuple[str, int]]:
    terminal.until_text("CONNECTED  beat 0 s ago")
    terminal.settle(QUIET)
    yield "start to first full paint", len(terminal.raw)
    for name, do in actions():
        before = len(terminal.raw)
        do(terminal)
        if name.startswith("idle"):
            terminal.pump(1.0)
        terminal.settle(QUIET)
        yield name, len(terminal.raw) - before


def replayed(module: str, frames: list[str], term: str) -> list[int]:
    """Another painter fed with the frames: the bytes for each."""
    with tempfile.TemporaryDirectory() as folder:
        done = Path(folder) / "done"
        done.touch()
        environ = {"TERM": term, "BENCH_DONE": str(done)}
        with Pty([sys.executable, "-m", module], orders=True, environ=environ) as terminal:
            counts = []
            for number, frame in enumerate(frames, 1):
                before = len(terminal.raw)
                terminal.order(frame)
                terminal.until(lambda wanted=number: done.read_text().count("frame") >= wanted, 20, "a frame")
                terminal.settle(0.1)
                counts.append(len(terminal.raw) - before)
            return counts


def last_frames(path: Path, recorded: list[int]) -> list[str]:
    """The frame that stood at the end of each action, without its figures."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [json.dumps({key: lines[count - 1][key] for key in ("rows", "cursor")}) for count in recorded]
