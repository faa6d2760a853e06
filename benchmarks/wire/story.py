"""The same story told to every way of painting: one action after the other, and the bytes that each wrote."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from screens.desk import menu
from tests.wire.ptys import Pty

QUIET = 0.4
REST = 2.5
"""Seconds that a mark rests before its page is shown; long, so that each action is counted alone."""
DOWN, UP, ENTER, TAB, ESCAPE = "\x1b[B", "\x1b[A", "\r", "\t", "\x1b"
F1, F3, F4 = "\x1bOP", "\x1bOR", "\x1bOS"
_EVENTS = ("threat event accepted from", "root cause accepted from", "batch sealed for", "beat accepted by")
_STEPS = 24


def log_line(number: int) -> str:
    """A log line; with its time of day it has 46 characters on average."""
    return f"{_EVENTS[number % 4]} host-{number * 37 % 997:03}"


def downs(start: str, end: str) -> int:
    """How many times Down leads from one entry of the menu to another."""
    names = [entry.name for entry in menu.entries()]
    return names.index(end) - names.index(start)


Action = tuple[str, Callable[[Pty], None]]


def keys(name: str, *typed: str) -> list[Action]:
    """An action for each of these keys."""
    return [(name, lambda terminal, text=text: terminal.type(text)) for text in typed]


def orders(name: str, *ordered: str) -> list[Action]:
    """An action for each thing that the agent does."""
    return [(name, lambda terminal, text=text: terminal.order(text)) for text in ordered]


def logs(name: str, start: int, count: int) -> list[Action]:
    """Log lines, each an action."""
    return orders(name, *(f"log {log_line(number)}" for number in range(start, start + count)))


def rests(name: str) -> list[Action]:
    """Nothing is typed until the console has shown what belongs to the place."""
    return [(name, lambda terminal: terminal.pump(3 * REST) and None)]


def actions() -> list[Action]:
    """Name and doing of each action; names that repeat are averaged."""
    return [
        *orders("tick on the Status page", *["second"] * 4),
        *keys("menu down", DOWN),
        *rests("page beside the menu"),
        *orders("tick, 1 counter", *["second"] * 4),
        *orders("a new unit", "status 0"),
        *orders("tick, 3 values", *(f"status {number}" for number in range(1, 5))),
        *keys("menu to form", ENTER),
        *rests("help of a field"),
        *keys("Tab to the next field", *[TAB] * 4),
        *rests("help of a field"),
        *orders("a new beat", "beat 20"),
        *orders("tick, 1 counter, in a field", *["second"] * 4),
        *orders("a new unit", "status 4"),
        *orders("tick, 3 values, in a field", *(f"status {number}" for number in range(5, 9))),
        *keys("Tab to the next field", *[TAB] * 2),
        *rests("help of a field"),
        *keys("type the first character", "a"),
        *keys("type a character", *"bcdef"),
        *keys("start the test", F3),
        *orders("step of the test", *["step"] * _STEPS),
        *keys("help", F1),
        *keys("help closed", ESCAPE),
        *keys("form to menu, with its test", F4),
        *keys("menu to form, with its test", ENTER),
        *rests("help of a field"),
        *keys("test put away", ESCAPE),
        *keys("dialog", ESCAPE),
        *keys("Tab in the dialog", TAB),
        *keys("form to menu (Discard)", ENTER),
        *keys("menu down", *[DOWN] * downs("TMSP", "Activity")),
        *rests("page beside the menu"),
        *logs("log line beside the menu", 0, 20),
        *keys("Activity opened", ENTER),
        *logs("log line, Activity opened", 20, 20),
        *keys("Activity to menu", F4),
        *keys("menu down", *[DOWN] * downs("Activity", "About")),
        *rests("page beside the menu"),
        *keys("menu up", *[UP] * downs("Status", "About")),
        *rests("page beside the menu"),
        ("idle, a second", lambda terminal: terminal.pump(1.0) and None),
    ]


def console(kind: str, frames: Path | None, term: str) -> list[tuple[str, int, int]]:
    """The story on a console: action, bytes, and how many frames were recorded by then."""
    environ = {"TERM": term, "BENCH_REST": str(REST)}
    module = "tests.wire.real"
    if frames is not None:
        module, environ["BENCH_FRAMES"] = "benchmarks.wire.recording", str(frames)
    with Pty([sys.executable, "-m", module, kind], orders=True, environ=environ) as terminal:
        counted = []
        for name, count in _played(terminal):
            recorded = len(frames.read_text().splitlines()) if frames is not None else 0
            counted.append((name, count, recorded))
        return counted


def _played(terminal: Pty) -> Iterator[tuple[str, int]]:
    terminal.until_text("beat 12 s ago")
    terminal.settle(QUIET)
    yield "start to first full paint", len(terminal.raw)
    for name, do in actions():
        before = len(terminal.raw)
        do(terminal)
        if name != "idle, a second":
            # The console looks at its clock once a second; Esc could be the beginning of a key's code.
            terminal.pump(1.5)
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
                terminal.settle(0.05)
                counts.append(len(terminal.raw) - before)
            return counts


def last_frames(path: Path, recorded: list[int]) -> list[str]:
    """The frame that stood at the end of each action, without its figures."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [json.dumps({key: lines[count - 1][key] for key in ("rows", "cursor")}) for count in recorded]


def cells_changed(frames: list[str]) -> list[int]:
    """How many cells differ from the frame before, of the first from an empty screen."""
    counts = []
    before = [[[" ", 0]] * 80] * 24
    for frame in frames:
        rows = json.loads(frame)["rows"]
        counts.append(
            sum(
                cell != was
                for row, old in zip(rows, before, strict=True)
                for cell, was in zip(row, old, strict=True)
            )
        )
        before = rows
    return counts
