"""A serial line for tests: two ptys joined by socat, console at one end, terminal program at the other."""

import contextlib
import fcntl
import os
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

__all__ = ["TERMINAL_PROGRAMS", "line", "on_line"]

TERMINAL_PROGRAMS: dict[str, tuple[tuple[str, ...], int]] = {
    "picocom": (("picocom", "--quiet", "--noinit", "--noreset"), 24),
    "minicom": (("minicom", "-o", "-D"), 25),
}
"""Words before the device, and rows of the terminal that it runs on: minicom keeps one for itself."""


@contextlib.contextmanager
def line(folder: Path) -> Iterator[tuple[Path, Path]]:
    """The two ends of a line, as device names; what is written to one is read from the other."""
    ours, theirs = folder / "console", folder / "terminal"
    joined = subprocess.Popen(
        ("socat", f"PTY,link={ours},echo=0,icanon=0", f"PTY,link={theirs},raw,echo=0"),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 20
        while not (ours.exists() and theirs.exists()):
            assert joined.poll() is None, "socat ended"
            assert time.monotonic() < deadline, "socat made no line"
        yield ours, theirs
    finally:
        joined.terminate()
        joined.wait(60)


@contextlib.contextmanager
def on_line(
    argv: Sequence[str], device: Path, environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program as getty would: leader of a session whose terminal is the line, of a size nobody set."""
    descriptor = os.open(device, os.O_RDWR | os.O_NOCTTY)
    assert os.get_terminal_size(descriptor) == (0, 0)

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        argv,
        stdin=descriptor,
        stdout=descriptor,
        stderr=descriptor,
        env=dict(environ),
        start_new_session=True,
        preexec_fn=take_terminal,  # noqa: PLW1509 - one ioctl; the tests start no threads
    )
    os.close(descriptor)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
