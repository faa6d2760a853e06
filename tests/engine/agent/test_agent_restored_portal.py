"""A portal is lost and restored from its backup: the agent's next beat is accepted as if nothing had been."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from agents import agent_in, short_home, status_when
from tm_tui.api.client import ControlClient
from tm_tui.api.requests import SaveRequest, SecretChanges
from tm_tui.cli.portal import portal as portal_command
from tm_tui.clock import SystemClock
from tm_tui.paths import Home
from tm_tui.portal.log import PortalLog
from tm_tui.portal.service import PortalOptions, Ready, open_portal


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        yield made


def command(*words: str) -> None:
    """Run `tm-tui portal WORDS`."""
    mask = os.umask(0o077)
    try:
        done = CliRunner(catch_exceptions=False).invoke(portal_command, words)
    finally:
        os.umask(mask)
    assert done.exit_code == 0, done.stderr


def settings(portal: Ready) -> SaveRequest:
    """What leads to the portal, with a beat every five seconds."""
    tmsp = {
        "enabled": True,
        "username": portal.username,
        "heartbeat_seconds": 5,
        "log_server": {"host": "127.0.0.1", "protocol": "ssl", "port": portal.log_server.https_port},
        "status_server": {"host": "127.0.0.1", "port": portal.status_server.port},
    }
    secret = SecretStr(Path(portal.password_file or "").read_text())
    plain = {"schema": 1, "tmsp": tmsp, "trust": {"ca_file": str(portal.ca_file)}}
    return SaveRequest(settings=plain, secrets=SecretChanges(tmsp=secret))


def logged(path: Path) -> list[tuple[str, int]]:
    """The requests of a portal's log: path and status."""
    lines = (json.loads(line) for line in path.read_text().splitlines())
    return [(line["path"], line["status"]) for line in lines if line["event"] in {"request", "refused"}]


async def test_agents_go_on_with_a_restored_portal(home: Home, tmp_path: Path) -> None:
    """Backed up while it beats, lost, restored in another home on the same ports: no new registration."""
    before, after, backup = (tmp_path / name for name in ("before", "after", "backup"))
    clock = SystemClock()
    with (tmp_path / "one.log").open("w") as one, (tmp_path / "two.log").open("w") as two:
        async with agent_in(home), ControlClient(home.control_socket) as client:
            async with open_portal(PortalOptions(before), PortalLog(one, clock)) as (ready, _):
                await client.save(settings(ready), (await client.settings()).revision)
                await status_when(client, lambda status: status.status_server.state == "connected")
                backing = asyncio.to_thread(command, "--home", str(before), "backup", str(backup))
                await asyncio.gather(
                    backing, status_when(client, lambda status: status.status_server.state == "connected")
                )
                accepted = (await client.status()).status_server.beats_accepted
            await asyncio.to_thread(command, "--home", str(after), "restore", str(backup))
            ports = {"https_port": ready.log_server.https_port, "status_port": ready.status_server.port}
            async with open_portal(PortalOptions(after, **ports), PortalLog(two, clock)):
                await status_when(client, lambda status: status.status_server.beats_accepted > accepted)
    assert ("/v1/registration", 201) in logged(tmp_path / "one.log")
    requests = logged(tmp_path / "two.log")
    assert ("/v1/heartbeat", 200) in requests
    assert not [one for one in requests if one[0] == "/v1/registration" or one == ("/v1/heartbeat", 404)]
