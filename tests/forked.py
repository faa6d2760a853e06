"""Our programs as children of a process that has imported everything: to start one takes no second.

`Forked` is a `subprocess.Popen` for `tm-tui`, and for our modules and pieces of Python. Started as ever is
what is none of these, what says `forked=False`, and what has another environment where an interpreter looks
before our code does: a locale that is not UTF-8, variables of Python's or Textual's. What /proc shows as a
child's command line and environment are the nursery's.
"""

import atexit
import fcntl
import functools
import json
import os
import select
import socket
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["COMMAND", "LARGEST", "MOST", "Forked", "run", "take_terminal"]

COMMAND = str(Path(sys.executable).with_name("tm-tui"))
LARGEST, MOST = 1 << 17, 16
"""Bytes and descriptors of an order to the nursery."""

_TESTS = Path(__file__).parent
_READ_EARLY = ("LANG", "LC_", "PYTHON", "TEXTUAL")
_NO_MATTER = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "TEXTUAL_SNAPSHOT_TEMPDIR"}
_ENDS = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_GIVEN = (
    *("executable", "preexec_fn", "close_fds", "pass_fds", "cwd", "env", "startupinfo", "creationflags"),
    "shell",
    *(*_ENDS, "restore_signals", "gid", "gids", "uid", "umask", "start_new_session", "process_group"),
)  # fmt: skip
"""What Popen tells of a child, in its order."""


class Forked(subprocess.Popen[Any]):
    """A program that is forked where that can be; `terminal`: its standard input becomes its terminal."""

    def __init__(
        self, args: Sequence[str | Path], *, forked: bool = True, terminal: bool = False, **more: Any
    ) -> None:
        words = [str(word) for word in args]
        self._status: int | None = None
        self._told = b""
        self._terminal = terminal
        ours = words[0] == COMMAND or (words[0] == sys.executable and len(words) > 2)
        self._forks = forked and ours and _is_usual(more.get("env") or os.environ)
        if terminal:
            more["start_new_session"] = True
            if not self._forks:
                more["preexec_fn"] = take_terminal
        super().__init__(words, **more)

    def _execute_child(self, args: Any, *more: Any) -> None:  # type: ignore[override]
        """Have it forked. The order of the words is that of Popen's own."""
        given = dict(zip(_GIVEN, more, strict=True))
        if not self._forks:
            super()._execute_child(args, *more)  # type: ignore[misc]
            return
        environ = {str(name): str(value) for name, value in (given["env"] or os.environ).items()}
        order = {
            "argv": args,
            "env": environ,
            "cwd": str(given["cwd"] or Path.cwd()),
            "session": given["start_new_session"],
            "terminal": self._terminal,
            "numbers": [0, 1, 2, *given["pass_fds"]],
        }
        ends = [
            given[name] if given[name] >= 0 else number
            for number, name in enumerate(("p2cread", "c2pwrite", "errwrite"))
        ]
        self._status, told = os.pipe()
        try:
            _nursery().start(order, [told, *ends, *given["pass_fds"]])
        finally:
            os.close(told)
        self.pid = int(self._line(None) or b"0")
        assert self.pid, "the nursery is gone"
        self._child_created = True
        self._close_pipe_fds(*(given[name] for name in _ENDS))

    def _line(self, limit: float | None) -> bytes:
        """The next line that is told of it; nothing if none came in time."""
        assert self._status is not None
        while b"\n" not in self._told:
            if limit is not None and not select.select([self._status], [], [], limit)[0]:
                return b""
            if not (part := os.read(self._status, 64)):
                return b"9"  # the nursery was killed, and its children with it
            self._told += part
        line, _, self._told = self._told.partition(b"\n")
        return line

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if not self._forks:
            return super()._try_wait(wait_flags)  # type: ignore[misc, no-any-return]
        line = self._line(0 if wait_flags & os.WNOHANG else None)
        if not line:
            return 0, 0
        assert self._status is not None
        os.close(self._status)
        return self.pid, int(line)

    def _internal_poll(self, *words: Any, **more: Any) -> int | None:
        if not self._forks:
            return super()._internal_poll(*words, **more)  # type: ignore[misc, no-any-return]
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):
            try:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)
            finally:
                self._waitpid_lock.release()
        return self.returncode


def run(
    args: Sequence[str | Path], *, stdin: Any = None, timeout: float | None = None, **more: Any
) -> "subprocess.CompletedProcess[Any]":
    """Run a program to its end; `stdin` is what it reads there, its output is kept."""
    given = subprocess.PIPE if stdin is not None else subprocess.DEVNULL
    with Forked(args, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more) as process:
        try:
            out, err = process.communicate(stdin, timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(args, process.returncode, out, err)


def take_terminal() -> None:
    """Make the standard input this session's terminal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _is_usual(environ: Mapping[str, str]) -> bool:
    """Whether an interpreter finds what the nursery's found."""
    locales = [environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)]
    utf8 = all(locale.lower().replace("-", "").endswith(".utf8") for locale in locales)
    early = {name for name in environ if name.startswith(("PYTHON", "TEXTUAL")) and name not in _NO_MATTER}
    return bool(locales) and utf8 and not early


class _Nursery:
    """A process that forks others to order."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_READ_EARLY)}
        environ = {**kept, "LANG": "C.UTF-8", "PYTHONPATH": f"{_TESTS}{os.pathsep}{_TESTS.parent}"}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nursery"], stdin=theirs, env=environ, start_new_session=True
            )

    def start(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """Have one forked: its ends, and where to tell of it."""
        data = json.dumps(order).encode()
        assert len(data) < LARGEST
        socket.send_fds(self._orders, [data], descriptors)

    def close(self) -> None:
        """End it, and what it started."""
        self._orders.close()
        self._process.wait()


@functools.cache
def _nursery() -> _Nursery:
    nursery = _Nursery()
    atexit.register(nursery.close)
    return nursery
