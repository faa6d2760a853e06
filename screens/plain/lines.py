"""Lines in and out of a terminal or a pipe that stays as it is: no cursor, no colour, one thing a line."""

import asyncio
import os
import sys
import termios
from collections import deque
from collections.abc import Iterable, Sequence

import click

from tm_tui.cli.hidden import Hidden, HiddenLine
from tm_tui.clock import Clock, SystemClock, wait_until

__all__ = ["Ended", "Lines", "LoggedOut"]

_AT_ONCE = 4096
_LONGEST = 65_536


class Ended(Exception):
    """Nobody types any more: the line was hung up, or the input ended."""


class LoggedOut(Ended):
    """Nobody typed a line for so many minutes."""

    def __init__(self, minutes: int) -> None:
        super().__init__()
        self.minutes = minutes


class Lines:
    """Asks on standard output, and reads whole lines of `descriptor` without holding up the event loop."""

    def __init__(self, descriptor: int | None = None, clock: Clock | None = None) -> None:
        self.idle_minutes = 0
        """Minutes without a line after which nobody is thought to be there; 0: never."""
        self._clock = clock or SystemClock()
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        self._rest = b""
        self._whole: deque[str] = deque()
        self._ended = False

    def say(self, *lines: str) -> None:
        """Print lines."""
        for line in lines:
            click.echo(line.rstrip())

    def say_all(self, lines: Iterable[str]) -> None:
        """Print lines."""
        self.say(*lines)

    async def ask(self, prompt: str) -> str:
        """Print a prompt and return the line that is typed. Raises Ended."""
        click.echo(f"{prompt}: ", nl=False)
        sys.stdout.flush()
        return await self._line()

    async def ask_hidden(self, prompt: str) -> str:
        """The same without an echo, for passwords. Raises Ended."""
        try:
            hidden = Hidden(self._descriptor)
        except termios.error:  # a pipe echoes nothing
            typed = await self.ask(prompt)
        else:
            with hidden.held():
                click.echo(f"{prompt}: ", nl=False)
                sys.stdout.flush()
                typed = await self._hidden_line(hidden.line())
        click.echo()
        return typed

    async def _hidden_line(self, line: HiddenLine) -> str:
        """What was typed ahead before the prompt, then byte by byte: what follows stays in the terminal."""
        if self._whole:
            return self._whole.popleft()
        ahead, self._rest = self._rest, b""
        for byte in ahead:
            line.feed(byte)
        while not line.ended:
            read = await self._read(1)
            self._ended = not read
            if self._ended:
                raise Ended
            line.feed(read[0])
        self._ended = line.abandoned
        if self._ended:
            raise Ended
        return line.text

    async def choose(self, prompt: str, labels: Sequence[str], *, kept: str) -> int | None:
        """Number the labels and return the index of the chosen one; None for an empty line: `kept`.

        Raises Ended.
        """
        for number, label in enumerate(labels, 1):
            self.say(f"  {number}  {label}")
        while True:
            typed = (await self.ask(f"{prompt} (Enter: {kept})")).strip()
            if not typed:
                return None
            if typed.isascii() and typed.isdigit() and 1 <= int(typed) <= len(labels):
                return int(typed) - 1
            self.say(
                f"There is no choice {typed[:20]!r}: type a number from 1 to {len(labels)}, or only Enter."
            )

    async def _in_time(self, ready: asyncio.Event) -> None:
        """Wait for input, as long as the settings let an unattended console wait. Raises LoggedOut."""
        if not self.idle_minutes:
            await ready.wait()
            return
        end = self._clock.monotonic() + self.idle_minutes * 60.0
        if not await wait_until(self._clock, end, ready):
            raise LoggedOut(self.idle_minutes)

    async def _line(self) -> str:
        while not self._whole:
            if self._ended:
                raise Ended
            self._take(await self._read())
        return self._whole.popleft()

    async def _read(self, most: int = _AT_ONCE) -> bytes:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        try:
            loop.add_reader(self._descriptor, ready.set)
        except PermissionError:  # a file, which is always ready
            ready.set()
        try:
            await self._in_time(ready)
        finally:
            loop.remove_reader(self._descriptor)
        try:
            return os.read(self._descriptor, most)
        except OSError:  # a lost carrier reads as an error of the terminal
            return b""

    def _take(self, data: bytes) -> None:
        if not data:
            self._ended = True
            data = b"\n" if self._rest else b""
        *whole, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:_LONGEST]
        self._whole += (line.decode("utf-8", "replace").rstrip("\r") for line in whole)
