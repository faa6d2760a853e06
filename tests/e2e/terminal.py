"""A terminal for tests: a real pty with a real program, read back through an emulator."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from emulator import ByteStream, Emulator
from forked import Forked

__all__ = ["KEYS", "Terminal"]

KEYS = {
    "F1": "\x1bOP",
    "F2": "\x1bOQ",
    "F3": "\x1bOR",
    "F4": "\x1bOS",
    "F5": "\x1b[15~",
    "F6": "\x1b[17~",
    "F10": "\x1b[21~",
    "Enter": "\r",
    "Tab": "\t",
    "BackTab": "\x1b[Z",
    "Esc": "\x1b",
    "Up": "\x1b[A",
    "Down": "\x1b[B",
    "Right": "\x1b[C",
    "Left": "\x1b[D",
    "Space": " ",
    "Backspace": "\x7f",
}


def _highlighted(text: str) -> str:
    """The entry of the menu that has the mark; "" in a half painted picture."""
    marked = (row[1:19] for row in text.splitlines() if row.startswith(">"))
    return next(marked, "").rstrip(" ~0123456789").strip()


class Terminal:
    """Runs `argv` on a pty of `rows` by `columns`. `raw` has every byte the program wrote."""

    def __init__(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        *,
        rows: int = 24,
        columns: int = 80,
        forked: bool = True,
    ) -> None:
        self.screen = Emulator(columns, rows)
        self._stream = ByteStream(self.screen)
        self.raw = bytearray()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = Forked(
            argv, forked=forked, terminal=True, stdin=slave, stdout=slave, stderr=slave, env=dict(environ)
        )
        os.close(slave)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the program must end by itself, and is killed if it does not."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(60)

    @property
    def text(self) -> str:
        """The screen as it stands now."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def send(self, *keys: str | bytes) -> None:
        """Type text, or a key by its name in KEYS, or bytes as they are."""
        for key in keys:
            os.write(self._master, key if isinstance(key, bytes) else KEYS.get(key, key).encode())

    def wait_for(self, wanted: str | Callable[[str], bool], limit: float = 60.0) -> str:
        """Read until the screen holds `wanted`; the screen. Fails with what stood there instead."""
        holds = wanted if callable(wanted) else (lambda text: wanted in text)
        deadline = time.monotonic() + limit
        while not holds(self.text):
            left = deadline - time.monotonic()
            assert left > 0, f"waited {limit} s in vain for {wanted!r}:\n{self.text}"
            assert self._read(left), f"the program ended before {wanted!r}:\n{self.text}"
        return self.text

    def go_down_to(self, name: str) -> None:
        """Press Down in the console's menu until this entry is the highlighted one."""
        for _ in range(self.screen.lines):
            at = _highlighted(self.wait_for(_highlighted))
            if at == name:
                return
            self.send("Down")
            self.wait_for(lambda text, at=at: _highlighted(text) not in {"", at})
        raise AssertionError(f"no {name} in the menu:\n{self.text}")

    def tab_to(self, label: str) -> None:
        """Press Tab in a form until the mark stands between this label and its field."""
        self.tab_until(lambda text: re.search(rf"{label} *>", text) is not None)

    def tab_until(self, holds: Callable[[str], bool]) -> None:
        """Press Tab in a form, and look after each when the mark has moved."""
        for _ in range(self.screen.lines):
            if holds(self.text):
                return
            before = (self.text, self.screen.cursor.x, self.screen.cursor.y)
            self.send("Tab")
            self.wait_for(lambda text, at=before: (text, self.screen.cursor.x, self.screen.cursor.y) != at)
            self.settle(0.2)
        raise AssertionError(f"no such field to go to:\n{self.text}")

    def settle(self, quiet: float = 0.3, limit: float = 10.0) -> str:
        """Read until nothing came for `quiet` seconds; the screen."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline and select.select([self._master], [], [], quiet)[0]:
            if not self._read(0):
                break
        return self.text

    def wait_for_end(self, limit: float = 60.0) -> int:
        """Read until the program ends; its exit status."""
        deadline = time.monotonic() + limit
        while self._read(max(0.0, deadline - time.monotonic())):
            assert time.monotonic() < deadline, f"still running:\n{self.text}"
        return self.process.wait(max(1.0, deadline - time.monotonic()))

    def _read(self, limit: float) -> bool:
        """Feed what comes within `limit` seconds to the emulator; False at the end of the program."""
        if not select.select([self._master], [], [], limit)[0]:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)
