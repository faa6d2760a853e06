"""The real agent on a spool that the disk has damaged, or that cannot be used at all: it starts and it beats.

Its console is answered, the status says what is wrong with the log queue, and what is whole is delivered.
"""

import asyncio
import json
import random
import shutil

import pytest

from agents import LIMIT, agent_process, status_when
from looking import looked_at
from spooling import killing, server_files
from spooling.agent_campaign import AgentCampaign
from spooling.damage_campaign import DamageCampaign
from spooling.events import numbered_line
from tm_tui.api.client import ControlClient, ControlRefused


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """A portal in a process of its own."""
    with killing.portal(tmp_path_factory.mktemp("portal") / "portal") as running:
        yield running


async def deliver(client):
    """Send until nothing waits."""
    async with asyncio.timeout(3 * LIMIT):
        while (await client.spool()).events:
            reply = await client.send_logs()
            while not reply.done:
                reply = await client.sent(reply.number)


@pytest.mark.parametrize("seed", range(3))
async def test_the_agent_lives_with_any_damage(seed, portal, tmp_path):
    """It starts, beats, takes an event, delivers what is whole, and tells what is missing."""
    campaign = AgentCampaign(tmp_path, portal, "ssl")
    damage = DamageCampaign(tmp_path / "damage", seed)
    await damage.prepare(3)
    for turn in range(3):
        chosen, chance = damage.masters[turn], random.Random(f"agent {seed} {turn}")
        spool = campaign.home.state / "spool"
        shutil.rmtree(spool, ignore_errors=True)
        shutil.rmtree(campaign.target.files, ignore_errors=True)
        shutil.copytree(chosen.folder, spool)
        done = damage.harm(spool, chosen, chance, turn)
        with agent_process(campaign.home):
            async with ControlClient(campaign.home.control_socket) as client:
                await status_when(client, lambda seen: seen.status_server.beats_accepted > 0)
                new = chosen.accepted + 1
                assert (await client.add_events(numbered_line(new))).accepted == 1, done
                await deliver(client)
                seen = await client.spool()
                status = await client.status()
        held = server_files.read(campaign.target.files)
        numbers = [int(one.removeprefix("p-")) for one in held.ids]
        assert len(numbers) == len(set(numbers)), done
        assert new in numbers, done
        for events in held.kinds.values():
            for event in events:
                number = int(str(event["id"]).removeprefix("p-"))
                assert event == {**json.loads(numbered_line(number)), "seq": event["seq"]}, done
        missing = set(range(1, new)) - chosen.delivered - set(numbers)
        if missing:
            assert seen.alerts, done
            assert set(seen.alerts) <= set(status.alerts), done


@pytest.mark.parametrize("what", ["a file instead of the folder", "a full folder instead of the lock's"])
async def test_nothing_of_the_spool_stops_the_rest_of_the_agent(what, portal, tmp_path):
    """A queue that cannot be opened: beats go on, events are refused with the cause, the status says it."""
    campaign = AgentCampaign(tmp_path, portal, "ssl")
    spool = campaign.home.state / "spool"
    if what.startswith("a file"):
        spool.write_text("not ours")
    else:
        spool.symlink_to(tmp_path / "nowhere" / "at all")
    with agent_process(campaign.home):
        async with ControlClient(campaign.home.control_socket) as client:
            seen = await status_when(client, lambda seen: seen.status_server.beats_accepted > 0)
            assert any(str(spool) in alert for alert in seen.alerts)
            with pytest.raises(ControlRefused) as refused:
                await client.add_events(numbered_line(1))
            assert refused.value.status == 507
            assert str(spool) in refused.value.refusal.cause
            assert str(spool) in str((await client.spool()).refusal)
            assert (await client.sent((await client.send_logs()).number)).failure is not None
            assert (await client.spool()).delivery.last_failure is not None
            await looked_at(campaign.home.control_socket)


async def test_a_spool_whose_disk_comes_late_is_opened_by_the_running_agent(portal, tmp_path):
    """The disk is mounted after the agent's start: no restart is needed."""
    campaign = AgentCampaign(tmp_path, portal, "ssl")
    spool = campaign.home.state / "spool"
    spool.write_text("not ours")
    quick = "from tm_tui.spool import store\nstore._LOOK_AROUND = 0.2"
    with agent_process(campaign.home, quick):
        async with ControlClient(campaign.home.control_socket) as client:
            await status_when(client, lambda seen: any(str(spool) in alert for alert in seen.alerts))
            spool.unlink()
            await status_when(client, lambda seen: not any(str(spool) in alert for alert in seen.alerts))
            assert (await client.add_events(numbered_line(1))).accepted == 1
            await deliver(client)
    assert "p-1" in server_files.read(campaign.target.files).ids
