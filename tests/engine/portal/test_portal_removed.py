"""An appliance that its portal removed, with the real portal: it stays so until its admin wants it back."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portals import OpenPortal, opened_portal
from pydantic import SecretStr

from agents import agent_in, short_home, status_when
from clock import FakeClock
from spooling.events import numbered_line
from tm_tui.api.agent import AgentStatus
from tm_tui.api.client import ControlClient
from tm_tui.api.requests import SaveRequest, SecretChanges
from tm_tui.cli.status import _page
from tm_tui.tasks import threaded


def settings_with(portal: OpenPortal, *, enabled: bool = True) -> dict[str, Any]:
    logs, status = portal.ready["log_server"], portal.ready["status_server"]
    return {
        "tmsp": {
            "enabled": enabled,
            "edition": "on-premise",
            "username": portal.ready["username"],
            "heartbeat_seconds": 300,
            "log_server": {
                "host": "127.0.0.1",
                "port": logs["https_port"],
                "protocol": "ssl",
                "interval": "30s",
            },
            "status_server": {"host": "127.0.0.1", "port": status["port"]},
        },
        "trust": {"ca_file": portal.ready["ca_file"]},
    }


def connected(status: AgentStatus) -> bool:
    return status.state == "connected"


def removed(status: AgentStatus) -> bool:
    return status.status_server.removed_at is not None


async def on_the_list(portal: OpenPortal) -> list[str]:
    async with portal.operators() as client:
        return [one["appliance"] for one in (await client.get("/v1/products")).json()["products"]]


async def remove(portal: OpenPortal, appliance: str) -> None:
    async with portal.operators() as client:
        assert (await client.delete(f"/v1/products/{appliance}")).status_code == 204


async def test_removed_it_stays_so_until_its_admin_saves(any_home: Path) -> None:
    """Beats and deliveries stop, the queue stays, a restart changes nothing; a save registers it again."""
    clock = FakeClock(datetime.now(UTC))
    async with opened_portal(any_home) as portal:
        secrets = SecretChanges(tmsp=SecretStr(portal.password))
        with short_home() as home:
            async with agent_in(home, clock) as agent, ControlClient(home.control_socket) as client:
                await client.save(SaveRequest(settings=settings_with(portal), secrets=secrets), 0)
                status = await status_when(client, connected)
                told = status.status_server.portal
                assert told is not None
                assert (told.product, told.protocol, told.fits) == (
                    "Threat Management Services Portal",
                    1,
                    True,
                )
                await remove(portal, agent.appliance)
                clock.suspend(331)
                status = await status_when(client, removed)
                assert (status.state, status.status_server.state) == ("unregistered", "unregistered")
                beats = status.status_server.beats_accepted
                await agent.spool.add([numbered_line(1)])
                clock.suspend(1000)
                status = await status_when(client, lambda now: now.spool.events == 1)
                assert status.log_server.delivery == "disabled"
                assert await on_the_list(portal) == []
            async with agent_in(home, clock) as agent, ControlClient(home.control_socket) as client:
                status = await client.status()  # before anybody was asked again
                assert removed(status)
                clock.suspend(3600)
                await clock.idle()
                status = await status_when(client, lambda now: now.status_server.last_failure is not None)
                assert removed(status)
                failed = status.status_server.last_failure
                assert failed is not None
                assert failed.code == "registration-removed"
                assert status.spool.events == 1
                assert status.status_server.beats_accepted <= beats
                page = "\n".join(_page(status))
                assert "removed at the portal" in page
                assert "saving the settings registers it again" in page
                off = settings_with(portal, enabled=False)
                await client.save(SaveRequest(settings=off), 1)
                status = await client.status()
                assert (status.state, removed(status)) == ("disabled", True)
                assert "switching on registers it again" in "\n".join(_page(status))
                await client.save(SaveRequest(settings=settings_with(portal)), 2)
                status = await status_when(client, connected)
                assert not removed(status)
                await client.send_logs()
                await status_when(client, lambda now: now.spool.events == 0)
                assert await on_the_list(portal) == [agent.appliance]


async def test_it_comes_back_by_itself_where_it_may(tmp_path: Path) -> None:
    """An operator readmits it, or the portal lost its records: nobody has to touch the appliance."""
    clock = FakeClock(datetime.now(UTC))
    async with opened_portal(tmp_path / "portal") as portal:
        secrets = SecretChanges(tmsp=SecretStr(portal.password))
        with short_home() as home:
            async with agent_in(home, clock) as agent, ControlClient(home.control_socket) as client:
                await client.save(SaveRequest(settings=settings_with(portal), secrets=secrets), 0)
                await status_when(client, connected)
                await remove(portal, agent.appliance)
                clock.suspend(331)
                await status_when(client, removed)
                done = await threaded(portal.command, "products", "readmit", agent.appliance)
                assert done.returncode == 0
                clock.suspend(3600)
                status = await status_when(client, connected)
                assert not removed(status)
                before = status.status_server.beats_accepted
                connection = sqlite3.connect(tmp_path / "portal" / "portal.sqlite3")
                with connection:
                    connection.execute("DELETE FROM products")
                connection.close()
                clock.suspend(331)
                status = await status_when(
                    client, lambda now: connected(now) and now.status_server.beats_accepted > before
                )
                assert not removed(status)
                assert await on_the_list(portal) == [agent.appliance]
