"""A real agent and a real portal as processes; commands run in this process, the way `main` runs them."""

import contextlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from forked import Forked
from screens.launch.commands import console
from tm_tui.cli.commands import engine_commands
from tm_tui.cli.running import run

PATIENCE = 60.0


@dataclass(frozen=True)
class Said:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line as JSON."""
        return json.loads(self.out.splitlines()[-1])


Tm = Callable[..., Said]


@pytest.fixture
def tm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tm:
    """Run one command line; `stdin` is what it reads."""

    def call(*arguments: str, stdin: bytes = b"") -> Said:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run(engine_commands(console), arguments)
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return call


@contextlib.contextmanager
def agent_of(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `tm-tui agent` in a home until the end of the block, from the moment it says that it is ready."""
    ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    ready.bind("")
    address = "@" + ready.getsockname()[1:].decode()
    environ = {**os.environ, "TM_TUI_HOME": str(home), "NOTIFY_SOCKET": address}
    command = [sys.executable, "-m", "tm_tui.cli", "agent"]
    with ready, Forked(command, env=environ, stderr=subprocess.PIPE) as agent:
        try:
            ready.settimeout(PATIENCE)
            while b"READY=1" not in ready.recv(4096):
                pass
            yield agent
        finally:
            agent.send_signal(signal.SIGTERM)
            agent.communicate(timeout=PATIENCE)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, without an agent."""
    monkeypatch.setenv("TM_TUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def agent(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A running agent in `home`."""
    with agent_of(home) as running:
        yield running


@pytest.fixture(scope="session")
def long_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of an agent that serves many tests."""
    home = tmp_path_factory.mktemp("long") / "home"
    with agent_of(home):
        yield home


@pytest.fixture
def shared_agent(long_lived: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent for tests that leave nothing behind, or do not mind what others left."""
    monkeypatch.setenv("TM_TUI_HOME", str(long_lived))


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A reference portal: what its ready line says."""
    home = tmp_path_factory.mktemp("portal")
    command = [sys.executable, "-m", "tm_tui.cli", "portal", "--home", str(home)]
    with (home / "log").open("wb") as log:
        process = Forked(command, stdout=subprocess.PIPE, stderr=log)
    with process:
        try:
            assert process.stdout
            assert select.select([process.stdout], [], [], PATIENCE)[0]
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


@pytest.fixture
def lab(portal: dict[str, Any]) -> list[str]:
    """The KEY VALUE pairs that lead to the portal over SSL."""
    log_server, status_server = portal["log_server"], portal["status_server"]
    pairs = {
        "tmsp.username": portal["username"],
        "tmsp.log_server.host": log_server["host"],
        "tmsp.log_server.protocol": "ssl",
        "tmsp.log_server.port": log_server["https_port"],
        "tmsp.status_server.host": status_server["host"],
        "tmsp.status_server.port": status_server["port"],
        "trust.ca_file": portal["ca_file"],
    }
    return [str(part) for pair in pairs.items() for part in pair]
