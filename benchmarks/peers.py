"""Stock servers for the benchmarks: the same ones that the tests run (tests/servers)."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from servers import certificates as certs
from servers.certificates import Certificates
from servers.openssh import Sshd, sshd, throwaway
from servers.web import Web, nginx

__all__ = ["openssh", "scratch", "web"]


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
