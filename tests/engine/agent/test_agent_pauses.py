"""What a server refused once, and takes a moment later, goes on by itself: the agent of an unattended box."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from agents import agent_in, settings_for, short_home, status_server, status_when
from servers.certificates import Certificates
from spooling.events import numbered_line
from spooling.log_server import log_server
from tm_tui.api.client import ControlClient
from tm_tui.api.requests import SaveRequest, SecretChanges
from tm_tui.clock import SystemClock


@pytest.mark.parametrize("refusal", ["401", "403"])
async def test_logs_go_on_after_a_hiccup(refusal: str, certificates: Certificates, tmp_path: Path) -> None:
    """One 401 or 403 of a back end pauses logs; an accepted beat resumes them, and nobody has to come."""
    async with (
        log_server(tmp_path / "held", certificates) as logs,
        status_server(certificates, SystemClock().now) as portal,
    ):
        answers = iter((refusal, "201"))
        logs.usual = lambda name, _size: "503" if name == "probe" else next(answers)
        where = {"host": "127.0.0.1", "port": logs.port, "protocol": "ssl", "interval": "24h"}
        settings = settings_for(portal.port, seconds=5, log_server=where)
        settings["trust"] = {"ca_file": str(certificates.ca_file)}
        with short_home() as home:
            async with agent_in(home) as agent, ControlClient(home.control_socket) as client:
                await agent.spool.add([numbered_line(1)])
                request = SaveRequest(settings=settings, secrets=SecretChanges(tmsp=SecretStr("geheim")))
                await client.save(request, 0)
                await status_when(client, lambda now: now.status_server.state == "connected")
                await client.send_logs()
                await status_when(client, lambda now: now.spool.events == 0)
                batches = [answer for path, answer in logs.requests if not path.endswith("probe")]
                assert batches == [refusal, "201"]
