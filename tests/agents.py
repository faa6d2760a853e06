"""Agents for tests: in this process or in one of their own, in a short home; and a status server."""

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from forked import COMMAND, Forked
from servers.certificates import Certificates
from servers.misbehaving import Told, server
from tm_tui.agent.agent import Agent
from tm_tui.agent.folders import prepare_folders
from tm_tui.agent.server.control_server import ControlServer, control_app
from tm_tui.agent.server.control_socket import bind_control_socket, unbind
from tm_tui.api.agent import AgentStatus
from tm_tui.api.client import ControlClient
from tm_tui.clock import Clock
from tm_tui.paths import Home
from tm_tui.settings.model import Secrets, Settings
from tm_tui.settings.store import Revision

CANARY = "canary-7f3a9c"
LIMIT = 60.0
_PROGRAM = """
import sys
from tm_tui.agent.service import run
from tm_tui.errors import TmError
from tm_tui.paths import Home
try:
    sys.exit(run(Home.find(), ready=lambda: print("ready", flush=True)))
except TmError as error:
    sys.exit(error.cause)
"""


@contextmanager
def short_home(mode: int = 0o700) -> Iterator[Home]:
    """A home whose control socket's path is short, whatever pytest calls the test."""
    with tempfile.TemporaryDirectory(prefix="tm-") as folder:
        Path(folder).chmod(mode)
        yield Home.under(Path(folder) / "h")


@asynccontextmanager
async def agent_in(home: Home, clock: Clock | None = None) -> AsyncIterator[Agent]:
    """An agent in this process, serving its control socket."""
    prepare_folders(home)
    agent = await Agent.open(home, clock=clock)
    serving = ControlServer(control_app(agent))
    await serving.begin(bind_control_socket(home.control_socket))
    try:
        yield agent
    finally:
        await asyncio.gather(agent.stop(), serving.end())
        await agent.close()
        unbind(home.control_socket)


@contextmanager
def agent_process(home: Home, prelude: str = "", **environ: str) -> Iterator[subprocess.Popen[str]]:
    """An agent in a process of its own, ready; killed at the end if it still runs."""
    process = start_agent(home, prelude, **environ)
    try:
        assert process.stdout
        assert process.stdout.readline() == "ready\n", process.stderr and process.stderr.read()
        yield process
    finally:
        process.kill()
        process.communicate(timeout=LIMIT)


def before_others(process: subprocess.Popen[Any]) -> None:
    """Give a process the cores before all others: what it has to do in time it does on a busy machine too."""
    with suppress(PermissionError):  # then only a quiet machine will do
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(task.name), -20)


def start_agent(home: Home, prelude: str = "", **environ: str) -> subprocess.Popen[str]:
    """Start an agent and do not wait for it; `prelude` is Python that its process runs first."""
    return Forked(
        [sys.executable, "-c", f"{prelude}\n{_PROGRAM}"],
        forked=not prelude,  # it may change what is imported later
        env={**os.environ, "TM_TUI_HOME": str(home.config.parent), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class AgentChild:
    """`tm-tui agent` on an environment's home, at work as long as the block lasts; `log` has its words."""

    def __init__(self, log: Path, environ: Mapping[str, str]) -> None:
        self._log, self._environ = log, environ
        self._process: Forked | None = None

    async def __aenter__(self) -> "AgentChild":
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with ready, self._log.open("wb") as log:
            ready.bind("")
            address = "@" + ready.getsockname()[1:].decode()
            self._process = Forked(
                [COMMAND, "agent"],
                env={**self._environ, "NOTIFY_SOCKET": address},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                async with asyncio.timeout(LIMIT):
                    while b"READY=1" not in await asyncio.get_running_loop().sock_recv(ready, 4096):
                        pass
            except TimeoutError:
                await self.kill()
                raise AssertionError(self._log.read_text(errors="replace")) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        await asyncio.to_thread(self._process.wait, LIMIT)

    async def kill(self) -> None:
        """SIGKILL, as a power cut would end it."""
        assert self._process is not None
        self._process.kill()
        await asyncio.to_thread(self._process.wait, LIMIT)


async def status_when(client: ControlClient, holds: Callable[[AgentStatus], bool]) -> AgentStatus:
    """The first pushed snapshot of which `holds` is true."""
    async with asyncio.timeout(LIMIT):
        async for status in client.status_stream():
            if holds(status):
                return status
    raise AssertionError("the stream ended")


def settings_for(port: int, *, seconds: int = 300, **more: Any) -> dict[str, Any]:
    """Settings, switched on, with the status server at a loopback port."""
    tmsp = {
        "enabled": True,
        "username": "u",
        "heartbeat_seconds": seconds,
        "log_server": {"host": "127.0.0.1", "port": 1, "protocol": "ssl"},
        "status_server": {"host": "127.0.0.1", "port": port},
        **more,
    }
    return {"schema": 1, "tmsp": tmsp}


def revision_for(
    settings: dict[str, Any], ca_pem: str | None, number: int = 1, proxy_password: str | None = None
) -> Revision:
    """A revision as if it had been saved."""
    secrets = Secrets(tmsp=SecretStr(CANARY), proxy=SecretStr(proxy_password) if proxy_password else None)
    return Revision(number, Settings.parse(settings), secrets, ca_pem, None, "test")


@dataclass
class StatusServer:
    """A status server over real TLS that answers as it is told, and keeps what it heard."""

    port: int
    told: Told
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=lambda: {"registration": 201, "heartbeat": 200})
    headers: dict[str, str] = field(default_factory=dict)
    skew: float = 0.0
    notices: list[Any] = field(default_factory=list)
    odd: dict[str, Any] = field(default_factory=dict)
    """Members that replies have instead of the right ones."""
    page: str = ""
    """What it says instead of any reply."""
    patience: int = 1 << 30
    """So many requests of a connection are answered; the next one finds it closed."""
    now: Callable[[], Any] = lambda: None

    def heartbeats(self) -> list[dict[str, Any]]:
        """The beats so far."""
        return [body for path, body in self.heard if path == "heartbeat"]

    def registrations(self) -> list[dict[str, Any]]:
        """The registrations so far."""
        return [body for path, body in self.heard if path == "registration"]

    async def behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer request after request on one connection."""
        for served in count():
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if head.startswith("GET "):  # it has neither reports nor anything else to fetch
                writer.write(b"HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
                continue
            sizes = [line[15:] for line in head.lower().splitlines() if line.startswith("content-length:")]
            size = int(sizes[0])
            body = json.loads(await reader.readexactly(size))
            if served >= self.patience:
                return
            path = head.split()[1].rpartition("/")[2]
            self.heard.append((path, body))
            now = self.now().isoformat()
            told = {"registered_at": now, "server_time": now, "notices": self.notices}
            reply = self.page or json.dumps({"appliance": body["appliance"], **told, **self.odd})
            extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
            start = f"HTTP/1.1 {self.status[path]} x\r\ncontent-length: {len(reply)}\r\n"
            writer.write(f"{start}{extra}\r\n{reply}".encode())
            await writer.drain()


@asynccontextmanager
async def status_server(certificates: Certificates, now: Callable[[], Any]) -> AsyncIterator[StatusServer]:
    """Run one; `now` tells the time that it tells."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.good.certificate, certificates.good.key)
    made = StatusServer(0, Told(), now=now)
    async with server(made.behave, context) as told:
        made.port, made.told = told.port, told
        yield made
