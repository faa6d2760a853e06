"""kill -9 for servers: nginx, the sessions of sshd, and our own portal; each comes back on its old port."""

import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from forked import Forked
from servers.openssh import Sshd
from servers.process import free_port, is_open, program
from servers.web import Web
from spooling.campaign import Target
from spooling.child import APPLIANCE
from tm_tui.link.host_keys import HostKey, HostKeys
from tm_tui.link.types import Endpoint

_PATIENCE = 60.0


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    while not is_open(port):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
            raise AssertionError("the server did not come back")


class Nginx:
    """A running nginx that is killed and started again; `stop` leaves none behind."""

    def __init__(self, web: Web) -> None:
        self.web, self.base = web, web.root.parent
        self.process: subprocess.Popen[bytes] | None = None

    def kill(self) -> None:
        """Kill -9, then start it with the same configuration."""
        self.stop()
        base = self.base
        command = [
            program("nginx"),
            "-p",
            str(base),
            "-e",
            str(base / "error.log"),
            "-c",
            str(base / "nginx.conf"),
        ]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        _wait_for(self.web.port, self.process)

    @contextlib.contextmanager
    def limited(self, size: str) -> Iterator[None]:
        """Take no larger files than this (413) for as long as the block lasts."""
        config = self.base / "nginx.conf"
        usual = config.read_text()
        config.write_text(usual.replace("client_max_body_size 64m", f"client_max_body_size {size}"))
        self.kill()
        try:
            yield
        finally:
            config.write_text(usual)
            self.kill()

    def stop(self) -> None:
        """Kill -9."""
        number = int((self.base / "pid").read_text())
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
        if self.process:
            self.process.wait(timeout=_PATIENCE)
        while is_open(self.web.port):
            pass


class OpenSsh:
    """A running sshd that is killed, its sessions first, and started again on its port."""

    def __init__(self, sshd: Sshd) -> None:
        self.sshd = sshd
        self.process: subprocess.Popen[bytes] | None = None

    def kill(self) -> None:
        """Kill -9 of everything, then start it with the same configuration."""
        self.stop()
        command = [program("sshd"), "-D", "-e", "-f", str(self.sshd.keys / "sshd_config")]
        with self.sshd.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        _wait_for(self.sshd.port, self.process)

    def stop(self) -> None:
        """Kill -9."""
        for one in _family(self.sshd)[::-1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        if self.process:
            self.process.wait(timeout=_PATIENCE)
        while is_open(self.sshd.port):
            pass


def kill_sessions(sshd: Sshd) -> int:
    """Kill -9 the processes that serve the connections of one sshd; returns how many."""
    sessions = _family(sshd)[1:]
    for one in sessions:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    return len(sessions)


def _family(sshd: Sshd) -> list[int]:
    """The process that listens, then all that came of it."""
    parents: dict[int, list[int]] = {}
    main = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
                if str(sshd.keys / "sshd_config").encode() in (entry / "cmdline").read_bytes():
                    main = main or int(entry.name)
    assert main, "there is no such sshd"
    family = [main]
    for one in family:
        family += parents.get(one, [])
    return family


class Portal:
    """`tm-tui portal` as a process that is killed and started again on the same ports."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ports = [free_port() for _ in range(3)]
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = self._start()
        self._register()

    def _register(self) -> None:
        """Register the appliance, as an agent does first: the portal takes no batch of strangers."""
        import httpx

        body = {"appliance": APPLIANCE, "version": "test", "edition": "hosted", "heartbeat_seconds": 300}
        url = f"https://127.0.0.1:{self.ports[2]}/v1/registration"
        context = ssl.create_default_context(cafile=str(self.ready["ca_file"]))
        auth = (str(self.ready["username"]), self._password())
        httpx.post(url, json=body, auth=auth, verify=context, trust_env=False).raise_for_status()

    def _start(self) -> dict[str, object]:
        names = ("--https-port", "--ssh-port", "--status-port")
        options = [text for name, port in zip(names, self.ports, strict=True) for text in (name, str(port))]
        command = [sys.executable, "-m", "tm_tui.cli", "portal", "--home", str(self.home), *options]
        self.process = Forked(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self.process.stdout
        ready: dict[str, object] = json.loads(self.process.stdout.readline())
        return ready

    def kill(self) -> None:
        """Kill -9, then start it again."""
        self.stop()
        self._start()

    def stop(self) -> None:
        """Kill -9."""
        if self.process and self.process.stdout:
            self.process.kill()
            self.process.wait(timeout=_PATIENCE)
            self.process.stdout.close()

    def target(self, protocol: str, base: Path) -> Target:
        """How a child reaches it."""
        config = {
            "protocol": protocol,
            "port": self.ports[0 if protocol == "ssl" else 1],
            "host_keys": str(base / "host_keys"),
            "username": self.ready["username"],
            "password": self._password(),
            "ca_pem": Path(str(self.ready["ca_file"])).read_text(),
        }
        if protocol == "ssh":
            self._approve(base)
        return Target(config, self.home / "logs" / APPLIANCE)

    def _password(self) -> str:
        return Path(str(self.ready["password_file"])).read_text().rstrip("\n")

    def _approve(self, base: Path) -> None:
        command = [program("ssh-keyscan"), "-p", str(self.ports[1]), "127.0.0.1"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        keys = [line.split()[1:] for line in shown.splitlines() if line and not line.startswith("#")]
        for algorithm, blob in keys:
            HostKeys(base / "host_keys").approve(
                HostKey.of(Endpoint("127.0.0.1", self.ports[1]), algorithm, blob)
            )


@contextlib.contextmanager
def portal(home: Path) -> Iterator[Portal]:
    """Run a portal that may be killed."""
    running = Portal(home)
    try:
        yield running
    finally:
        running.stop()


def fill(path: Path, leave: int = 0) -> None:
    """Use a disk up, as a runaway log does, but for so many bytes."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 65536)
    with path.open("r+b") as file:
        file.truncate(max(0, path.stat().st_size - leave))


@contextlib.contextmanager
def small_disk(place: Path, megabytes: int, owner: str | None = None) -> Iterator[Path]:
    """A disk of its own, mounted at `place`, for as long as the block lasts; what is on it is copied back."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)], check=True)
    try:
        if owner:
            shutil.chown(place, owner)
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
