"""An agent of which everything has failed still shows all that it has: that is when an admin looks."""

import io
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from agents import LIMIT, agent_in, short_home, status_when
from engine.agent.test_agent_logs import hand_in, save, send
from looking import looked_at
from tm_tui.api.client import ControlClient
from tm_tui.api.requests import ProbeRequest, SubmitRequest
from tm_tui.clock import SystemClock
from tm_tui.portal.log import PortalLog
from tm_tui.portal.service import PortalOptions, open_portal


@pytest.mark.timeout(LIMIT * 4)
async def test_each_call_answers_while_nothing_works(tmp_path: Path) -> None:
    """The portal goes away under an agent at work: logs, a case, patterns, reports and a test have failed."""
    async with AsyncExitStack() as others:
        home = others.enter_context(short_home())
        log = PortalLog(io.StringIO(), SystemClock())
        portal = AsyncExitStack()
        ready, _ = await portal.enter_async_context(open_portal(PortalOptions(home=tmp_path / "portal"), log))
        await others.enter_async_context(agent_in(home))
        client = await others.enter_async_context(ControlClient(home.control_socket))
        await save(client, ready)
        await status_when(client, lambda now: now.status_server.beats_accepted > 0)
        assert (await looked_at(home.control_socket)) >= {"GET /v1/spool", "GET /v1/cases", "GET /v1/history"}
        await portal.aclose()
        (tmp_path / "evidence").write_text("of something")
        await hand_in(client, 1, 10)
        await client.submit_case(SubmitRequest(paths=(str(tmp_path / "evidence"),), endpoint="pc-1"))
        await client.check_patterns()
        assert (await send(client)).failure is not None
        tested = [told async for told in client.probe(ProbeRequest())]
        assert tested
        failed = await status_when(
            client, lambda now: now.log_server.last_failure is not None and now.cases.last_failure is not None
        )
        assert failed.log_server.last_failure is not None
        await looked_at(home.control_socket)
        told = (await client.spool()).delivery.last_failure
        assert told is not None
        assert told.code == failed.log_server.last_failure.code
