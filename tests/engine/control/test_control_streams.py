"""Streams over the real socket: the status as it changes, the probe as it runs."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from agents import CANARY, LIMIT, agent_in, settings_for, status_server, status_when
from clock import FakeClock
from servers.certificates import Certificates
from servers.misbehaving import say_nothing, server
from tm_tui.api.agent import ProbeReport, ServerState, StepEvent
from tm_tui.api.client import AgentAbsent, ControlClient, ControlRefused
from tm_tui.api.requests import ProbeRequest, SaveRequest, SecretChanges
from tm_tui.paths import Home

PASSWORD = SecretChanges(tmsp=SecretStr(CANARY))


async def test_the_status_is_pushed(client: ControlClient) -> None:
    """A screen shows a save of another session at once, without asking."""
    stream = client.status_stream()
    assert (await anext(stream)).revision == 0
    await client.save(SaveRequest(settings={"tmsp": {"email": "a@example.com"}}), 0)
    async with asyncio.timeout(LIMIT):
        while (await anext(stream)).revision != 1:
            pass
    await stream.aclose()


async def test_disabled_says_what_it_means(client: ControlClient) -> None:
    """Switched off, the status states the consequences and how to unregister, by edition."""
    assert (await client.status()).alerts == ()  # a fresh appliance has no past to be warned about
    on = settings_for(1)
    await client.save(SaveRequest(settings=on, secrets=PASSWORD), 0)
    await client.save(SaveRequest(settings={"tmsp": on["tmsp"] | {"enabled": False}}), 1)
    status = await client.status()
    assert status.state is ServerState.DISABLED
    said = " ".join(status.alerts)
    assert "logs are not sent" in said
    assert "custom patterns are not downloaded" in said
    assert "no data" in said
    assert "representative" in said
    off = on["tmsp"] | {"enabled": False, "edition": "on-premise"}
    await client.save(SaveRequest(settings={"tmsp": off}), 2)
    assert "Registered Products" in " ".join((await client.status()).alerts)


async def test_a_quiet_stream_shows_that_it_lives(home: Home) -> None:
    """With nothing to say for fifteen seconds the agent sends a comment, so that a dead one shows."""
    clock = FakeClock()
    async with agent_in(home, clock):
        reader, writer = await asyncio.open_unix_connection(str(home.control_socket))
        writer.write(b"GET /v1/status/stream HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"event: status")
        await clock.waited(15)
        await clock.advance(15)
        async with asyncio.timeout(LIMIT):
            await reader.readuntil(b": still here")
        writer.close()


async def test_a_probe_streams_and_ends_with_its_report(client: ControlClient) -> None:
    """The form's unsaved values are tested; steps arrive one by one, the report last; nothing is saved."""
    steps = [step async for step in client.probe(ProbeRequest(settings=settings_for(1), secrets=PASSWORD))]
    assert isinstance(steps[-1], ProbeReport)
    assert not steps[-1].passed
    assert {failure.step for failure in steps[-1].failures} == {"log_server.tcp", "status_server.tcp"}
    assert (await client.settings()).revision == 0


async def test_wrong_values_are_refused_before_the_probe(client: ControlClient) -> None:
    """A test of values that could not be saved names the fields."""
    with pytest.raises(ControlRefused) as caught:
        await anext(client.probe(ProbeRequest(settings={"tmsp": {"email": "@@"}})))
    assert caught.value.status == 422
    assert caught.value.refusal.problems[0].field == "tmsp.email"


async def test_leaving_cancels_the_probe(client: ControlClient) -> None:
    """A test that nobody watches any more holds no connection to the server."""
    async with server(say_nothing) as hole, asyncio.timeout(LIMIT):
        probe = client.probe(ProbeRequest(settings=to(hole.port), secrets=PASSWORD))
        await until_hanging(probe)
        await probe.aclose()
        await hole.all_gone.wait()


async def test_at_most_four_probes_at_once(client: ControlClient) -> None:
    """Many sessions that all press Test do not exhaust the appliance."""
    async with server(say_nothing) as hole, asyncio.timeout(LIMIT):
        request = ProbeRequest(settings=to(hole.port), secrets=PASSWORD)
        running = [client.probe(request) for _ in range(4)]
        await asyncio.gather(*map(until_hanging, running))
        with pytest.raises(ControlRefused) as caught:
            await anext(client.probe(request))
        assert caught.value.status == 429
        for probe in running:
            await probe.aclose()
        await hole.all_gone.wait()
        another = client.probe(request)
        await until_hanging(another)
        await another.aclose()
        await hole.all_gone.wait()


async def until_hanging(probe: AsyncGenerator[StepEvent | ProbeReport, None]) -> None:
    """Follow a probe of a silent server to where it hangs."""
    while (step := await anext(probe)) and not (
        isinstance(step, StepEvent) and step.step == "log_server.tls"
    ):
        pass


async def test_the_end_of_the_agent_ends_streams(home: Home) -> None:
    """A console whose agent ends learns it from the stream, not from a timeout."""
    async with ControlClient(home.control_socket) as client:
        async with agent_in(home):
            stream = client.status_stream()
            await anext(stream)
        with pytest.raises(AgentAbsent):
            await anext(stream)


async def test_a_save_changes_where_the_beats_go(client: ControlClient, certificates: Certificates) -> None:
    """From save to connected without a restart, and to disabled by another save."""
    async with status_server(certificates, lambda: datetime.now(UTC)) as portal:
        settings = {**settings_for(portal.port), "trust": {"ca_file": str(certificates.ca_file)}}
        await client.save(SaveRequest(settings=settings, secrets=PASSWORD), 0)
        status = await status_when(client, lambda status: status.status_server.state is ServerState.CONNECTED)
        assert status.state in {ServerState.CONNECTING, ServerState.FAILING}  # there is no log server
        assert portal.heartbeats()[0]["revision"] == 1
        settings["tmsp"]["enabled"] = False
        await client.save(SaveRequest(settings=settings), 1)
        assert (await client.status()).state is ServerState.DISABLED
        await asyncio.wait_for(portal.told.all_gone.wait(), LIMIT)


def to(port: int) -> dict[str, object]:
    """Settings whose two servers are at one port."""
    settings = settings_for(port)
    settings["tmsp"]["log_server"]["port"] = port
    return settings
