"""Logs through the whole agent: taken over its socket, delivered to a portal, each once in its files."""

import asyncio
import io
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agents import LIMIT, agent_in, agent_process, short_home, status_when
from spooling.events import numbered_line
from spooling.server_files import check, read
from tm_tui.agent.folders import prepare_folders
from tm_tui.api.client import ControlClient, ControlRefused
from tm_tui.api.requests import ApproveRequest, SaveRequest, SecretChanges
from tm_tui.api.spool import SendReply
from tm_tui.changes import Throttle
from tm_tui.clock import SystemClock
from tm_tui.paths import Home
from tm_tui.portal.log import PortalLog
from tm_tui.portal.service import PortalOptions, Ready, open_portal
from tm_tui.spool.store import Spool

Save = Callable[..., Any]


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        yield made


@pytest.fixture
async def portal(tmp_path: Path) -> AsyncIterator[Ready]:
    """A running portal."""
    log = PortalLog(io.StringIO(), SystemClock())
    async with open_portal(PortalOptions(home=tmp_path / "portal"), log) as (ready, _):
        yield ready


@asynccontextmanager
async def client_in(home: Home) -> AsyncIterator[ControlClient]:
    """An agent in this process, and a client of it."""
    async with agent_in(home), ControlClient(home.control_socket) as client:
        yield client


def settings(portal: Ready, protocol: str, *, enabled: bool = True) -> dict[str, Any]:
    """Settings that lead to the portal."""
    port = portal.log_server.ssh_port if protocol == "ssh" else portal.log_server.https_port
    tmsp = {
        "enabled": enabled,
        "edition": "on-premise",
        "username": portal.username,
        "log_server": {"host": "127.0.0.1", "protocol": protocol, "port": port, "interval": "24h"},
        "status_server": {"host": "127.0.0.1", "port": portal.status_server.port},
    }
    return {"schema": 1, "tmsp": tmsp, "trust": {"ca_file": str(portal.ca_file)}}


def password_of(portal: Ready) -> str:
    """The password of the portal's account."""
    return Path(portal.password_file or "").read_text().strip()


async def save(
    client: ControlClient, portal: Ready, protocol: str = "ssl", *, password: str = "", enabled: bool = True
) -> None:
    """Save settings that lead to the portal, with its password or another."""
    secret = password or password_of(portal)
    if protocol == "ssh":
        endpoint = f"[127.0.0.1]:{portal.log_server.ssh_port}"
        await client.approve_host_key(ApproveRequest(endpoint=endpoint, fingerprint=portal.ssh_host_key))
    request = SaveRequest(
        settings=settings(portal, protocol, enabled=enabled), secrets=SecretChanges(tmsp=SecretStr(secret))
    )
    await client.save(request, (await client.settings()).revision)


async def hand_in(client: ControlClient, first: int, last: int) -> None:
    """Hand in numbered events; all are accepted."""
    lines = b"".join(numbered_line(number) + b"\n" for number in range(first, last + 1))
    assert (await client.add_events(lines)).accepted == last + 1 - first


async def send(client: ControlClient) -> SendReply:
    """Send now, and wait for the end."""
    reply = await client.send_logs()
    async with asyncio.timeout(LIMIT):
        while not reply.done:
            reply = await client.sent(reply.number)
    return reply


async def told(client: ControlClient, words: str) -> str:
    """The first line of the activity with these words."""
    async with asyncio.timeout(LIMIT), aclosing(client.activity_stream()) as lines:
        async for line in lines:
            if words in line.text:
                return line.text
    raise AssertionError("the stream ended")


@pytest.mark.parametrize("protocol", ["ssl", "ssh"])
async def test_events_arrive_exactly_once(home: Home, portal: Ready, tmp_path: Path, protocol: str) -> None:
    """Handed in over the socket, sent now: each lies once in the portal's files, and the status says so."""
    async with client_in(home) as client:
        await save(client, portal, protocol)
        await hand_in(client, 1, 300)
        waiting = await status_when(client, lambda now: now.spool.events == 300)
        assert {kind.kind: kind.events for kind in waiting.spool.kinds} == {
            "threat-event": 240,
            "root-cause": 60,
        }
        reply = await send(client)
        assert (reply.batches, reply.events, reply.failure) == (2, 300, None)
        await hand_in(client, 250, 320)  # some of them for a second time
        await send(client)
        check(tmp_path / "portal" / "logs" / waiting.appliance, 320, 320)
        after = await status_when(client, lambda now: now.log_server.delivery == "idle")
        assert after.log_server.state == "connected"
        assert after.log_server.last_delivery_at
        assert after.spool.events == 0
        assert after.log_server.next_delivery_in_seconds
        assert await told(client, "Delivered 300 events in 2 batches.")


@pytest.mark.parametrize("protocol", ["ssl", "ssh"])
async def test_a_different_file_at_the_portal_is_told(
    home: Home, portal: Ready, tmp_path: Path, protocol: str
) -> None:
    """The portal's copy is another: this one is kept and the reason told; the other kind of log goes on."""
    async with agent_in(home) as agent, ControlClient(home.control_socket) as client:
        await save(client, portal, protocol)
        status = await status_when(client, lambda now: now.status_server.registered_at is not None)
        await hand_in(client, 1, 10)
        await agent.spool.seal()
        damaged = next(one for one in agent.spool.batches() if one.kind == "threat-event")
        lies = tmp_path / "portal" / "logs" / status.appliance / damaged.name
        lies.parent.mkdir(exist_ok=True)
        lies.write_bytes(bytes(damaged.bytes))
        reply = await send(client)
        assert reply.events == 10 - damaged.events
        assert reply.failure
        assert reply.failure.code == ("http-conflict" if protocol == "ssl" else "remote-file-failed")
        if protocol == "ssh":
            assert "different file" in reply.failure.cause
        assert [one.name for one in agent.spool.batches()] == [damaged.name]
        assert lies.read_bytes() == bytes(damaged.bytes)
        lies.unlink()
        assert (await send(client)).events == damaged.events


async def test_the_date_of_the_last_delivery_outlives_the_agent(home: Home, portal: Ready) -> None:
    """After a restart of the agent the console does not say that nothing was ever sent."""
    async with client_in(home) as client:
        await save(client, portal)
        await hand_in(client, 1, 1)
        await send(client)
        await told(client, "Delivered 1 event in 1 batch.")
        before = await status_when(client, lambda now: now.log_server.delivery == "idle")
    async with client_in(home) as client:
        after = (await client.status()).log_server
        assert before.log_server.last_delivery_at is not None
        assert after.last_delivery_at is not None
        assert abs((after.last_delivery_at - before.log_server.last_delivery_at).total_seconds()) < 0.002


async def test_kill_loses_nothing_and_repeats_nothing(home: Home, portal: Ready, tmp_path: Path) -> None:
    """Kill -9 with events waiting, some sealed: the next agent delivers all that was accepted, once."""
    async with ControlClient(home.control_socket) as client:
        with agent_process(home) as process:
            await save(client, portal, enabled=False)
            await hand_in(client, 1, 6000)
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait, LIMIT)
        with agent_process(home) as process:
            assert (await client.spool()).events == 6000
            await hand_in(client, 6001, 6100)
            await save(client, portal)
            reply = await send(client)
            assert reply.failure is None
            appliance = (await client.status()).appliance
            process.terminate()
            assert await asyncio.to_thread(process.wait, LIMIT) == 0
    check(tmp_path / "portal" / "logs" / appliance, 6100, 6100)


async def test_switched_off_events_wait(home: Home, portal: Ready, tmp_path: Path) -> None:
    """While sending is off intake stays open, nothing is sent, and switching on delivers what waited."""
    async with client_in(home) as client:
        await hand_in(client, 1, 10)
        assert (await client.status()).log_server.delivery == "disabled"
        with pytest.raises(ControlRefused) as refused:
            await client.send_logs()
        assert refused.value.refusal.code == "disabled"
        await save(client, portal)
        assert (await send(client)).events == 10
        check(tmp_path / "portal" / "logs" / (await client.status()).appliance, 10, 10)


async def test_a_wrong_password_pauses_and_says_so(home: Home, portal: Ready, tmp_path: Path) -> None:
    """A refused password is not repeated: logs wait, everything says why; the right one helps."""
    async with client_in(home) as client:
        await save(client, portal, password="wrong")
        await hand_in(client, 1, 10)
        reply = await send(client)
        assert reply.failure
        assert reply.failure.code == "http-auth-refused"
        status = await status_when(client, lambda now: now.log_server.delivery == "paused")
        assert status.log_server.state == "failing"
        assert status.log_server.last_failure
        assert status.log_server.next_delivery_in_seconds is None
        queue = (await client.spool()).delivery
        assert (queue.state, queue.last_failure) == ("paused", status.log_server.last_failure)
        assert any("Sending logs is paused" in alert for alert in status.alerts)
        assert "http-auth-refused" in await told(client, "Sending is paused.")
        waiting = (await client.spool()).delivery
        assert waiting.last_failure
        assert waiting.last_failure.code == "http-auth-refused"
        await save(client, portal)
        assert (await send(client)).events == 10
        assert len(read(tmp_path / "portal" / "logs" / status.appliance).ids) == 10
        await status_when(client, lambda now: now.log_server.state == "connected")


async def test_logs_do_not_overtake_the_registration(home: Home, portal: Ready) -> None:
    """Switched on with logs that are overdue, nothing is sent before the portal knows the appliance."""
    async with client_in(home) as client:
        await hand_in(client, 1, 10)
        await save(client, portal)
        assert (await send(client)).failure is None
        assert not [line for line in await client.activity() if line.level != "info"]


async def test_an_approved_host_key_sends_what_waited(home: Home, portal: Ready, tmp_path: Path) -> None:
    """Logs that an unknown host key held up go as soon as the key is approved."""
    async with client_in(home) as client:
        request = SaveRequest(
            settings=settings(portal, "ssh"),
            secrets=SecretChanges(tmsp=SecretStr(password_of(portal))),
        )
        await client.save(request, 0)
        await hand_in(client, 1, 5)
        reply = await send(client)
        assert reply.failure
        assert reply.failure.code == "host-key-unknown"
        assert any("Logs are not sent" in alert for alert in (await client.status()).alerts)
        await save(client, portal, "ssh")
        await told(client, "Delivered 5 events")
        check(tmp_path / "portal" / "logs" / (await client.status()).appliance, 5, 5)


async def test_beats_tell_how_much_waits(home: Home, portal: Ready) -> None:
    """The portal sees in each heartbeat how many events wait on the appliance."""
    async with agent_in(home) as agent, ControlClient(home.control_socket) as client:
        await hand_in(client, 1, 7)
        assert agent.facts().waiting_events == 7


async def test_a_busy_queue_is_another_agents(home: Home) -> None:
    """An agent that cannot have the log queue starts all the same, says whose it is, and takes no event."""
    prepare_folders(home)
    async with await Spool.open(home.state / "spool", "tm-x"), client_in(home) as client:
        assert any("Another process uses the log queue" in one for one in (await client.status()).alerts)
        with pytest.raises(ControlRefused, match="Another process uses the log queue") as refused:
            await client.add_events(numbered_line(1))
        assert refused.value.status == 507
        with pytest.raises(ControlRefused, match="Another process uses the log queue"):
            await anext(client.export_spool("csv"))


async def test_a_damaged_queue_is_told(home: Home) -> None:
    """A queue that the disk has destroyed is set aside; the agent goes on, and says what is lost."""
    async with client_in(home) as client:
        await hand_in(client, 1, 50)
    for file in (home.state / "spool" / "queue").iterdir():
        file.write_bytes(b"nonsense" * 4096)
    async with client_in(home) as client:
        status = await client.status()
        assert any("damage" in alert.lower() for alert in status.alerts), status.alerts
        assert [line for line in await client.activity() if line.level == "warning"]
        await hand_in(client, 51, 60)


async def test_activity_tells_who_did_what(home: Home, portal: Ready) -> None:
    """Settings saved and by whom, a registration, an approved key: each is a line of the activity."""
    async with client_in(home) as client:
        await save(client, portal, "ssh")
        assert "root approved the host key SHA256:" in await told(client, "approved the host key")
        assert "root saved revision 1: Send logs and data to TMSP" in await told(client, "saved revision")
        await told(client, "Registered as")
        texts = [line.text for line in await client.activity()]
        assert any("Registered as" in text for text in texts)
        secret = password_of(portal)
        assert secret not in "".join(texts)


async def test_load_is_announced_a_few_times_a_second(home: Home) -> None:
    """However many events come in, a console on a slow line is not woken for each."""
    async with agent_in(home) as agent, ControlClient(home.control_socket) as client:
        woken = 0
        before = asyncio.get_running_loop().time()

        async def count() -> None:
            nonlocal woken
            while True:
                await agent.changed.event.wait()
                woken += 1

        counting = asyncio.create_task(count())
        for number in range(100):
            await hand_in(client, number + 1, number + 1)
        await status_when(client, lambda now: now.spool.events == 100)
        counting.cancel()
        took = asyncio.get_running_loop().time() - before
        assert woken <= 3 + took / 0.3


async def test_the_last_change_is_announced_too() -> None:
    """A throttled announcement may come late, and is never left out."""
    told = asyncio.Event()
    throttle = Throttle(told.set, seconds=0.05)
    throttle()
    assert told.is_set()
    told.clear()
    throttle()
    assert not told.is_set()
    await asyncio.wait_for(told.wait(), LIMIT)
    throttle.stop()
