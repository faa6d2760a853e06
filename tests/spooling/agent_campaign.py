"""The real agent under kill -9: a producer at its control socket, a portal as its servers."""

import asyncio
import contextlib
import os
import random
import sys
from pathlib import Path

from pydantic import SecretStr

import forked
from agents import AgentChild
from spooling import server_files
from spooling.child import APPLIANCE
from spooling.events import numbered_line
from spooling.killing import Portal
from tm_tui.agent.folders import prepare_folders
from tm_tui.api.client import AgentAbsent, ControlClient
from tm_tui.atomic import Folder
from tm_tui.errors import TmError
from tm_tui.paths import Home
from tm_tui.settings.model import Settings
from tm_tui.settings.store import SettingsStore

_PATIENCE = 60.0


class AgentCampaign:
    """Lives of an agent on one home, each ended by kill -9; the last one delivers everything."""

    def __init__(self, base: Path, portal: Portal, protocol: str) -> None:
        self.folder, self.portal = base / "h", portal
        self.home = Home.under(self.folder)
        self.target = portal.target(protocol, base)
        self.kills = self.acknowledged = self.attempted = 0
        self._chance = random.Random(protocol)
        self.folder.mkdir(mode=0o700)
        prepare_folders(self.home)
        with Folder.open(self.home.state) as state:
            state.replace("appliance", f"{APPLIANCE}\n".encode())
        if protocol == "ssh":
            (self.home.config / "host_keys").write_bytes((base / "host_keys").read_bytes())
            (self.home.config / "host_keys").chmod(0o600)
        server = {"host": "127.0.0.1", "protocol": protocol, "port": self.target.config["port"]}
        tmsp = {
            "enabled": True,
            "edition": "on-premise",
            "username": self.target.config["username"],
            "heartbeat_seconds": 5,
            "log_server": server | {"interval": "1s"},
            "status_server": {"host": "127.0.0.1", "port": portal.ports[2]},
        }
        trust = {"ca_file": str(portal.ready["ca_file"])}
        settings = Settings.parse({"schema": 1, "tmsp": tmsp, "trust": trust})
        secrets = {"tmsp": SecretStr(str(self.target.config["password"]))}
        SettingsStore(self.home.config).save(settings, secrets, expected=0, saved_by="campaign")

    def run(self, seconds: float) -> None:
        """One life of so many seconds."""
        asyncio.run(self._live(seconds))
        self.kills += 1

    def finish(self) -> server_files.Held:
        """A last life, to the end; then read the portal's files."""
        asyncio.run(asyncio.wait_for(self._last(), _PATIENCE))
        return server_files.check(self.target.files, self.attempted, self.attempted)

    def second_agent(self) -> str:
        """Try to start another agent on this home while one runs; what it said when it refused."""
        command = [sys.executable, "-m", "tm_tui.cli", "agent"]
        ended = forked.run(command, env=self._environ(), text=True, timeout=_PATIENCE)
        assert ended.returncode == 1, ended
        return ended.stderr

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "TM_TUI_HOME": str(self.folder)}

    @contextlib.asynccontextmanager
    async def _agent(self):  # type: ignore[no-untyped-def]
        client = ControlClient(self.home.control_socket)
        async with AgentChild(self.folder / "agent.log", self._environ()) as agent, client:
            yield agent, client

    async def _live(self, seconds: float) -> None:
        async with self._agent() as (agent, client):
            producing = asyncio.create_task(self._produce(client, upto=1 << 40))
            await asyncio.wait({producing}, timeout=seconds)
            await agent.kill()
            with contextlib.suppress(AgentAbsent, TmError):
                await producing

    async def _last(self) -> None:
        async with self._agent() as (_, client):
            await asyncio.to_thread(self.second_agent)
            await self._produce(client, upto=self.attempted)
            while (await client.spool()).events:
                reply = await client.send_logs()
                while not reply.done:
                    reply = await client.sent(reply.number)

    async def _produce(self, client: ControlClient, upto: int) -> None:
        while self.acknowledged < upto:
            last = min(upto, self.acknowledged + self._chance.choice((1, 10, 100, 400)))
            self.attempted = max(self.attempted, last)
            lines = (numbered_line(number) + b"\n" for number in range(self.acknowledged + 1, last + 1))
            reply = await client.add_events(b"".join(lines))
            assert not reply.rejected, reply
            self.acknowledged += reply.accepted
