"""What a log server may answer, and what becomes of the events: never lost, never twice, said plainly."""

import asyncio

import pytest

from spooling import server_files
from spooling.events import numbered_line
from spooling.working import at_work
from tm_tui.link.failures import failure
from tm_tui.link.types import Endpoint
from tm_tui.retry import Retry
from tm_tui.spool.store import BatchLimits, Spool


async def add(spool, first, last):
    """Accept events with these numbers."""
    await spool.add([numbered_line(n) for n in range(first, last + 1)])


async def test_events_arrive_whole_and_the_queue_is_empty(spool, server, running):
    """The usual case: both kinds arrive as files, over one connection, with the headers of the protocol."""
    await add(spool, 1, 100)
    async with running() as service:
        outcome = await service.send_now()
    assert (outcome.batches, outcome.events, outcome.failure) == (2, 100, None)
    assert len(server_files.check(server.folder, 100, 100).batches) == 2
    assert server.connections == 1
    assert all("if-none-match: *" in head.lower() for head in server.heads)
    assert all(path.startswith("/logs/tm-0042/tm-0042-") for path, _ in server.requests)
    assert spool.status().events == 0


@pytest.mark.parametrize("fault", ["swallow", "cut", "500", "503", "429"])
async def test_a_fault_is_followed_by_the_same_bytes_under_the_same_name(
    fault, spool, server, running, clock
):
    """An answer that never came is asked for again, and the server holds the batch once."""
    await add(spool, 1, 4)
    server.script.append(fault)
    async with running() as service:
        outcome = await service.send_now()
        assert outcome.failure is not None
        assert service.status().state == "retrying"
        assert service.status().last_failure.count == 1
        outcome = await service.send_now()
        assert outcome.failure is None
        assert service.status().last_failure is None
    assert len({path for path, _ in server.requests}) == 1
    server_files.check(server.folder, 4, 4)


async def test_it_tries_again_by_itself(spool, server, running, clock):
    """Nobody has to press anything after an outage, however long it was."""
    await add(spool, 1, 4)
    server.script.extend(["500"] * 12)
    async with running() as service:
        await service.send_now()
        for _ in range(400):
            if not spool.status().events:
                break
            await clock.idle()
            await clock.advance(max(0.1, min(one for one in clock.pending() if one > 0)))
        async with asyncio.timeout(60):
            while spool.status().events or not service.status().delivered_events:  # told just after
                await clock.advance(5)
        assert service.status().delivered_events == 4


async def test_retry_after_is_honoured(spool, server, running, clock):
    """A server that asks for ten minutes of peace gets them; one that asks for a week gets an hour."""
    await add(spool, 1, 4)
    server.script.extend(["503 retry-after: 600", "429 retry-after: 999999"])
    async with running() as service:
        await service.send_now()
        assert service.status().next_delivery_in_seconds == 600
        await service.send_now()
        assert service.status().next_delivery_in_seconds == 3600


@pytest.mark.parametrize("status", ["401", "403"])
async def test_refused_credentials_pause_and_alert(status, spool, server, running, clock):
    """A wrong password is not tried again soon, which would lock the account; the admin is told."""
    await add(spool, 1, 4)
    server.script.append(status)
    async with running() as service:
        outcome = await service.send_now()
        assert outcome.failure.code in {"http-auth-refused", "http-forbidden"}
        assert service.status().state == "paused"
        assert service.status().alerts
        await clock.advance(0.9 * 3600 - 1)
        assert len(server.requests) == 1
        assert (await service.send_now()).failure is None
        assert service.status().alerts == ()


async def until(service, holds):
    """Wait for a status in which it holds."""
    moved = asyncio.Event()
    service.changed = moved.set
    async with asyncio.timeout(60):
        while not holds(service.status()):
            moved.clear()
            await moved.wait()


@pytest.mark.parametrize("status", ["401", "403"])
async def test_a_refusal_does_not_last_for_good(status, spool, server, running, clock):
    """A back end that was ill for a moment gets its logs within the hour, with nobody at the console."""
    await add(spool, 1, 4)
    server.script.append(status)
    async with running() as service:
        await service.send_now()
        await clock.advance(1.1 * 3600 + 1, waiters=0)
        await until(service, lambda seen: seen.delivered_events == 4 and seen.state == "idle")
        assert service.status().last_failure is None


async def test_an_accepted_beat_ends_a_pause(spool, server, running, clock):
    """The status server takes the same credentials, so the log server may have been ill: logs go on."""
    await add(spool, 1, 4)
    server.script.extend(["401", "403"])
    async with running() as service:
        service.beat_accepted()  # nothing was refused yet: nothing to do
        await service.send_now()
        service.beat_accepted()
        await until(
            service, lambda seen: seen.state == "paused" and seen.last_failure.code == "http-forbidden"
        )
        service.beat_accepted()  # too soon after the second refusal
        await clock.advance(15)
        assert len(server.requests) == 2
        service.beat_accepted()
        await until(service, lambda seen: seen.delivered_events == 4)


def test_beats_end_a_pause_less_and_less_often(clock):
    """A server that refuses what the status server accepts is not asked at each beat."""
    retry = Retry(clock, lambda: 0.5)
    refusal = failure("http-auth-refused", "authentication", Endpoint("logs.example.com", 443))
    assert retry.failed(refusal) == 3600
    tried = []
    for second in range(0, 7200, 5):
        if retry.beat_accepted():
            tried.append(second)
            retry.failed(refusal)
        clock.suspend(5)
    assert tried == [0, 15, 45, 105, 225, 465, 945, 1905, 3825]
    retry.moved()
    retry.failed(refusal)
    assert retry.beat_accepted(), "it took something meanwhile"


async def test_a_too_large_batch_is_split_until_it_fits(spool, server, running):
    """413: the halves are sealed anew, in order, and all events arrive once."""
    await add(spool, 1, 200)
    server.usual = lambda _name, size: "413" if size > 400 else "201"
    async with running() as service:
        outcome = await service.send_now()
    assert outcome.failure is None
    held = server_files.check(server.folder, 200, 200)
    assert len(held.batches) > 4


async def test_a_single_event_too_large_holds_up_its_kind_only(spool, server, running):
    """An event that the server never takes is not dropped; the other kind of log goes on."""
    await add(spool, 4, 5)
    server.usual = lambda name, _size: "413" if "-000000000001-" in name else "201"
    async with running() as service:
        outcome = await service.send_now()
        assert outcome.failure.code == "http-too-large"
        assert outcome.events == 1
        assert spool.status().events == 1


async def test_a_full_server_is_named(spool, server, running):
    """507: the admin reads that the server's disk is full, and that logs wait here."""
    await add(spool, 1, 4)
    server.script.append("507")
    async with running() as service:
        assert (await service.send_now()).failure.code == "remote-disk-full"


async def test_a_server_that_stalls_is_cut_off(spool, server, running):
    """A server that takes no more data does not hold the queue for ever."""
    await add(spool, 1, 4)
    server.script.append("stall")
    async with running(no_progress=0.3) as service:
        while not server.asked.is_set():  # before it was, it was this machine that stalled
            outcome = await service.send_now()
        assert outcome.failure.code == "send-timeout"
    async with running() as service:
        assert (await service.send_now()).failure is None
    server_files.check(server.folder, 4, 4)


async def test_stopping_in_the_middle_loses_nothing(spool, server, running):
    """New settings stop delivery in the middle of a batch; the next service goes on with the same name."""
    await add(spool, 1, 4)
    server.script.append("stall")
    async with running() as service:
        waiting = service.send_now()
        await server.asked.wait()
    assert waiting.cancelled()
    async with running() as service:
        assert (await service.send_now()).failure is None
    assert server.requests[0][0] == server.requests[1][0]
    server_files.check(server.folder, 4, 4)


async def test_a_damaged_batch_does_not_stop_the_others(spool, server, running, tmp_path):
    """What of a damaged file is whole is delivered, and so is everything behind it."""
    await add(spool, 1, 4)
    await spool.seal()
    await add(spool, 6, 9)
    path = tmp_path / "spool" / "batches" / spool.batches()[0].name
    data = bytearray(path.read_bytes())
    data[-2] ^= 4
    path.write_bytes(data)
    async with running() as service:
        assert (await service.send_now()).failure is None
    assert len(server_files.read(server.folder).ids) == 8
    assert spool.status().lost == 0


async def test_progress_is_shown_while_sending(tmp_path, clock, server, running, spool):
    """The progress bar moves by batches, events and bytes, and ends full."""
    seen = []
    await add(spool, 1, 50)
    async with running() as service:
        service.changed = lambda: seen.append(service.progress())
        await service.send_now()
    shown = [one for one in seen if one]
    assert shown[0].events_done == 0
    assert (shown[-1].events_done, shown[-1].events, shown[-1].batches_done) == (50, 50, 2)
    assert shown[-1].bytes_done == shown[-1].bytes


async def test_many_batches_keep_their_order(tmp_path, clock, server, link):
    """A backlog is delivered oldest first, kind by kind."""
    from tm_tui.delivery.service import DeliveryService

    limits = BatchLimits(events=10)
    async with await Spool.open(tmp_path / "small", "tm-0042", limits=limits, clock=clock) as spool:
        await add(spool, 1, 300)
        service = DeliveryService(spool, link, protocol="ssl", appliance="tm-0042", interval=60, clock=clock)
        async with at_work(service):
            await service.send_now()
    server_files.check(server.folder, 300, 300)
    names = [path.rpartition("/")[2] for path, _ in server.requests]
    assert len(names) >= 30
    assert names[:20] == sorted(names[:20])
