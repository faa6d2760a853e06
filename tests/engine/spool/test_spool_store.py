"""The spool: what is acknowledged is there, in order, once, whatever comes between."""

import asyncio
import json
import re
from datetime import timedelta

import pytest
import zstandard

from clock import FakeClock
from spooling.events import line, numbered_line, root_cause, threat_event
from tm_tui.errors import StorageFailed
from tm_tui.spool.disk import Quota, SpoolFull
from tm_tui.spool.opening import SpoolBusy
from tm_tui.spool.store import BatchLimits, Spool

APPLIANCE = "tm-0042"


@pytest.fixture
def opened(tmp_path):
    """Open the same spool again and again."""

    def open_it(**options):
        return _Opened(tmp_path / "spool", options)

    return open_it


class _Opened:
    def __init__(self, folder, options):
        self.folder, self.options = folder, options

    async def __aenter__(self):
        self.spool = await Spool.open(self.folder, APPLIANCE, **self.options)
        return self.spool

    async def __aexit__(self, *_):
        await self.spool.close()


def lines_of(data: bytes) -> list[dict]:
    text = zstandard.ZstdDecompressor().stream_reader(data).read()
    return [json.loads(one) for one in text.splitlines()]


async def delivered(spool: Spool) -> list[dict]:
    """Take everything out, as delivery does."""
    await spool.seal()
    found = []
    while batches := spool.batches():
        for batch in batches:
            found += lines_of(await spool.read(batch))
            await spool.confirm(batch)
    return found


async def test_what_was_accepted_is_there_after_a_restart(opened):
    """An acknowledgement outlives the process."""
    async with opened() as spool:
        assert (await spool.add([numbered_line(n) for n in range(1, 11)])).accepted == 10
    async with opened() as spool:
        assert spool.status().events == 10
        assert [event["seq"] for event in await delivered(spool)] == [1, 2, 3, 4, 6, 7, 8, 9, 5, 10]


@pytest.mark.parametrize("where", [b'"kind"', b'{"kind', b"}}"])
async def test_a_line_end_of_another_system_costs_no_event(opened, where):
    """A carriage return between the keys, or at the end of each line, is white space in JSON and no more."""
    raw = line(threat_event(1)).replace(b"}}", b"}}\r").replace(where, b"\r" + where, 1)
    async with opened() as spool:
        assert (await spool.add([raw, line(threat_event(2))])).accepted == 2
        assert [event["id"] for event in await delivered(spool)] == ["p-1", "p-2"]
        assert spool.status().lost == 0


async def test_numbers_go_on_when_everything_was_delivered(opened):
    """A portal can tell from the numbers that nothing is missing."""
    for expected in (1, 2, 3):
        async with opened() as spool:
            await spool.add([line(threat_event(expected))])
            assert [event["seq"] for event in await delivered(spool)] == [expected]
            assert spool.status().lost == 0


async def test_a_batch_is_named_and_made_as_the_protocol_says(opened):
    """Any stock server can hold batches; the portal can check each by its name."""
    async with opened() as spool:
        await spool.add([line(threat_event()), line(root_cause()), line(threat_event())])
        await spool.seal()
        threats, causes = spool.batches()
        assert re.fullmatch(rf"{APPLIANCE}-000000000001-[0-9a-f]{{16}}\.ndjson\.zst", threats.name)
        assert re.fullmatch(rf"{APPLIANCE}-000000000002-[0-9a-f]{{16}}\.ndjson\.zst", causes.name)
        assert [(event["seq"], event["kind"]) for event in lines_of(await spool.read(threats))] == [
            (1, "threat-event"),
            (3, "threat-event"),
        ]


async def test_a_batch_is_the_same_bytes_at_each_attempt(opened):
    """A repeated delivery is harmless, after a restart too."""
    async with opened() as spool:
        await spool.add([line(threat_event())] * 50)
        await spool.seal()
        (batch,) = spool.batches()
        before = await spool.read(batch)
    async with opened() as spool:
        assert spool.batches() == (batch,)
        assert await spool.read(batch) == before


async def test_a_repeated_event_is_accepted_once(opened):
    """A producer that got no answer may send again.

    Counted as accepted, delivered once, also after a restart.
    """
    async with opened() as spool:
        assert (await spool.add([line(threat_event(1)), line(threat_event(1))])).accepted == 2
        assert spool.status().events == 1
    async with opened() as spool:
        assert (await spool.add([line(threat_event(1))])).accepted == 1
        assert [event["id"] for event in await delivered(spool)] == ["p-1"]
    async with opened() as spool:
        assert (await spool.add([line(threat_event(1))])).accepted == 1
        assert spool.status().events == 0


async def test_another_event_under_a_known_id_is_refused(opened):
    """Two events that a producer named alike are not silently made one."""
    async with opened() as spool:
        intake = await spool.add([line(threat_event(1)), line(threat_event(1, status="cleaned"))])
        assert intake.accepted == 1
        assert intake.rejected[0].line == 2
        assert "id" in intake.rejected[0].reason


async def test_batches_are_sealed_as_soon_as_they_are_full(opened):
    """What waits for hours takes a sixth of the room."""
    async with opened(limits=BatchLimits(events=100)) as spool:
        sealed = asyncio.Event()
        spool.changed = lambda: sealed.set() if len(spool.batches()) == 3 else None
        await spool.add([line(threat_event())] * 350)
        async with asyncio.timeout(60):
            await sealed.wait()
        assert all(batch.events <= 100 for batch in spool.batches())


async def test_what_has_grown_old_is_sealed(opened):
    """A few events that wait for a dead server are put into a safe file too."""
    clock = FakeClock()
    async with opened(limits=BatchLimits(age=600), clock=clock) as spool:
        await spool.add([line(threat_event())])
        await clock.advance(630)
        async with asyncio.timeout(60):
            while not spool.batches():
                await clock.advance(30)


async def test_many_at_once_share_the_disk(opened):
    """A hundred producers at the same time each get their own answer."""
    async with opened() as spool:
        takes = await asyncio.gather(*(spool.add([numbered_line(n), b"bad"]) for n in range(1, 101)))
        assert all(take.accepted == 1 and take.rejected[0].line == 2 for take in takes)
        assert spool.status().events == 100


async def test_a_full_spool_refuses_and_keeps_what_it_has(opened):
    """No event is dropped to make room for another; when some are delivered, new ones are taken."""
    lines = [line(threat_event())] * 100
    async with opened(quota=Quota(bytes=100_000), limits=BatchLimits(events=10_000)) as spool:
        taken = 0
        while spool.status().full_percent < 70:
            taken += (await spool.add(lines)).accepted
        with pytest.raises(SpoolFull, match="full"):
            await spool.add(lines * 10)
        assert spool.status().events == taken
        assert spool.status().full_percent >= 70
        assert any("full" in alert for alert in spool.status().alerts)
        assert len(await delivered(spool)) == taken
        assert (await spool.add(lines)).accepted == 100


async def test_a_long_intake_that_fills_the_spool_says_from_where_on(opened):
    """The producer learns exactly which lines to send again."""
    async with opened(quota=Quota(bytes=200_000)) as spool:
        intake = await spool.add([line(threat_event())] * 3000)
        assert 0 < intake.accepted < 3000
        assert [one.line for one in intake.rejected] == list(range(intake.accepted + 1, 3001))


async def test_too_old_events_stay_and_intake_refuses(opened):
    """After 14 days without the log server the admin is told; nothing is thrown away."""
    clock = FakeClock()
    async with opened(clock=clock) as spool:
        await spool.add([line(threat_event())])
        clock.suspend(timedelta(days=10).total_seconds())
        assert spool.status().full_percent == 71
        clock.suspend(timedelta(days=5).total_seconds())
        with pytest.raises(SpoolFull, match="14 days"):
            await spool.add([line(threat_event())])
        assert len(await delivered(spool)) == 1
        await spool.add([line(threat_event())])


async def test_a_clock_that_was_set_back_breaks_nothing(opened):
    """After a correction of the clock by a day, ages are never negative and events flow."""
    clock = FakeClock()
    async with opened(clock=clock) as spool:
        await spool.add([line(threat_event())])
        clock.set_wall(-86400)
        await spool.add([line(threat_event())])
        assert spool.status().oldest_age_seconds == 0
        assert len(await delivered(spool)) == 2


async def test_a_second_process_is_refused(opened):
    """Two agents on one home would deliver twice."""
    async with opened():
        with pytest.raises(SpoolBusy):
            async with opened():
                pass


async def test_splitting_keeps_order_and_bytes_on_disk(opened):
    """A batch that the server finds too large becomes two, sealed before either is sent."""
    async with opened() as spool:
        await spool.add([numbered_line(n) for n in (1, 2, 3)])
        await spool.seal()
        halves = await spool.split(spool.batches()[0])
        assert [half.events for half in halves] == [1, 2]
    async with opened() as spool:
        assert spool.batches() == halves
        assert await spool.split(halves[0]) == ()
        assert [event["seq"] for event in await delivered(spool)] == [1, 2, 3]


async def test_only_the_first_batch_of_a_kind_can_be_confirmed(opened):
    """A bug in delivery can never mark events as delivered that were not."""
    async with opened(limits=BatchLimits(events=1)) as spool:
        await spool.add([line(threat_event(1))])
        await spool.add([line(threat_event(2))])
        await spool.seal()
        with pytest.raises(ValueError, match="not the first"):
            await spool.confirm(spool.batches()[1])


async def test_an_accepted_event_changes_no_files_size_or_blocks(opened, tmp_path):
    """A sync that has to note new blocks of a file costs several; the log has its room beforehand."""
    log = tmp_path / "spool" / "queue" / "events.db-wal"
    async with opened() as spool:
        before = log.stat()
        assert before.st_size > 4 << 20
        for number in range(1, 1200):  # once round: SQLite begins anew after 1,000 pages
            await spool.add([numbered_line(number)])
        assert log.stat().st_size == before.st_size
        assert log.stat().st_blocks == before.st_blocks


async def test_whoever_was_accepted_while_it_closes_is_told(opened):
    """Closing waits for all that was handed in, and each has its answer."""
    async with opened() as spool:
        added = [asyncio.ensure_future(spool.add([numbered_line(number)])) for number in range(1, 40)]
        await asyncio.sleep(0)
    assert [(await one).accepted for one in added] == [1] * 39
    with pytest.raises(StorageFailed):
        await spool.add([numbered_line(40)])


async def test_everything_that_waits_can_be_listed(opened):
    """The queue can be looked at while it waits, sealed or not."""
    async with opened() as spool:
        await spool.add([numbered_line(n) for n in range(1, 8)])
        await spool.seal()
        await spool.add([numbered_line(n) for n in range(8, 13)])
        seqs = [json.loads(one)["seq"] async for one in spool.lines()]
        assert sorted(seqs) == list(range(1, 13))


async def test_nothing_is_called_lost_in_the_middle_of_work(opened, monkeypatch):
    """Whoever looks while events are being committed is not alarmed: nothing is lost."""
    seen = []
    async with opened() as spool:
        age = spool._opened.core.age
        keep = age.keep

        def look(number=None):  # the numbers are given, and what waits is not counted yet
            if number is not None:
                seen.append(spool.status().lost)
            keep(number)

        monkeypatch.setattr(age, "keep", look)
        await spool.add([numbered_line(number) for number in range(1, 101)])
        await spool.add([numbered_line(number) for number in range(101, 201)])
        assert seen == [0, 0]


async def test_what_was_sealed_and_not_recorded_is_known_when_it_is_repeated(opened):
    """Killed between a batch's rename and its record, before the producer had its answer: no event twice."""
    lines = [numbered_line(number) for number in range(1, 6)]
    async with opened() as spool:
        await spool.add(lines)
        core = spool._opened.core
        core.write(core.choose("threat-event", everything=True))  # and here the power goes
    async with opened() as spool:
        assert (await spool.add(lines)).accepted == 5
        found = await delivered(spool)
        assert sorted(event["id"] for event in found) == [f"p-{number}" for number in range(1, 6)]
