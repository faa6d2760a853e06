"""`tm-tui demo`, as its users run it."""

import json
import os
import signal
import subprocess

from e2e.lab import COMMAND, processes_with, short_folder

PATTERN = (
    "pattern 1 verified, 3 endpoints cleaned (one after a retry), 1 failed;"
    " custom cleanup run again on ward-01; 8 events"
)
"""Issued at the portal, announced, verified, deployed by a real command, told at the portal again."""


def test_story_holds_and_leaves_nothing() -> None:
    """Without a terminal the demo tells its whole story, ends with 0, and leaves no file and no process."""
    with short_folder() as folder:
        environ = {**os.environ, "TMPDIR": str(folder)}
        done = subprocess.run(
            (COMMAND, "demo", "--json"),
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        steps = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(steps) >= 9
        assert all(step["ok"] for step in steps)
        assert any(step["detail"].startswith(PATTERN) for step in steps)
        assert list(folder.iterdir()) == []
        assert processes_with(str(folder)) == []


def test_a_broken_step_fails() -> None:
    """When the portal dies in the middle, the demo says which step did not hold and ends with 1."""
    with short_folder() as folder:
        environ = {**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
        demo = subprocess.Popen(
            (COMMAND, "demo"),
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert demo.stdout is not None
        with demo.stdout:
            assert demo.stdout.readline().startswith("ok")
            for pid in processes_with("/portal"):
                if str(folder).encode() in _command_line(pid) and b"portal" in _command_line(pid):
                    os.kill(pid, signal.SIGKILL)
            rest = demo.stdout.read()
        assert demo.wait(60) == 1
        assert "FAIL" in rest
        assert list(folder.iterdir()) == []
        assert processes_with(str(folder)) == []


def _command_line(pid: int) -> bytes:
    with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123 - a process may be gone: let it raise
        return file.read()
