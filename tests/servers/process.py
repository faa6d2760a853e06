"""Start a daemon on free ports in a folder of its own, and stop it for sure, by its own process group."""

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

PATIENCE = 60.0


def program(name: str) -> str:
    """The path of a program. A test that misses one fails, and says which."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin")
    assert found, f"the program {name} is missing: run packaging/test-peers"
    return found


@contextlib.contextmanager
def reserved_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A port that refuses until a server is told to listen there: bound, so that nobody gets it by chance.

    The kernel lets a server that reuses addresses (all that we know do) bind it as well, and gives it neither
    to who asks for any port nor to who calls another.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((host, 0))
        yield held.getsockname()[1]


_kept = contextlib.ExitStack()
atexit.register(_kept.close)


def free_port(host: str = "127.0.0.1") -> int:
    """Such a port until the tests end: for a server that is started again, or where nobody shall listen."""
    return _kept.enter_context(reserved_port(host))


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
            process.wait(timeout=PATIENCE)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # children that outlived their parent
    process.wait(timeout=PATIENCE)


@contextlib.contextmanager
def daemon(command: Callable[[list[int]], list[str]], ports: int, log: Path) -> Iterator[list[int]]:
    """Run a daemon that stays in the foreground; yield its ports once all of them answer.

    `command` writes the configuration for the ports it is given and returns the command line. Should the
    tests be killed, the kernel ends the daemon.
    """
    with contextlib.ExitStack() as stack:
        chosen = [stack.enter_context(reserved_port()) for _ in range(ports)]
        words = command(chosen)
        with log.open("ab") as out:
            process = subprocess.Popen(
                [program("setpriv"), "--pdeathsig", "TERM", *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        stack.callback(_stop, process)
        told = f"{words[0]} did not start:\n"
        assert _answers(process, chosen), told + log.read_text(errors="replace")[-3000:]
        yield chosen


def _answers(process: subprocess.Popen[bytes], ports: list[int]) -> bool:
    for _ in range(int(PATIENCE / 0.05)):
        if all(is_open(port) for port in ports):
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
            return False
    return False
