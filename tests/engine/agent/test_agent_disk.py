"""A disk that fails under the whole agent: every page is answered, beats have something to tell."""

import asyncio
import errno
import os
from collections.abc import Iterator
from typing import Any

import pytest

from agents import agent_in, short_home
from spooling.events import numbered_line
from tm_tui.api.client import ControlClient, ControlRefused
from tm_tui.api.requests import SubmitRequest
from tm_tui.paths import Home


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        yield made


def failing(number: int) -> Any:
    """A call of the kernel's that fails."""

    def call(path: Any, *_arguments: Any, **_more: Any) -> None:
        raise OSError(number, os.strerror(number), str(path))

    return call


async def shown(client: ControlClient) -> None:
    """Ask for everything that a console shows."""
    await client.status()
    await client.spool()
    await client.cases()
    await client.patterns()
    await client.reports()
    await client.history()
    await client.trust()
    await client.diagnostics_text()
    assert b"".join([piece async for piece in client.diagnostics()])


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOENT, errno.EACCES, errno.ESTALE])
async def test_nobody_is_told_of_a_programming_error_when_the_disk_fails(
    home: Home, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status, pages and beats go on with an alert; events are refused with the disk's own cause."""
    async with agent_in(home) as agent, ControlClient(home.control_socket) as client:
        await client.add_events(numbered_line(1))
        monkeypatch.setattr(os, "statvfs", failing(number))
        await shown(client)
        assert agent.facts().waiting_events == 1
        alerts = (await client.status()).alerts
        assert any(str(home.state) in alert for alert in alerts)
        with pytest.raises(ControlRefused) as refused:
            await client.add_events(numbered_line(2))
        assert (refused.value.status, refused.value.refusal.code) == (507, "storage")
        assert str(home.state) in refused.value.refusal.cause
        monkeypatch.undo()
        assert (await client.add_events(numbered_line(2))).accepted == 1
        assert (await client.status()).alerts != alerts


@pytest.mark.parametrize("name", ["spool", "cases", "patterns", "reports"])
async def test_a_folder_that_is_gone_is_told_where_it_is_needed(home: Home, name: str) -> None:
    """Somebody moved it, or its disk: what needs it says so, all else answers."""
    async with agent_in(home) as agent, ControlClient(home.control_socket) as client:
        await shown(client)
        folder = home.state / name
        if folder.exists():
            folder.rename(home.state / "elsewhere")
        await shown(client)
        agent.facts()
        submit = SubmitRequest(endpoint="pc", threat="t", description="d", paths=())
        asked = client.add_events(numbered_line(1)), client.submit_case(submit)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        codes = [one.refusal.code for one in answers if isinstance(one, ControlRefused)]
        assert len(codes) == sum(isinstance(one, BaseException) for one in answers)
        assert "internal" not in codes
        assert ("storage" in codes) == (name in {"spool", "cases"})
        if (home.state / "elsewhere").exists():
            (home.state / "elsewhere").rename(folder)
