"""Random keys typed at every pace, compared with the same keys typed one by one with the screen at rest.

A long campaign: python -m benchmarks.key_order N --seed S.
"""

import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from screens.desk import menu
from tests.wire.ptys import Pty
from tests.wire.screens_of import pyte_cells

__all__ = ["KEYS", "PACES", "Differs", "Play", "Typing", "compare", "play", "slowly", "typing_of"]

PACES = ("at once", "1 ms", "3 ms", "8 ms", "20 ms", "60 ms", "after a stop", "from the first byte")
_AT_REST = 0.25
_BETWEEN = 0.1
"""Seconds without output after which the next key is typed, where keys are waited for."""
_LIMIT = 20.0
_SIZES = ((80, 24), (80, 24), (60, 18), (120, 40))
_TERMS = ("vt100", "xterm", "linux")

KEYS = {
    "Enter": "\r", "Tab": "\t", "BackTab": "\x1b[Z", "Esc": "\x1b", "Space": " ", "Backspace": "\x7f",
    "Up": "\x1b[A", "Down": "\x1b[B", "Right": "\x1b[C", "Left": "\x1b[D", "Home": "\x1b[1~",
    "End": "\x1b[4~", "PageUp": "\x1b[5~", "PageDown": "\x1b[6~", "Delete": "\x1b[3~",
    "F1": "\x1bOP", "F2": "\x1bOQ", "F3": "\x1bOR", "F4": "\x1bOS", "F5": "\x1b[15~", "F6": "\x1b[17~",
    "F10": "\x1b[21~", "^A": "\x01", "^E": "\x05", "^G": "\x07", "^K": "\x0b", "^L": "\x0c", "^O": "\x0f",
    "^P": "\x10", "^R": "\x12", "^U": "\x15", "^W": "\x17", "^X": "\x18",
    "^Y": "\x19", "^F": "\x06", "^D": "\x04",
}  # fmt: skip
_WEIGHTS = dict.fromkeys(KEYS, 1) | {
    "Enter": 9, "Tab": 7, "BackTab": 3, "Esc": 5, "Space": 3, "Backspace": 2, "Up": 4, "Down": 6, "Right": 3,
    "Left": 2, "F1": 2, "F2": 4, "F3": 2, "F4": 2, "F6": 2, "^P": 2,
}  # fmt: skip
_TEXTS = ("alice", "S3cret!", "10.0.0.7", "x", "host-7", "/", "n", "443", "a@b.example", "-", "b 2")
_PASTES = ("portal.example.com", "pasted ", "\nfirst", "one\ntwo", "7")
_DANGLING = "[OP]X^_"
"""Behind an Esc in the same moment they are the begin of a sequence, and nobody can tell them apart."""


@dataclass(frozen=True)
class Typing:
    """What is typed, key by key, on which terminal, and how late the agent answers."""

    keys: tuple[str, ...]
    term: str
    size: tuple[int, int]
    lag: float

    def __str__(self) -> str:
        names = {code: name for name, code in KEYS.items()}
        words = " ".join(names.get(key, repr(key)) for key in self.keys)
        return f"{self.term} {self.size[0]}x{self.size[1]}, answers after {self.lag * 1000:.0f} ms: {words}"


@dataclass(frozen=True)
class Play:
    """What a console shows at the end, and what it was told."""

    ended: int | None
    shown: str
    cells: Any
    facts: Any


class Differs(AssertionError):
    """The same keys, another outcome."""


def typing_of(seed: int) -> Typing:
    """A random session: pages opened by menu or palette, fields, lists, questions."""
    chance = random.Random(seed)
    keys: list[str] = []
    for _ in range(chance.randrange(6, 26)):
        keys += _some(chance)
    for at in range(1, len(keys)):
        if keys[at - 1] == KEYS["Esc"] and keys[at] in _DANGLING:
            keys[at] = "x"
    size, term = chance.choice(_SIZES), chance.choice(_TERMS)
    return Typing(tuple(keys), term, size, chance.choice((0.0, 0.01, 0.04)))


def _some(chance: random.Random) -> list[str]:
    kind = chance.random()
    if kind < 0.12:
        name = chance.choice(menu.entries()).path
        return [KEYS["^P"], *name.lower(), KEYS["Enter"]]
    if kind < 0.2:
        return [KEYS["Down"]] * chance.randrange(1, 9) + [KEYS["Enter"]]
    if kind < 0.4:
        return list(chance.choice(_TEXTS))
    if kind < 0.45:
        return [f"\x1b[200~{chance.choice(_PASTES)}\x1b[201~"]
    [name] = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
    return [KEYS[name]]


class _Console(Pty):
    """The console of `keyed` on a pty."""

    def __init__(self, typing: Typing, folder: Path) -> None:
        environ = {"TERM": typing.term, "KEYED_LAG": str(typing.lag), "TZ": "UTC"}
        command = [sys.executable, "-m", "tests.wire.keyed"]
        super().__init__(command, environ=environ, size=typing.size, orders=True, folder=folder)
        self._asked = 0

    def play(self) -> Play:
        """How it stands now."""
        self._asked += 1
        with contextlib.suppress(BrokenPipeError):
            self.order(f"tell {self._asked}")
        end = time.monotonic() + _LIMIT
        while self.process.poll() is None and self._told()[0] < self._asked:
            assert time.monotonic() < end, f"does not say what is typed:\n{self.text()}"
            self.pump(0.01)
        told, facts = self._told()
        if told == sys.maxsize or self.process.poll() is not None:
            return Play(self.ends_within(_LIMIT), "", None, facts)
        cursor = self.screen.cursor
        at = None if cursor.hidden else (cursor.y, cursor.x)
        shown = "\n".join([*self.screen.display, f"cursor at {at}"])
        return Play(None, shown, (pyte_cells(self.screen), at), facts)

    def _told(self) -> tuple[int, Any]:
        if not self.facts_path.exists():
            return 0, None
        number, facts = json.loads(self.facts_path.read_text())
        return number, facts

    def ready(self) -> None:
        """Wait for the first whole screen."""
        self.until_text("beat 12 s ago", _LIMIT)
        self.settle(_AT_REST, _LIMIT)

    def send(self, key: str) -> bool:
        """Type; False when nobody is there any more."""
        if self.process.poll() is None:
            self.type(key)
            return True
        return False

    def stop(self) -> None:
        """Stop the process, and wait until it is."""
        os.kill(self.process.pid, signal.SIGSTOP)
        end = time.monotonic() + _LIMIT
        while Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
            assert time.monotonic() < end


@contextlib.contextmanager
def _console(typing: Typing) -> Iterator[_Console]:
    with tempfile.TemporaryDirectory(prefix="keys") as folder, _Console(typing, Path(folder)) as console:
        yield console


def slowly(typing: Typing) -> Play:
    """Each key once the screen is at rest."""
    with _console(typing) as console:
        console.ready()
        for key in typing.keys:
            if not console.send(key):
                break
            console.settle(_BETWEEN, _LIMIT)
        return _steady(console)


@contextlib.contextmanager
def play(typing: Typing, pace: str) -> Iterator[_Console]:
    """A console in which this was typed at one of PACES."""
    with _console(typing) as console:
        if pace == "from the first byte":
            console.until(lambda: console.raw, _LIMIT)
        else:
            console.ready()
        if pace.endswith(" ms"):
            seconds = int(pace.split(maxsplit=1)[0]) / 1000
            due = time.monotonic()
            for key in typing.keys:
                console.send(key)
                due += seconds
                while (left := due - time.monotonic()) > 0 and console.process.poll() is None:
                    console.pump(left)
        elif pace == "after a stop":
            console.stop()
            console.send("".join(typing.keys))
            os.kill(console.process.pid, signal.SIGCONT)
        else:
            console.send("".join(typing.keys))
        yield console


def compare(typing: Typing, paces: tuple[str, ...] = PACES) -> None:
    """Play it slowly and at these paces. Raises Differs."""
    wanted = slowly(typing)
    for pace in paces:
        with play(typing, pace) as console:
            end = time.monotonic() + _LIMIT
            while (found := _at_rest(console)) != wanted:
                if time.monotonic() > end or console.process.poll() is not None:
                    raise Differs(_difference(typing, pace, wanted, found))


def _steady(console: _Console) -> Play:
    """How it stands once it says the same twice: on a busy machine silence alone is no rest."""
    end = time.monotonic() + _LIMIT
    before, found = None, _at_rest(console)
    while found != before and found.ended is None and time.monotonic() < end:
        before, found = found, _at_rest(console)
    return found


def _at_rest(console: _Console) -> Play:
    console.settle(_AT_REST, _LIMIT)
    return console.play()


def _difference(typing: Typing, pace: str, wanted: Play, found: Play) -> str:
    return (
        f"{pace}: {typing}\n--- slowly ({wanted.ended})\n{wanted.shown}\n{json.dumps(wanted.facts)}\n"
        f"--- {pace} ({found.ended})\n{found.shown}\n{json.dumps(found.facts)}"
    )
