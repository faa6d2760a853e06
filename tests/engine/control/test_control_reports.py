"""Reports on the control socket: list, text, marks; and what a viewer may."""

import asyncio
from datetime import UTC, datetime

import pytest

from tm_tui.agent.agent import Agent
from tm_tui.api.client import ControlClient, ControlRefused
from tm_tui.api.requests import ReadMarks
from tm_tui.reports.protocol import ReportEntry

NOW = datetime(2026, 11, 25, tzinfo=UTC)


async def keep(agent: Agent, *ids: str) -> None:
    """As if they had been fetched."""
    for number, id_ in enumerate(ids):
        facts = {"kind": "daily", "title": f"T {id_}", "made_at": NOW.replace(minute=number), "bytes": 1}
        entry = ReportEntry.model_validate({"id": id_, "sha256": "0" * 64, **facts})
        await asyncio.to_thread(agent.reports._store.put, entry, f"# {id_}\n", NOW)


async def test_list_text_and_marks(agent: Agent, client: ControlClient) -> None:
    """The newest first; a mark is told in the snapshot at once, and can be taken back."""
    await keep(agent, "a", "b")
    document = await client.reports()
    assert [(one.id, one.number, one.read) for one in document.reports] == [("b", 2, False), ("a", 1, False)]
    assert (document.status.unread, document.status.enabled) == (2, False)
    assert (await client.report(2)).text == "# b\n"
    assert (await client.report(2)).info.read is False
    stream = client.status_stream()
    assert (await anext(stream)).reports.unread == 2
    document = await client.mark_reports(ReadMarks(numbers=(2, 99)))
    assert [one.read for one in document.reports] == [True, False]
    async with asyncio.timeout(60):
        while (await anext(stream)).reports.unread != 1:
            pass
    await stream.aclose()
    document = await client.mark_reports(ReadMarks(numbers=(2,), read=False))
    assert document.status.unread == 2
    status = await client.status()
    assert status.reports.newest is not None
    assert status.reports.newest.id == "b"


@pytest.mark.parametrize("number", [3, 0, 10**18])
async def test_what_is_not_there(agent: Agent, client: ControlClient, number: int) -> None:
    """404 with a reason, whatever number is asked for."""
    with pytest.raises(ControlRefused) as refused:
        await client.report(number)
    assert refused.value.status == 404


async def test_a_text_that_cannot_be_read(agent: Agent, client: ControlClient) -> None:
    """A file that somebody removed: the reason, not a crash."""
    await keep(agent, "a")
    (agent.reports._store._folder / "00000001.md").unlink()
    with pytest.raises(ControlRefused) as refused:
        await client.report(1)
    assert refused.value.status == 404


async def test_switched_off_it_says_so(client: ControlClient) -> None:
    """The snapshot tells that nothing is fetched; a fresh appliance is not warned of what it never had."""
    status = await client.status()
    assert status.reports.enabled is False
    assert status.alerts == ()
