"""A real pty with a sample app at its end; every byte is kept, an emulator can read along."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

from tests.emulator import ByteStream, Emulator
from tests.forked import Forked

MOST = 500
"""Columns and rows of the emulator, whatever the kernel says of the window: pyte's cost time."""
ROOT = Path(__file__).parents[2]


class Pty:
    """Runs ``argv`` on a pty. ``answers`` makes it answer DSR and CPR as terminals do."""

    patience = 60.0
    """Seconds that whatever has to come may take: it is there to be reached by faults alone."""

    def __init__(
        self,
        argv,
        *,
        environ=None,
        size=(80, 24),
        answers=True,
        nohup=False,
        orders=False,
        controlling=True,
        forked=True,
        folder: Path | None = None,
    ):
        self.columns, self.rows = (min(size[0], MOST), min(size[1], MOST)) if size[0] else (80, 24)
        self.screen = Emulator(self.columns, self.rows)
        self.stream = ByteStream(self.screen)
        self.raw = bytearray()
        self.answers = answers
        self.mute = False
        self.master, slave = pty.openpty()
        self.slave_name = os.ttyname(slave)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.before = termios.tcgetattr(slave)
        clean = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        env = {**clean, "TERM": "vt100", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), **(environ or {})}
        pass_fds = ()
        self.orders = None
        if orders:
            read, self.orders = os.pipe()
            pass_fds = (read,)
            env["SAMPLE_ORDERS"] = str(read)
        self.facts_path = folder / "facts" if folder else None
        if folder:
            env["SAMPLE_FACTS"] = str(self.facts_path)

        self.process = Forked(
            ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *argv] if nohup else argv,
            forked=forked,
            terminal=controlling,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            pass_fds=pass_fds,
            start_new_session=True,
            cwd=ROOT,
        )
        for fd in pass_fds:
            os.close(fd)
        self.slave = slave

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(60)
        for fd in (self.master, self.slave, self.orders):
            if fd is not None and fd >= 0:
                with contextlib.suppress(OSError):
                    os.close(fd)

    # -- the terminal's side ----------------------------------------------------------------------

    def pump(self, seconds: float = 0.05) -> bool:
        """Take what comes within this time; whether anything came."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        if not data:
            return False
        self.take(data)
        return True

    def take(self, data: bytes) -> None:
        before = len(self.raw)
        self.raw += data
        self.stream.feed(data)
        if self.answers and not self.mute:
            # A question may have come in two parts.
            recent = bytes(self.raw[max(0, before - 3) :])
            for _ in range(recent.count(b"\x1b[5n")):
                self.type("\x1b[0n")
            for _ in range(recent.count(b"\x1b[6n")):
                self.type(f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R")

    def until(self, held, limit: float | None = None, what: str = "it") -> None:
        """Pump until a condition holds."""
        limit = self.patience if limit is None else limit
        end = time.monotonic() + limit
        while not held():
            if time.monotonic() > end:
                raise AssertionError(
                    f"{what} did not come within {limit} s:\n{self.text()}\n{self.raw[-800:]!r}"
                )
            self.pump()

    def until_text(self, text: str, limit: float | None = None) -> None:
        self.until(lambda: text in self.text(), limit, repr(text))

    def settle(self, quiet: float = 0.3, limit: float = 10.0) -> None:
        """Pump until nothing has come for a while."""
        end = time.monotonic() + limit
        while self.pump(quiet):
            if time.monotonic() > end:
                return

    def text(self) -> str:
        return "\n".join(self.screen.display)

    def type(self, keys: str | bytes) -> None:
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def resize(self, columns: int, rows: int, *, tell: bool = True) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.screen.resize(rows, columns)

    def hang_up(self) -> None:
        """The other end goes: nobody holds the master any more."""
        os.close(self.slave)
        os.close(self.master)
        self.slave = self.master = -1

    def order(self, text: str) -> None:
        os.write(self.orders, text.encode() + b"\n")

    def facts(self) -> list[str]:
        return (
            self.facts_path.read_text().splitlines() if self.facts_path and self.facts_path.exists() else []
        )

    def until_fact(self, fact: str, limit: float | None = None) -> None:
        self.until(lambda: fact in self.facts(), limit, fact)

    # -- the process ------------------------------------------------------------------------------

    def modes_are_back(self) -> bool:
        return termios.tcgetattr(self.slave) == self.before

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wake_ups(self) -> int:
        total = 0
        for status in Path(f"/proc/{self.process.pid}/task").glob("*/status"):
            for line in status.read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    total += int(line.split()[1])
        return total

    def ends_within(self, seconds: float | None = None) -> int:
        seconds = self.patience if seconds is None else seconds
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            if self.master >= 0:
                self.pump(0.02)
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.02)
        if self.process.returncode is None:
            raise AssertionError(f"still running after {seconds} s")
        while self.master >= 0 and self.pump(0.02):
            pass
        return self.process.returncode


def sample(kind: str, **keywords) -> Pty:
    """The sample app with our driver ("ours"), ours by name only ("driver"), or Textual's ("stock")."""
    made = Pty([sys.executable, "-m", "tests.wire.sample", kind], **keywords)
    if kind == "stock":
        made.patience = 3.0  # it is there to show what never comes
    return made
