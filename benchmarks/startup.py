"""How soon the console is there: skeleton, live screen and first status, against a bare Textual app.

`python -m benchmarks.startup [ROUNDS]`: on a pty of 80x24, all programs in turn, medians of the rounds,
milliseconds from exec to the byte that is looked for. The bare app is one Static with Textual's own driver,
started by the same interpreter; an agent runs, as on an appliance.
"""

import contextlib
import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["BARE", "COMMAND", "agent", "marks"]

COMMAND = str(Path(sys.executable).with_name("tm-tui"))
_LIMIT = 30.0
BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("nothing but this")
Bare().run()
"""
_SKELETON, _LIVE, _STATUS = b"Threat Mitigator", b"Proxy Settings", b"DISABLED"


def marks(argv: Sequence[str], environ: dict[str, str], wanted: Sequence[bytes]) -> list[float]:
    """Run a program on a pty until it has written all that is wanted; the milliseconds to each, in order."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    begun = time.perf_counter()
    process = subprocess.Popen(
        argv, stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
    )
    os.close(slave)
    said, found = b"", []
    try:
        while len(found) < len(wanted):
            if not select.select([master], [], [], _LIMIT)[0]:
                raise SystemExit(f"{argv[0]} did not write {wanted[len(found)]!r}: {said[-500:]!r}")
            said += os.read(master, 65536)
            while len(found) < len(wanted) and wanted[len(found)] in said:
                found.append((time.perf_counter() - begun) * 1000)
        return found
    finally:
        os.close(master)  # a hang-up
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
        process.kill()
        process.wait()


@contextlib.contextmanager
def agent() -> Iterator[dict[str, str]]:
    """An agent in a home of its own; the environment for its console."""
    with tempfile.TemporaryDirectory(prefix="tm-startup-") as home:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("TM_", "TEXTUAL"))}
        environ = {**clean, "TM_TUI_HOME": home, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        with subprocess.Popen((COMMAND, "agent"), env=environ, stderr=subprocess.PIPE) as running:
            assert running.stderr is not None
            while line := running.stderr.readline():
                if b"serves" in line:
                    break
            else:
                raise SystemExit("the agent did not start")
            try:
                yield environ
            finally:
                running.terminate()


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    taken: dict[str, list[float]] = {name: [] for name in ("python", "bare", "skeleton", "live", "status")}
    with agent() as environ:
        for turn in range(-1, rounds):  # the first one fills caches
            begun = time.perf_counter()
            subprocess.run((sys.executable, "-c", "pass"), check=True, env=environ)
            figures = [(time.perf_counter() - begun) * 1000]
            figures += marks((sys.executable, "-c", BARE), environ, [b"nothing but this"])
            figures += marks((COMMAND,), environ, [_SKELETON, _LIVE, _STATUS])
            if turn >= 0:
                for name, figure in zip(taken, figures, strict=True):
                    taken[name].append(figure)
    middle = {name: statistics.median(figures) for name, figures in taken.items()}
    for name, figures in taken.items():
        print(f"{name:10} {middle[name]:7.1f} ms   least {min(figures):7.1f}   most {max(figures):7.1f}")
    for name, peer in (("skeleton", "python"), ("live", "bare"), ("status", "bare")):
        ratio = statistics.median(a / b for a, b in zip(taken[name], taken[peer], strict=True))
        print(f"{name:10} {ratio:5.2f} x {peer}")


if __name__ == "__main__":
    main()
