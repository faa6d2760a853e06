"""A portal and an agent as a user would start them, in a short folder of their own."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import forked
from forked import COMMAND, Forked

__all__ = ["COMMAND", "Lab", "lab", "processes_with", "short_folder"]

_PATIENCE = 60.0


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's; pytest's own are too long."""
    folder = Path(tempfile.mkdtemp(prefix="tm"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def processes_with(text: str) -> list[int]:
    """The processes that have `text` in their command line or environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            shown = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in shown:
            found.append(int(entry.name))
    return found


class Lab:
    """One portal (`ready` is its line) and one appliance's home; the agent is started by `agent`."""

    def __init__(self, folder: Path, password: str) -> None:
        self.folder = folder
        self.home = folder / "h"
        self.home.mkdir(mode=0o700)
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("TM_", "TEXTUAL"))},
            "TM_TUI_HOME": str(self.home),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }
        self._running: list[subprocess.Popen[bytes]] = []
        self._files: list[IO[bytes]] = []
        self._portal_home = folder / "p"
        self.portal = self._start_portal()
        added = self.run(
            "portal", "account", "add", "--home", str(self._portal_home), "appliance", stdin=password
        )
        assert added.returncode == 0, added.stderr

    def _start_portal(self, *ports: str) -> Any:
        started = self.start("portal.log", "portal", "--home", str(self._portal_home), *ports, answer=True)
        self.ready: dict[str, Any] = json.loads(started.stdout.readline())
        return started

    def restart_portal_with_new_host_key(self) -> None:
        """The same portal on the same ports, set up anew as far as SSH clients can see."""
        self.portal.terminate()
        self.portal.wait(60)
        (self._portal_home / "keys" / "ssh_host_ed25519").unlink()
        log_server, status_server = self.ready["log_server"], self.ready["status_server"]
        self.portal = self._start_portal(
            f"--https-port={log_server['https_port']}",
            f"--ssh-port={log_server['ssh_port']}",
            f"--status-port={status_server['port']}",
        )

    def start(
        self,
        log: str,
        *arguments: str,
        answer: bool = False,
        argv: Sequence[str] = (COMMAND,),
        forked: bool = True,
    ) -> Any:
        """Start a program of the lab; what it says goes to `log`, or its answer to a pipe."""
        file = (self.folder / log).open("ab")
        self._files.append(file)
        process = Forked(
            (*argv, *arguments),
            forked=forked,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if answer else file,
            stderr=file,
            start_new_session=True,
        )
        self._running.append(process)
        return process

    def start_agent(self) -> "subprocess.Popen[bytes]":
        """Start the agent and wait until it says that it serves its socket."""
        log = self.folder / "agent.log"
        said = log.stat().st_size if log.exists() else 0  # by an agent before this one
        agent: subprocess.Popen[bytes] = self.start("agent.log", "agent")
        with subprocess.Popen(
            ("tail", "-c", f"+{said + 1}", "-F", log),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as tail:
            assert tail.stdout is not None
            for line in tail.stdout:
                if b"serves" in line:
                    break
            tail.terminate()
        return agent

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        words = (COMMAND, *arguments)
        return forked.run(words, env=self.environ, cwd=self.folder, stdin=stdin, text=True, timeout=_PATIENCE)

    def settings(self, protocol: str = "ssl") -> tuple[str, ...]:
        """The words for `config set` that lead to the portal."""
        log_server, status_server = self.ready["log_server"], self.ready["status_server"]
        port = log_server["https_port"] if protocol == "ssl" else log_server["ssh_port"]
        pairs = {
            "tmsp.edition": "on-premise",
            "tmsp.username": "appliance",
            "tmsp.heartbeat_seconds": "5",
            "tmsp.log_server.host": log_server["host"],
            "tmsp.log_server.protocol": protocol,
            "tmsp.log_server.port": str(port),
            "tmsp.status_server.host": status_server["host"],
            "tmsp.status_server.port": str(status_server["port"]),
            "trust.ca_file": self.ready["ca_file"],
        }
        return tuple(word for pair in pairs.items() for word in pair)

    def stop(self) -> None:
        """End what was started, the newest first."""
        for process in reversed(self._running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(60)
            if process.stdout is not None:
                process.stdout.close()
        for file in self._files:
            file.close()


@contextmanager
def lab(password: str) -> Iterator[Lab]:
    """A lab whose portal knows the account `appliance` with this password."""
    with short_folder() as folder:
        made = Lab(folder, password)
        try:
            yield made
        finally:
            made.stop()
