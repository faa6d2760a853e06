"""The demo's stage: a portal process, an agent process, and the settings that bring them together."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tm_tui.api.client import ControlClient
from tm_tui.api.launch import AgentProcess
from tm_tui.api.requests import SaveRequest, SecretChanges
from tm_tui.errors import TmError
from tm_tui.paths import Home

__all__ = ["PortalProcess", "Stage", "stage"]

_START_LIMIT = 20.0
_STOP_LIMIT = 5.0


class PortalProcess:
    """`tm-tui portal` as a child. `ready` is the JSON line it printed; a restart keeps its ports."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._process: asyncio.subprocess.Process | None = None
        self.ready: dict[str, Any] = {}

    @property
    def logs(self) -> Path:
        """The folder of its log server: batches lie in a folder an appliance."""
        return self._home / "logs"

    @property
    def cases(self) -> Path:
        """The folder of the cases that it received, and of those on their way."""
        return self._home / "cases"

    async def start(self) -> None:
        """Start it and wait for its line. Raises TmError if none comes."""
        ports: tuple[str, ...] = ()
        if self.ready:
            log_server, status_server = self.ready["log_server"], self.ready["status_server"]
            ports = (
                f"--https-port={log_server['https_port']}",
                f"--ssh-port={log_server['ssh_port']}",
                f"--status-port={status_server['port']}",
            )
        with (self._home.parent / "portal.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tm_tui.cli", "portal", "--home", str(self._home), *ports),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._process.stdout is not None  # noqa: S101 # a pipe was asked for
        try:
            async with asyncio.timeout(_START_LIMIT):
                self.ready = json.loads(await self._process.stdout.readline())
        except (TimeoutError, ValueError):
            await self.stop()
            raise TmError("The portal did not start.", "Try `tm-tui portal --home DIR` by itself.") from None

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL if that does not help."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(_STOP_LIMIT):
                await self._process.wait()
        except TimeoutError:
            await self.kill()


class Stage:
    """Portal and agent at work in one folder, and a client of the agent."""

    def __init__(
        self, folder: Path, portal: PortalProcess, agent: AgentProcess, client: ControlClient
    ) -> None:
        self.folder = folder
        self.portal = portal
        self.agent = agent
        self.client = client

    @property
    def password(self) -> SecretStr:
        """The password of the portal's account."""
        return SecretStr(Path(self.portal.ready["password_file"]).read_text(encoding="utf-8").rstrip("\n"))

    def settings(
        self, protocol: str, *, enabled: bool, proxy: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Settings that lead to the portal by `protocol`: ssh or ssl."""
        ready = self.portal.ready
        port = ready["log_server"]["ssh_port" if protocol == "ssh" else "https_port"]
        return {
            "schema": 1,
            "tmsp": {
                "enabled": enabled,
                "edition": "on-premise",
                "username": ready["username"],
                "email": "admin@example.com",
                "heartbeat_seconds": 5,
                "log_server": {
                    "host": ready["log_server"]["host"],
                    "protocol": protocol,
                    "port": port,
                    "interval": "30s",
                },
                "status_server": {
                    "host": ready["status_server"]["host"],
                    "port": ready["status_server"]["port"],
                },
            },
            "proxy": dict(proxy or {}),
            "trust": {"ca_file": ready["ca_file"]},
        }

    async def save(self, settings: Mapping[str, Any], secrets: SecretChanges, note: str) -> int:
        """Save on top of what is there; the new revision's number."""
        base = (await self.client.settings()).revision
        request = SaveRequest(settings=dict(settings), secrets=secrets, note=note)
        return (await self.client.save(request, base)).revision


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """Set it up in a temporary folder, and take it down without a trace."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tm-tui-demo-")))
        portal = PortalProcess(folder / "portal")
        stack.push_async_callback(portal.stop)
        await portal.start()
        home = folder / "appliance"
        home.mkdir(mode=0o700)
        environ = {**os.environ, "TM_TUI_HOME": str(home)}
        agent = await stack.enter_async_context(AgentProcess(folder / "agent.log", environ))
        client = await stack.enter_async_context(ControlClient(Home.under(home).control_socket))
        yield Stage(folder, portal, agent, client)
