"""Stock servers for the benchmarks: the same ones that the tests run (tests/servers)."""

import contextlib
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from servers import certificates as certs
from servers.certificates import Certificates
from servers.openssh import Sshd, sshd, throwaway
from servers.web import Web, nginx
from spooling.events import line, root_cause, threat_event

__all__ = ["memory", "mixed_lines", "open_files", "openssh", "row", "scratch", "web"]


def mixed_lines(number: int) -> list[bytes]:
    """Different events as producers send them: half a kilobyte each, a tenth root causes, without ids."""
    chance = random.Random(1)
    lines = []
    for one in range(number):
        threat = {"name": f"TROJ_{chance.randbytes(24).hex()}", "severity": chance.choice(["low", "high"])}
        event = root_cause(one) if one % 10 == 9 else threat_event(one, threat=threat)
        lines.append(line({key: value for key, value in event.items() if key != "id"}))
    return lines


def memory(pid: int, what: str = "VmRSS") -> float:
    """Megabytes that a process has in memory (`VmHWM`: had at most)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return round(int(status.partition(f"{what}:")[2].split()[0]) / 1000, 1)


def open_files(pid: int) -> int:
    """How many file descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def row(*cells: str) -> None:
    """Print a row for the tables of docs/benchmarks.md."""
    print(f"| {' | '.join(cells)} |", flush=True)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder on the disk that /var/tmp is on.

    A memory file system would say nothing about fsync.
    """
    with tempfile.TemporaryDirectory(prefix="tm-benchmark-", dir="/var/tmp") as name:
        yield Path(name)


@contextlib.contextmanager
def web() -> Iterator[tuple[Web, Certificates]]:
    """Nginx with DAV PUT."""
    with scratch() as base:
        certificates = certs.make(base)
        with nginx(certificates) as running:
            yield running, certificates


@contextlib.contextmanager
def openssh() -> Iterator[Sshd]:
    """OpenSSH with a throwaway account (needs root)."""
    with throwaway() as who, sshd(who) as running:
        yield running
