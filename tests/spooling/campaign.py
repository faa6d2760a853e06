"""One campaign of faults against intake and delivery, used by the tests.

Short and by benchmarks/faults (long).
"""

import atexit
import contextlib
import functools
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servers.certificates import Certificates
from servers.openssh import Sshd
from servers.web import PASSWORD, USER, Web
from spooling import server_files
from spooling.child import APPLIANCE
from spooling.nursery import Child, Nursery
from tm_tui.link.host_keys import HostKey, HostKeys
from tm_tui.link.types import Endpoint

POINTS = (
    *("commit", "committed", "seal", "rename", "renamed", "sealed", "recorded", "vacuum", "vacuumed"),
    *("send", "reply", "sent", "confirm", "marked", "unlinked", "dropped"),
)
"""Where the engine calls its `trace`, in the order of an event's life."""
_PATIENCE = 60.0


@dataclass(frozen=True)
class Target:
    """A log server: how to reach it, where its files are."""

    config: dict[str, Any]
    files: Path


def over_ssl(web: Web, certificates: Certificates, base: Path, port: int | None = None) -> Target:
    """Nginx with DAV PUT; `port` leads there by a detour."""
    files = web.root / "logs" / APPLIANCE
    shutil.rmtree(files, ignore_errors=True)
    config = {
        "protocol": "ssl",
        "port": port or web.port,
        "ca_pem": certificates.ca_pem,
        "username": USER,
        "password": PASSWORD,
    }
    return Target(config | {"host_keys": str(base / "host_keys")}, files)


def over_ssh(sshd: Sshd, base: Path, port: int | None = None) -> Target:
    """OpenSSH; `port` leads there by a detour."""
    files = sshd.account.home / "logs" / APPLIANCE
    shutil.rmtree(files, ignore_errors=True)
    files.parent.mkdir(exist_ok=True)  # or root would make it, for a disk that is mounted below
    shutil.chown(files.parent, sshd.account.name)
    algorithm, blob, *_ = (sshd.keys / "ed25519.pub").read_text().split()
    used = port or sshd.port
    HostKeys(base / "host_keys").approve(HostKey.of(Endpoint("127.0.0.1", used), algorithm, blob))
    config = {
        "protocol": "ssh",
        "port": used,
        "username": sshd.account.name,
        "password": sshd.account.password,
    }
    return Target(config | {"host_keys": str(base / "host_keys")}, files)


@dataclass
class Campaign:
    """Runs of the child on one spool; all but the last are killed."""

    base: Path
    target: Target
    total: int
    days: tuple[float, ...] = (0.0,)
    """By how much the appliance's clock is wrong, run after run."""
    more: dict[str, Any] = field(default_factory=dict)
    """Further words to the child."""
    kills: int = 0
    ended: int = 0
    spool: Path = field(init=False)

    def __post_init__(self) -> None:
        self.spool = self.base / "spool"

    @property
    def acknowledged(self) -> int:
        """The greatest number whose acknowledgement the producer has seen."""
        return self._number("acknowledged")

    @property
    def lost(self) -> int:
        """How many events the spool says that damage has cost."""
        return self._number("lost")

    def _number(self, name: str) -> int:
        noted = self.base / name
        return int(noted.read_text() or 0) if noted.exists() else 0

    @property
    def failures(self) -> list[str]:
        """What delivery ran into so far."""
        told = self.base / "failures"
        return told.read_text().splitlines() if told.exists() else []

    def start(self, point: str = "", count: int = 1, **more: Any) -> Child:
        """Start a child and wait until it is about to work."""
        runs = self.kills + self.ended
        config = {
            **self.target.config, "folder": str(self.spool), "acknowledged": str(self.base / "acknowledged"),
            "total": self.total, "seed": runs, "point": point, "count": count,
            "days": self.days[runs % len(self.days)], "errors": str(self.base / "errors"),
            **self.more, **more,
        }  # fmt: skip
        return _nursery().child(config)

    def run(self, *, point: str = "", count: int = 1, seconds: float = _PATIENCE) -> None:
        """Run until the point kills it, or so many seconds have passed, or it is done."""
        child = self.start(point, count)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=seconds)
        self.end(child)

    def run_until(self, holds: Callable[[], bool]) -> None:
        """Run until something holds, or it is done."""
        child = self.start()
        self.await_(child, holds)
        self.end(child)

    @staticmethod
    def await_(child: Child, holds: Callable[[], bool]) -> None:
        """Wait until something holds, or the child has ended, or for long enough."""
        end = time.monotonic() + _PATIENCE
        while not holds():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0.02)
                return
            if time.monotonic() > end:
                return

    def end(self, child: Child) -> None:
        """Kill it if it still runs, look at how it ended, and count."""
        child.kill()
        status = child.wait(timeout=_PATIENCE)
        assert status in {0, -9}, child.errors()
        self.kills += status == -9
        self.ended += status == 0

    def finish(self, patience: float = _PATIENCE) -> server_files.Held:
        """Let a last child do its work to the end, then read the server's files."""
        child = self.start()
        try:
            status = child.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            self.end(child)
            raise AssertionError(f"it does not end; its last failures: {self.failures[-3:]}") from None
        assert status == 0, child.errors()
        assert self.acknowledged == self.total
        held = server_files.check(self.target.files, self.total, self.total, lost=self.lost)
        assert not list(self.target.files.glob("*.part")), "leftovers of uploads that died"
        assert not list((self.spool / "batches").iterdir())
        return held


@functools.cache
def _nursery() -> Nursery:
    nursery = Nursery()
    atexit.register(nursery.close)
    return nursery
