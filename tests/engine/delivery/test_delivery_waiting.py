"""Who waits for "send now" is answered, however delivery ends."""

import asyncio

import pytest

from agents import revision_for, settings_for
from spooling.events import numbered_line
from tm_tui.agent.supervisor import Supervisor
from tm_tui.clock import SystemClock
from tm_tui.delivery.log_delivery import LogDelivery
from tm_tui.delivery.service import DeliveryService
from tm_tui.errors import StorageFailed
from tm_tui.link.host_keys import HostKeys
from tm_tui.tasks import end

LIMIT = 60.0


async def answered(waiter):
    """Its end, whichever: nobody waits for ever."""
    await asyncio.wait({waiter}, timeout=LIMIT)
    assert waiter.done()
    return waiter


@pytest.mark.parametrize("where", ["seal", "batches", "read", "confirm"])
async def test_a_bug_answers_those_who_wait(spool, link, clock, monkeypatch, where):
    """`logs send` ends with a word when the delivery fails in a way that nobody foresaw."""
    service = DeliveryService(spool, link, protocol="ssl", appliance="tm-0042", interval=3600, clock=clock)
    await spool.add([numbered_line(1)])

    def broken(*_, **__):
        raise ZeroDivisionError("a bug")

    await service.begin()
    task = asyncio.create_task(service.work())
    monkeypatch.setattr(spool, where, broken)
    first, second = service.send_now(), service.send_now()
    assert (await answered(first)).cancelled()
    assert (await answered(second)).cancelled()
    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], ZeroDivisionError)
    assert service.status().state == "stopped"


async def test_an_end_answers_those_who_wait(running, spool, server):
    """Other settings, or the agent's end, leave nobody waiting: neither served nor still in the row."""
    server.script.append("stall")
    await spool.add([numbered_line(1)])
    async with running() as service:
        served = service.send_now()
        await asyncio.wait_for(server.asked.wait(), LIMIT)
        later = service.send_now()
    assert (await answered(served)).cancelled()
    assert (await answered(later)).cancelled()


async def test_a_disk_that_refuses_the_beginning_is_told(spool, link, clock, monkeypatch):
    """While the disk keeps delivery from beginning, `logs send` says so instead of waiting."""

    async def refused(**_):
        raise StorageFailed("The disk is full.", "Make room.")

    monkeypatch.setattr(spool, "put_mark", refused)
    service = DeliveryService(spool, link, protocol="ssl", appliance="tm-0042", interval=3600, clock=clock)
    waiter = service.send_now()
    with pytest.raises(StorageFailed):
        await service.begin()
    assert (await answered(waiter)).result().failure.cause == "The disk is full."


async def test_under_the_supervisor_a_bug_is_survived(spool, tmp_path, monkeypatch):
    """The waiting one is answered, the delivery comes back by itself, and the next one is served."""
    seal, broken = spool.seal, asyncio.Event()

    async def once(**more):
        if not broken.is_set():
            broken.set()
            raise ZeroDivisionError("a bug")
        return await seal(**more)

    monkeypatch.setattr(spool, "seal", once)
    keys = HostKeys(tmp_path / "host_keys")
    logs = LogDelivery("tm-0042", keys, spool, changed=lambda: None, clock=SystemClock(), chance=lambda: 0.0)
    supervisor = Supervisor([logs], lambda: None, SystemClock(), lambda: 0.0)
    supervisor.apply(revision_for(settings_for(1), None))
    service = logs.delivery()
    assert (await answered(service.send_now())).cancelled()
    while (again := await answered(service.send_now())).cancelled():
        pass  # what the bug ended is on its way out still
    assert again.result().batches == 0
    await supervisor.stop()


async def test_settings_that_come_before_it_began_answer_too(spool, tmp_path):
    """Who asked for a sending that other settings overtook is told so at once."""
    keys = HostKeys(tmp_path / "host_keys")
    logs = LogDelivery("tm-0042", keys, spool, changed=lambda: None, clock=SystemClock())
    logs.prepare(revision_for(settings_for(1), None))
    waiter = logs.delivery().send_now()
    second = revision_for(settings_for(2), None, 2)
    logs.prepare(second)
    assert waiter.cancelled()
    task = asyncio.create_task(logs.run(second))
    later = logs.delivery().send_now()
    await end({task})
    logs.prepare(revision_for(settings_for(3), None, 3))
    assert (await answered(later)).done()
