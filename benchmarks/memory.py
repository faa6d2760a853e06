"""How much memory the console takes, beside a bare Textual app and a bare Python.

`python -m benchmarks.memory`: on a pty of 80x24 with an agent running: after the start, and after every
screen was opened, help and palette shown and a connection test run. MB are 1,000,000 bytes; PSS counts a
page that others use too as a share only.
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from benchmarks.startup import BARE, COMMAND, agent
from screens.desk.menu import ENTRIES

_QUIET = 0.7
_LIMIT = 30.0
_UP, _DOWN, _ENTER, _ESC = "\x1b[A", "\x1b[B", "\r", "\x1b"
_MENU, _HELP, _PALETTE, _TEST = "\x0f", "\x07", "\x10", "\x14"


class Program:
    """A program on a pty."""

    def __init__(self, argv: Sequence[str], environ: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
        )
        os.close(slave)

    def __enter__(self) -> "Program":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._master)  # a hang-up
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        self._process.kill()
        self._process.wait()

    def until(self, wanted: bytes) -> None:
        """Read until it says this, and then is quiet."""
        said, end = b"", time.monotonic() + _LIMIT
        while wanted not in said or select.select([self._master], [], [], _QUIET)[0]:
            if time.monotonic() > end:
                raise SystemExit(f"{wanted!r} did not come: {said[-500:]!r}")
            if select.select([self._master], [], [], _QUIET)[0]:
                said += os.read(self._master, 65536)

    def press(self, *keys: str) -> None:
        """Press keys, and wait after each until nothing more comes."""
        for key in keys:
            os.write(self._master, key.encode())
            self.until(b"")

    def figures(self) -> str:
        """Resident now and at most, and the proportional share."""
        folder = Path(f"/proc/{self._process.pid}")
        status = (folder / "status").read_text() + (folder / "smaps_rollup").read_text()
        rss, most, pss = (
            int(re.findall(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)[0]) * 1024 / 1e6
            for name in ("VmRSS", "VmHWM", "Pss")
        )
        return f"RSS {rss:5.1f} MB   peak {most:5.1f} MB   PSS {pss:5.1f} MB"


def main() -> None:
    """Measure and print."""
    with agent() as environ:
        python = "import time; print('there', flush=True); time.sleep(99)"
        for name, argv, wanted in (
            ("bare Python", (sys.executable, "-c", python), b"there"),
            ("bare Textual app", (sys.executable, "-c", BARE), b"nothing but this"),
        ):
            with Program(argv, environ) as program:
                program.until(wanted)
                print(f"{name:24} {program.figures()}")
        with Program((COMMAND,), environ) as program:
            program.until(b"DISABLED")
            print(f"{'console, started':24} {program.figures()}")
            for _ in ENTRIES[1:]:
                program.press(_DOWN, _ENTER, _HELP, _ESC, _MENU)
            program.press(_PALETTE, _ESC, *[_UP] * len(ENTRIES), _DOWN, _ENTER, _TEST)
            print(f"{'console, all visited':24} {program.figures()}")


if __name__ == "__main__":
    main()
