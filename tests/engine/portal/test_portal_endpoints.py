"""Endpoints with mitigation issues: what the portal makes of the threat event logs that it received."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portals import PATIENCE, OpenPortal, lines, ndjson, opened_portal, registration, sealed, threat_event
from sqlalchemy import Connection

from tm_tui.portal import endpoints, index, jobs, products, reading, removals
from tm_tui.portal.database import Database, opened
from tm_tui.portal.endpoints import Mark
from tm_tui.portal.refusals import Refused
from tm_tui.spool.events import STATUSES
from tm_tui.spool.log_line import LoggedThreat, logged
from tm_tui.status_server.protocol import RegistrationRequest

NOW = datetime(2026, 1, 2, tzinfo=UTC)
APPLIANCE = "tm-lab-1"


@pytest.fixture
def connection(store: Path | str) -> Iterator[Connection]:
    """A portal's database in which one appliance is registered."""
    with opened(store) as connection:
        register(connection)
        yield connection


def register(connection: Connection) -> None:
    products.register(connection, RegistrationRequest.model_validate(registration(APPLIANCE)), "account", NOW)


def keep(connection: Connection, *events: dict[str, Any], received_at: datetime = NOW) -> None:
    endpoints.keep(connection, APPLIANCE, marks_of(*events, received_at=received_at))


def marks_of(*events: dict[str, Any], received_at: datetime = NOW) -> list[Mark]:
    read = [one for event in events if isinstance(one := logged(event), LoggedThreat)]
    return [endpoints.mark_of(one, received_at.timestamp()) for one in read]


def statuses(connection: Connection, now: datetime = NOW, *, every: bool = True) -> dict[str, str]:
    return {one.hostname: one.status for one in endpoints.listed(connection, now, every=every)}


async def deliver(portal: OpenPortal, plain: bytes, first: int = 1) -> Path:
    """Deliver a batch, and wait until it is read."""
    name, packed = sealed(plain, APPLIANCE, first)
    async with portal.log_server() as client:
        assert (await client.put(f"/logs/{APPLIANCE}/{name}", content=packed)).status_code == 201
    await all_read(portal)
    return portal.home / "logs" / APPLIANCE / name


async def all_read(portal: OpenPortal) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await asked(portal))["unread_batches"]:
            pass


async def asked(portal: OpenPortal, **parameters: str) -> dict[str, Any]:
    async with portal.operators() as client:
        reply = await client.get("/v1/endpoints", params=parameters)
    assert (reply.status_code, len(reply.content) < 1 << 20) == (200, True)
    found: dict[str, Any] = reply.json()
    return found


def test_what_is_an_issue(connection: Connection) -> None:
    """The list has each endpoint whose mitigation failed or waits for somebody, and no other one."""
    keep(connection, *(threat_event(seq, status, status) for seq, status in enumerate(STATUSES)))
    issues = {"unsuccessful", "rollback-unsuccessful", "no-mitigation", "manual-cleanup-needed"}
    event_at = datetime(2026, 1, 1, tzinfo=UTC)
    assert set(statuses(connection, event_at + timedelta(hours=24), every=False)) == issues
    late = set(statuses(connection, event_at + timedelta(hours=24, seconds=1), every=False))
    assert late == {*issues, "in-progress"}
    assert set(statuses(connection)) == set(STATUSES)


SOME_EVENTS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.sampled_from(STATUSES)), min_size=1, max_size=12
)


def test_newest_event_counts(connection: Connection) -> None:
    """Whatever order batches come in, and however often, the latest event of an endpoint tells its status."""

    @settings(max_examples=50)
    @given(SOME_EVENTS, st.randoms(use_true_random=False), st.integers(1, 12))
    def holds(drawn: list[tuple[str, int, str]], chance: Any, portion: int) -> None:
        connection.exec_driver_sql("DELETE FROM endpoints")
        numbered = [(name, second, seq, status) for seq, (name, second, status) in enumerate(drawn)]
        shuffled = [
            threat_event(seq, name, status, time=f"2026-01-01T00:00:0{second}Z")
            for name, second, seq, status in numbered * 2
        ]
        chance.shuffle(shuffled)
        for start in range(0, len(shuffled), portion):
            keep(connection, *shuffled[start : start + portion])
        assert statuses(connection) == {name: status for name, _, _, status in sorted(numbered)}

    holds()


def test_clock_ahead_hides_nothing(connection: Connection) -> None:
    """An event from an appliance whose clock was years ahead does not stand before all that come later."""
    keep(connection, threat_event(1, time="2036-01-01T00:00:00Z", status="cleaned"))
    later = threat_event(2, time="2026-01-03T00:00:00Z", status="unsuccessful")
    keep(connection, later, received_at=NOW + timedelta(days=2))
    assert statuses(connection, NOW + timedelta(days=2), every=False) == {"pc-1": "unsuccessful"}


def test_one_endpoint_has_many_spellings(connection: Connection) -> None:
    """One computer is one line, with a new address too; two computers of the same name are two."""
    keep(
        connection,
        threat_event(1, "PC-1", "unsuccessful", mac="02-00-5E-10-00-AA", ip="10.0.0.1"),
        threat_event(2, "pc-1.", "cleaned", mac="02:00:5e:10:00:aa", ip="10.0.0.2"),
        threat_event(3, "pc-1", "unsuccessful", mac="02:00:5e:10:00:bb"),
        threat_event(4, "pc-1", "unsuccessful", ip="10.0.0.9"),
    )
    found = endpoints.listed(connection, NOW, every=True)
    assert [(one.ip, one.mac, one.issue) for one in found] == [
        ("10.0.0.2", "02:00:5e:10:00:aa", False),
        (None, "02:00:5e:10:00:bb", True),
        ("10.0.0.9", None, True),
    ]


def test_removed_product_has_no_endpoints(connection: Connection) -> None:
    """Who left Registered Products leaves this list too, and is back when it registers again."""
    keep(connection, threat_event(1, status="unsuccessful"))
    products.remove(connection, APPLIANCE, "operator", datetime.now(UTC))
    assert statuses(connection) == {}
    removals.readmit(connection, APPLIANCE)
    register(connection)
    assert statuses(connection) == {"pc-1": "unsuccessful"}


HOSTILE: tuple[dict[str, Any], ...] = (
    {"time": "yesterday"},
    {"time": "2026-01-01T00:00:00"},
    {"seq": -1},
    {"seq": 1 << 70},
    {"endpoint": "pc-1"},
    {"endpoint": {"hostname": ""}},
    {"endpoint": {"hostname": "x" * 100_000}},
    {"endpoint": {"hostname": "pc-1", "ip": "1" * 100}},
    {"endpoint": {"hostname": ["pc-1"]}},
    {"status": "\x1b[2J"},
    {"threat": None},
    {"id": "x" * 1000},
)


async def test_hostile_events_are_passed_over(any_home: Path) -> None:
    """Nonsense in a log neither stops the list nor gets into it; escapes reach no reply and no terminal."""
    bad = [threat_event(1, status="unsuccessful") | change for change in HOSTILE]
    escapes = threat_event(
        2, "\x1b]0;x\x07\u202e' OR 1=1 --", "unsuccessful", threat={"name": "\x9b2J", "severity": "\x1b"}
    )
    times = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")
    ends = [threat_event(3 + seq, f"end-{seq}", time=time) for seq, time in enumerate(times)]
    async with opened_portal(any_home) as portal:
        await portal.register()
        await deliver(portal, ndjson(*bad, escapes, *ends))
        (found,) = (await asked(portal))["endpoints"]
        assert found["hostname"] == "\ufffd]0;x\ufffd\ufffd' OR 1=1 --"
        assert (found["threat"], found["severity"]) == ("\ufffd2J", "\ufffd")
        shown = portal.command("endpoints", "--all").stdout
        assert shown.count("\n") == 3
        assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(shown)
        (line,) = (line for line in portal.logged() if line["event"] == "unreadable-events")
        assert line["events"] == len(HOSTILE)
        for after in ("/", "\0", "nobody", "\x1b/'", "%ff", "x" * 5000):
            await asked(portal, after=after)


EXPECTED = {
    "appliance": APPLIANCE,
    "hostname": "pc-1",
    "ip": "10.0.0.1",
    "mac": "02:00:5e:10:00:01",
    "status": "unsuccessful",
    "issue": True,
    "since": "2026-01-01T00:00:00Z",
    "event_type": "on-demand-scan-by-user",
    "threat": "Trojan.Generic",
    "severity": "high",
    "event_id": "e1",
    "seq": 1,
}


async def test_list_over_https_and_by_command(any_home: Path) -> None:
    """The operator sees the endpoints with issues by HTTPS and by command; a later success ends an issue."""
    async with opened_portal(any_home) as portal:
        await portal.register()
        assert "No endpoint has" in portal.command("endpoints").stdout
        assert "No endpoint is known" in portal.command("endpoints", "--all").stdout
        bad = threat_event(1, "pc-1", "unsuccessful", ip="10.0.0.1", mac="02:00:5e:10:00:01")
        await deliver(portal, ndjson(bad, threat_event(2, "pc-2", "cleaned")))
        await deliver(portal, lines(kind="root-cause"), 3)
        (found,) = (await asked(portal))["endpoints"]
        assert found.pop("age_seconds") > 0
        assert found == EXPECTED
        assert [one["issue"] for one in (await asked(portal, all="1"))["endpoints"]] == [True, False]
        assert portal.command("endpoints").stdout.startswith("pc-1  unsuccessful  since 2026-01-01 00:00 UTC")
        by_command = json.loads(portal.command("endpoints", "--all", "--json").stdout)
        assert [one["hostname"] for one in by_command["endpoints"]] == ["pc-1", "pc-2"]
        assert by_command["unread_batches"] == 0
        await deliver(portal, ndjson({**bad, "seq": 7, "status": "cleaned"}), 7)
        assert (await asked(portal))["endpoints"] == []
        async with portal.status_server(auth=None) as stranger:
            assert (await stranger.get("/v1/endpoints")).status_code == 401


async def test_long_list_comes_in_pages(any_home: Path) -> None:
    """Hundreds of endpoints with the longest names come whole, in order, in replies that clients read."""
    long = "\U0001f480" * 200
    names = [f"pc-{number:04d}-{long}" for number in range(700)]
    threat = {"name": "\U0001f480" * 256, "severity": "critical"}
    events = [threat_event(seq, name, "unsuccessful", threat=threat) for seq, name in enumerate(names)]
    async with opened_portal(any_home) as portal:
        await portal.register()
        await deliver(portal, ndjson(*events))
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            page = await asked(portal, after=after)
            found += [one["hostname"] for one in page["endpoints"]]
            after = page["next"]
        assert found == names
        assert portal.command("endpoints").stdout.count("\n") == 700


@pytest.mark.one_store("it takes the list out of a file of SQLite's, and cuts a batch's file")
async def test_list_is_caught_up_at_start(home: Path) -> None:
    """After a crash or a lost database the list says what the files say; a damaged one is named and waits."""
    async with opened_portal(home) as portal:
        await portal.register()
        path = await deliver(portal, ndjson(threat_event(1, "pc-1", "unsuccessful")))
        await deliver(portal, ndjson(threat_event(2, "pc-2", "no-mitigation")), 2)
    with opened(home / "portal.sqlite3") as connection:
        connection.exec_driver_sql("DELETE FROM endpoints")
        for batch in index.listed(connection):
            jobs.ask(connection, f"read/{batch.name}", "read", 0.0, appliance=APPLIANCE, what=batch.name)
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    async with opened_portal(home) as portal, asyncio.timeout(PATIENCE):
        while (await asked(portal))["unread_batches"] != 1:
            pass
        assert [one["hostname"] for one in (await asked(portal))["endpoints"]] == ["pc-2"]
        assert "not read yet: 1" in portal.command("endpoints").stdout
        assert [line["batch"] for line in portal.logged() if line["event"] == "unreadable-batch"] == [
            path.name
        ]
    path.write_bytes(whole)
    async with opened_portal(home) as portal:
        await all_read(portal)
        assert [one["hostname"] for one in (await asked(portal))["endpoints"]] == ["pc-1", "pc-2"]


def test_batch_is_read_in_bounded_portions(tmp_path: Path) -> None:
    """A log of very many endpoints is never in memory at once, and keeps no beat waiting for long."""
    events = (threat_event(seq, f"pc-{seq // 2}") for seq in range(9000))
    (tmp_path / "batch").write_bytes(sealed(ndjson(*events))[1])
    with (tmp_path / "batch").open("rb") as file:
        portions = [(list(one.marks.values()), one.rows.threats) for one in reading.portions(file, NOW)]
    assert sum(len(rows) for _, rows in portions) == 9000
    assert sum(len(marks) for marks, _ in portions) <= 4520
    assert max(len(rows) for _, rows in portions) <= 500
    marks = [marks for marks, _ in portions if marks]
    assert all(before[-1].event.seq <= after[0].event.seq for before, after in pairwise(marks))


def pages(connection: Connection, most: int = 0) -> int:
    """How many pages the file may have (0: as it is)."""
    found = connection.exec_driver_sql(f"PRAGMA max_page_count{f' = {most}' if most else ''}").scalar()
    assert isinstance(found, int)
    return found


async def test_full_database_is_507(tmp_path: Path) -> None:
    """A database that cannot grow is told as a full disk, which the appliance shows, and recovers."""
    database = Database(tmp_path / "portal.sqlite3")
    await database.call(register)
    most = await database.call(pages)
    wanted = marks_of(*(threat_event(seq, f"pc-{seq}") for seq in range(500)))
    await database.call(pages, 1)
    with pytest.raises(Refused) as caught:
        await database.call(endpoints.keep, APPLIANCE, wanted)
    assert (caught.value.status, caught.value.code) == (507, "disk-full")
    await database.call(pages, most)
    await database.call(endpoints.keep, APPLIANCE, wanted)
    assert len(await database.call(statuses)) == 500
    database.close()
