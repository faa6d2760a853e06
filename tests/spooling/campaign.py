"""One campaign of faults against intake and delivery, used by the tests.

Short and by benchmarks/faults (long).
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servers.certificates import Certificates
from servers.openssh import Sshd
from servers.web import PASSWORD, USER, Web
from spooling import server_files
from spooling.child import APPLIANCE
from tm_tui.link.host_keys import HostKey, HostKeys
from tm_tui.link.types import Endpoint

POINTS = (
    *("commit", "committed", "seal", "sealed", "recorded", "vacuum"),
    *("send", "sent", "marked", "unlinked", "dropped"),
)
"""Where the engine calls its `trace`, in the order of an event's life."""
_PATIENCE = 45.0


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
    kills: int = 0
    ended: int = 0
    spool: Path = field(init=False)

    def __post_init__(self) -> None:
        self.spool = self.base / "spool"

    @property
    def acknowledged(self) -> int:
        """The greatest number whose acknowledgement the producer has seen."""
        noted = self.base / "acknowledged"
        return int(noted.read_text() or 0) if noted.exists() else 0

    @property
    def failures(self) -> list[str]:
        """What delivery ran into so far."""
        told = self.base / "failures"
        return told.read_text().splitlines() if told.exists() else []

    def start(self, point: str = "", count: int = 1) -> subprocess.Popen[bytes]:
        """Start a child and wait until it is about to work."""
        config = {
            **self.target.config, "folder": str(self.spool), "acknowledged": str(self.base / "acknowledged"),
            "total": self.total, "seed": self.kills, "point": point, "count": count,
        }  # fmt: skip
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
        command = [sys.executable, "-m", "spooling.child", json.dumps(config)]
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert child.stdout
        assert child.stdout.readline() == b"ready\n", child.communicate()[1].decode()
        return child

    def run(self, *, point: str = "", count: int = 1, seconds: float = _PATIENCE) -> None:
        """Run until the point kills it, or so many seconds have passed, or it is done."""
        child = self.start(point, count)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=seconds)
        child.kill()
        self.ended_by_kill(child)

    def ended_by_kill(self, child: subprocess.Popen[bytes]) -> None:
        """Look at how a child ended, and count."""
        _, errors = child.communicate(timeout=_PATIENCE)
        assert child.returncode in {0, -9}, errors.decode()
        self.kills += child.returncode == -9
        self.ended += child.returncode == 0

    def finish(self, *, lost: int = 0) -> server_files.Held:
        """Let a last child do its work to the end, then read the server's files."""
        child = self.start()
        try:
            _, errors = child.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise AssertionError(f"it does not end; its last failures: {self.failures[-3:]}") from None
        assert child.returncode == 0, errors.decode()
        assert self.acknowledged == self.total
        held = server_files.check(self.target.files, self.total - lost, self.total)
        assert not list(self.target.files.glob("*.part")), "leftovers of uploads that died"
        assert not list((self.spool / "batches").iterdir())
        return held


Fault = Callable[[], None]
Faults = Sequence[Fault]
