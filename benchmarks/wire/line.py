"""A key's way over a slow line: seconds from the key to its effect on the terminal, while lines come.

python -m benchmarks.wire.line [--bauds 9600 19200 115200] [--rates 0 1 10 50] [--keys 12] [--kinds ours
stock] [--places activity test menu]

The line is simulated: the terminal's side takes no more bytes from the pty than the line carries (ten bits a
byte) and answers a status report when it has come to it. The console is the real one. Lines come in the
Activity page (keys type its filter), in the test pane (keys type into a field above it), or in the Activity
page while keys go up and down the menu. First: `tm-tui` beside a running agent, from its start until the menu
has answered a key.
"""

from __future__ import annotations

import argparse
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.wire.story import DOWN, ENTER, F3, UP, downs, log_line
from screens.desk import menu
from tests.wire.ptys import Pty

if TYPE_CHECKING:
    from collections.abc import Iterator

_TICK = 0.01
_GIVE_UP = 40.0
_COMMAND = str(Path(sys.executable).with_name("tm-tui"))


class SlowPty(Pty):
    """A pty whose other end reads at ``rate`` bytes a second."""

    rate = 960.0
    started = 0.0
    taken = 0

    def pump(self, seconds: float = 0.05) -> bool:
        """Take what the line has carried by now."""
        end = time.monotonic() + seconds
        came = False
        while (now := time.monotonic()) < end:
            allowed = int((now - self.started) * self.rate) - self.taken
            if allowed > 0 and select.select([self.master], [], [], _TICK)[0]:
                data = os.read(self.master, min(allowed, max(1, int(self.rate * _TICK))))
                self.taken += len(data)
                self.take(data)
                came = True
            else:
                if allowed > self.rate * _TICK:
                    # An idle line saves nothing up.
                    self.taken = int((now - self.started) * self.rate) - int(self.rate * _TICK)
                select.select([], [], [], _TICK / 2)
        return came


class Flow:
    """Lines at a steady rate while keys are timed."""

    def __init__(self, terminal: SlowPty, verb: str, rate: int) -> None:
        self.terminal, self.verb, self.rate = terminal, verb, rate
        self.begin, self.sent = time.monotonic(), 0

    def step(self) -> None:
        """Order the lines that are due and let the line work."""
        due = int((time.monotonic() - self.begin) * self.rate)
        while self.sent < due:
            self.terminal.order(f"{self.verb} {log_line(self.sent)}")
            self.sent += 1
        self.terminal.pump(_TICK)

    def during(self, seconds: float) -> None:
        """Go on for so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()

    def key(self, key: str, wanted: str) -> float:
        """Seconds from a key to these words on the screen."""
        begin = time.monotonic()
        self.terminal.type(key)
        while wanted not in self.terminal.text():
            if time.monotonic() - begin > _GIVE_UP:
                return _GIVE_UP
            self.step()
        taken = time.monotonic() - begin
        self.during(0.5)
        return taken


def filtering() -> Iterator[tuple[str, str]]:
    """Keys of the Activity page's filter, which all lines pass, and what each must show."""
    words = "host-"
    while True:
        for count in range(1, len(words) + 1):
            yield words[count - 1], f"Filter: {words[:count]}_"
        for count in range(len(words) - 1, 0, -1):
            yield "\x7f", f"Filter: {words[:count]}_"
        yield "\x7f", "Filter: _"


def typing() -> Iterator[tuple[str, str]]:
    """Keys into the e-mail field."""
    text = "ops@example.com"
    for sign in "abcdefghijklmnopqrstuvwxyz":
        text += sign
        yield sign, f"{text}_"


def moving() -> Iterator[tuple[str, str]]:
    """Down and up the menu."""
    names = [entry.name for entry in menu.entries()]
    while True:
        yield DOWN, f">  {names[names.index('Activity') + 1]}"
        yield UP, ">  Activity"


PLACES = {
    "activity": ((DOWN,) * downs("Status", "Activity") + (ENTER, "/"), "log", filtering),
    "test": ((DOWN, ENTER) + (DOWN,) * 6 + (F3,), "test", typing),
    "menu": ((DOWN,) * downs("Status", "Activity"), "log", moving),
}
"""Keys that lead there, the order that makes a line, and the keys to time with their effects."""


def measure(kind: str, place: str, baud: int, rate: int, keys: int) -> list[float]:
    """Seconds of each key to its effect."""
    way, verb, timed = PLACES[place]
    command = [sys.executable, "-m", "tests.wire.real", kind]
    with SlowPty(command, orders=True, environ={"TERM": "vt100"}) as terminal:
        terminal.started, terminal.rate = time.monotonic(), baud / 10
        terminal.until_text("beat 12 s ago", 30)
        for key in way:
            terminal.type(key)
            terminal.settle(0.3, 20)
        flow = Flow(terminal, verb, rate)
        flow.during(2.0)
        found = timed()
        return [flow.key(*next(found)) for _ in range(keys)]


def first_usable(baud: int) -> float:
    """Seconds from the start of `tm-tui`, beside a running agent, until its menu has answered a key."""
    with running_agent() as home:
        environ = {"TERM": "vt100", "TM_TUI_HOME": str(home)}
        with SlowPty([_COMMAND], environ=environ) as terminal:
            begin = terminal.started = time.monotonic()
            terminal.rate = baud / 10
            pressed = 0.0
            while ">  TMSP" not in terminal.text():
                now = time.monotonic()
                if now - begin > _GIVE_UP:
                    return _GIVE_UP
                if not pressed and ">Status" in terminal.text():
                    pressed = now
                    terminal.type(DOWN)
                terminal.pump(_TICK)
            return time.monotonic() - begin


@contextmanager
def running_agent() -> Iterator[Path]:
    """An agent with a home of its own."""
    with tempfile.TemporaryDirectory(prefix="tm") as folder:
        home = Path(folder)
        environ = {**os.environ, "TM_TUI_HOME": folder}
        with subprocess.Popen((_COMMAND, "agent"), env=environ, stderr=subprocess.PIPE) as agent:
            assert agent.stderr is not None
            while b"serves" not in agent.stderr.readline():
                pass
            try:
                yield home
            finally:
                agent.terminate()
                agent.wait(10)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bauds", type=int, nargs="+", default=[9600, 19200, 115200])
    parser.add_argument("--rates", type=int, nargs="+", default=[0, 1, 10, 50])
    parser.add_argument("--keys", type=int, default=12)
    parser.add_argument("--firsts", type=int, default=3, help="how often the first screen is timed")
    parser.add_argument("--kinds", nargs="*", default=["ours", "stock"])
    parser.add_argument("--places", nargs="+", default=list(PLACES))
    chosen = parser.parse_args()
    for baud in chosen.bauds:
        firsts = [first_usable(baud) for _ in range(chosen.firsts)]
        if firsts:
            median = statistics.median(firsts)
            print(f"{baud} baud: first usable screen {median:.2f} s (worst {max(firsts):.2f})")
    print(f"{'':8}{'':10}{'baud':>8}{'lines/s':>9}{'key median':>12}{'worst':>8}  seconds", flush=True)
    for kind in chosen.kinds:
        for place in chosen.places:
            for baud in chosen.bauds:
                for rate in chosen.rates:
                    seconds = measure(kind, place, baud, rate, chosen.keys if kind == "ours" else 2)
                    print(
                        f"{kind:8}{place:10}{baud:8}{rate:9}"
                        f"{statistics.median(seconds):12.2f}{max(seconds):8.2f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
