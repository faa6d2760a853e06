"""Start a daemon on free ports in a folder of its own, and stop it for sure, by its own process group."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

PATIENCE = 20.0
ATTEMPTS = 4


def program(name: str) -> str:
    """The path of a program. A test that misses one fails, and says which."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin")
    assert found, f"the program {name} is missing: run packaging/test-peers"
    return found


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses: it is bound, so that no test beside this one gets it, and nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def is_open(port: int) -> bool:
    """Whether somebody listens on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """A temporary folder that other users may enter (sshd and squid leave root), removed at the end."""
    path = Path(tempfile.mkdtemp(prefix=f"tm-{prefix}-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # children that outlived their parent
    process.wait(timeout=5)


@contextlib.contextmanager
def daemon(command: Callable[[list[int]], list[str]], ports: int, log: Path) -> Iterator[list[int]]:
    """Run a daemon that stays in the foreground; yield its ports once all of them answer.

    `command` writes the configuration for the ports it is given and returns the command line. When another
    process took a port first, everything is tried again with new ones. Should the tests be killed, the kernel
    ends the daemon.
    """
    for _ in range(ATTEMPTS):
        chosen = [free_port() for _ in range(ports)]
        with log.open("ab") as out:
            process = subprocess.Popen(
                [program("setpriv"), "--pdeathsig", "TERM", *command(chosen)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            if _answers(process, chosen):
                yield chosen
                return
        finally:
            _stop(process)
    raise AssertionError(
        f"{command([0] * ports)[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}"
    )


def _answers(process: subprocess.Popen[bytes], ports: list[int]) -> bool:
    for _ in range(int(PATIENCE / 0.05)):
        if all(is_open(port) for port in ports):
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
            return False
    return False
