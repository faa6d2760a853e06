"""Children to kill, forked from a process that has imported everything: a campaign takes hundreds of them.

Run as `python -m spooling.nursery`, it reads a line of JSON for each child (spooling.child) and tells on its
standard output `pid N` and `ended STATUS`.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1


class Child:
    """A process that takes events in and delivers them until it is killed or done."""

    def __init__(self, nursery: "Nursery", errors: Path) -> None:
        self._nursery, self._errors = nursery, errors
        self.pid = int(nursery.line(60).removeprefix("pid "))
        self.returncode: int | None = None

    def wait(self, timeout: float) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self.returncode = int(self._nursery.line(timeout).removeprefix("ended "))
        return self.returncode

    def kill(self) -> None:
        """Kill -9."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def errors(self) -> str:
        """What it wrote on its standard error."""
        return self._errors.read_text(errors="replace")


class Nursery:
    """One child at a time."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
        command = [sys.executable, "-m", "spooling.nursery"]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._rest = b""
        self._child: Child | None = None

    def child(self, config: dict[str, Any]) -> Child:
        """Start one, and wait until it is about to work."""
        if self._child is not None and self._child.returncode is None:  # a test that was given up
            self._child.kill()
            self._child.wait(60)
        assert self._process.stdin
        self._process.stdin.write(json.dumps(config).encode() + b"\n")
        self._process.stdin.flush()
        self._child = Child(self, Path(config["errors"]))
        return self._child

    def line(self, timeout: float) -> str:
        """The next line that is told. Raises subprocess.TimeoutExpired."""
        assert self._process.stdout
        descriptor, end = self._process.stdout.fileno(), time.monotonic() + timeout
        while b"\n" not in self._rest:
            if not select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
                raise subprocess.TimeoutExpired("child", timeout)
            part = os.read(descriptor, 4096)
            assert part, "the nursery is gone"
            self._rest += part
        told, _, self._rest = self._rest.partition(b"\n")
        return told.decode()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _tell(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def _run(config: dict[str, Any]) -> None:
    import asyncio
    import traceback

    from spooling import child

    _end_with_parent()
    errors = os.open(config["errors"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(errors, 2)
    try:
        _tell(f"pid {os.getpid()}")
        asyncio.run(child.main(config))
    except BaseException:  # noqa: BLE001 - told to whoever looks into a failed campaign
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Read, fork, wait, tell."""
    for name in ("spooling.child", "tm_tui.delivery.ssh", "tm_tui.delivery.ssl"):
        import_module(name)  # for the children
    _end_with_parent()
    for line in sys.stdin.buffer:
        config = json.loads(line)
        number = os.fork()
        if not number:
            _run(config)
        _, status = os.waitpid(number, 0)
        _tell(f"ended {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main()
