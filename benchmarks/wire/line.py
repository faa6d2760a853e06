"""A key's way over a slow line: seconds from the key to its effect on the terminal, while log lines come.

python -m benchmarks.wire.line [--bauds 9600 19200 115200] [--rates 0 1 10 50] [--keys 12] [--kinds ours
stock]

The line is simulated: the terminal's side takes no more bytes from the pty than the line carries (ten bits a
byte) and answers a status report when it has come to it.
"""

from __future__ import annotations

import argparse
import os
import select
import statistics
import sys
import time

from benchmarks.wire.story import log_line
from tests.wire.ptys import Pty

_TICK = 0.01
_GIVE_UP = 40.0


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


def measure(kind: str, baud: int, rate: int, keys: int) -> tuple[float, list[float]]:
    """Seconds to the first usable screen, and of each key to its effect."""
    environ = {"TERM": "vt100", "TEXTUAL_THEME": "ansi-dark"}
    with SlowPty([sys.executable, "-m", "tests.wire.sample", kind], orders=True, environ=environ) as terminal:
        begin = terminal.started = time.monotonic()
        terminal.rate = baud / 10
        terminal.until(lambda: "CONNECTED  beat 0" in terminal.text(), 60, "the first screen")
        first = time.monotonic() - begin
        for key in ("\x1b[B", "\x1b[B", "\r", "\t"):
            terminal.type(key)
            terminal.settle(0.3, 20)
        log = LogFlow(terminal, rate)
        log.during(1.5)
        seconds = [log.key("abcdefghijklmnopqrstuvwxyz"[number % 26]) for number in range(keys)]
        return first, seconds


class LogFlow:
    """Log lines at a steady rate while keys are timed."""

    def __init__(self, terminal: SlowPty, rate: int) -> None:
        self.terminal, self.rate = terminal, rate
        self.begin, self.sent = time.monotonic(), 0

    def step(self) -> None:
        """Order the lines that are due and let the line work."""
        due = int((time.monotonic() - self.begin) * self.rate)
        while self.sent < due:
            self.terminal.order(f"log {log_line(self.sent)}")
            self.sent += 1
        self.terminal.pump(_TICK)

    def during(self, seconds: float) -> None:
        """Go on for so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()

    def key(self, sign: str) -> float:
        """Seconds from typing a character to seeing it."""
        row = next((y for y in range(24) if "logs.example.com" in self.terminal.screen.display[y]), 0)
        wanted = self.terminal.screen.display[row].rstrip() + sign
        begin = time.monotonic()
        self.terminal.type(sign)
        while not self.terminal.screen.display[row].startswith(wanted):
            if time.monotonic() - begin > _GIVE_UP:
                return _GIVE_UP
            self.step()
        taken = time.monotonic() - begin
        self.during(0.5)
        return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bauds", type=int, nargs="+", default=[9600, 19200, 115200])
    parser.add_argument("--rates", type=int, nargs="+", default=[0, 1, 10, 50])
    parser.add_argument("--keys", type=int, default=12)
    parser.add_argument("--kinds", nargs="+", default=["ours", "stock"])
    chosen = parser.parse_args()
    print(f"{'':8}{'baud':>8}{'lines/s':>9}{'first screen':>14}{'key median':>12}{'worst':>8}  seconds")
    for kind in chosen.kinds:
        for baud in chosen.bauds:
            for rate in chosen.rates:
                first, seconds = measure(kind, baud, rate, chosen.keys if kind == "ours" else 2)
                print(
                    f"{kind:8}{baud:8}{rate:9}{first:14.2f}{statistics.median(seconds):12.2f}{max(seconds):8.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
