"""What must not grow with the fleet: statements, rows and steps of the database, by count, never by time."""

import asyncio
import csv
import io
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from portals import OpenPortal, kept_in, opened_portal, threat_event
from sqlalchemy import Connection, Engine, event, func, insert, select, text
from test_portal_jobs import counted, portion
from test_portal_pages import operator

from tm_tui.clock import SystemClock
from tm_tui.portal import index, jobs, reading, tables, trends
from tm_tui.portal.alerts import records
from tm_tui.portal.alerts.rules import changes
from tm_tui.portal.alerts.settings import AlertSettings
from tm_tui.portal.blobs.files import FileBlobs
from tm_tui.portal.database import opened
from tm_tui.portal.kept import Kept
from tm_tui.portal.log import PortalLog
from tm_tui.portal.pages.tables import PIECE, as_csv, lines
from tm_tui.portal.reports import days
from tm_tui.portal.retention import sweeping
from tm_tui.portal.retention.settings import Retention

NOW = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)
AT = NOW.timestamp()
TODAY = NOW.isoformat()


def registered(connection: Connection, number: int, last_beat: float = AT) -> None:
    """So many products."""
    row = {
        "product": "p", "version": "1", "edition": "e", "email": "a@example.com", "account": "a",
        "heartbeat_seconds": 300, "registered_at": AT, "updated_at": AT, "last_beat_at": last_beat,
    }  # fmt: skip
    rows = [row | {"appliance": f"tm-{one:05}"} for one in range(number)]
    connection.execute(insert(tables.products), rows)


@contextmanager
def steps(connection: Connection) -> Iterator[list[int]]:
    """How many instructions of SQLite's machine the block takes."""
    found = [0]

    def step() -> int:
        found[0] += 1
        return 0

    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.set_progress_handler(step, 1)
    try:
        yield found
    finally:
        raw.set_progress_handler(None, 0)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_taking_a_job_costs_the_same_however_many_are_due(engine: Engine) -> None:
    """At midnight all reports are due at one moment: each taking would read all of them."""
    found = []
    for number in (10, 1000):
        with engine.begin() as connection:
            rows = [
                {"key": f"{number}/{one}", "kind": "report-daily", "due": 5.0, "leased_until": 0.0}
                for one in range(number)
            ]
            connection.execute(insert(tables.jobs), rows)
            with steps(connection) as taken:
                assert jobs.take(connection, 10.0, "read", alone=True) is not None
                assert jobs.next_due(connection) == 5.0
            found.append(taken[0])
    assert found[1] <= found[0] + 10


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_the_fleet_s_charts_cost_the_same_whatever_was_delivered(engine: Engine) -> None:
    """The first page reads sums by day, not what each appliance delivered and how often it beat."""
    found = []
    for number in (3, 300):
        with engine.begin() as connection:
            for table in (tables.beat_days, tables.day_threats, tables.fleet_threats, tables.threats):
                connection.execute(table.delete())
            today = NOW.astimezone().date().toordinal()
            for one in range(number):
                reading.keep(connection, f"tm-{one:05}", portion(threat_event(one, time=TODAY)), AT)
            beats = [
                {"appliance": f"tm-{one:05}", "day": day, "beats": 2}
                for one in range(number)
                for day in range(today - 13, today)
            ]
            connection.execute(insert(tables.beat_days), beats)
            trends.put(connection, trends.standing(connection, NOW), NOW)
            chart = trends.days_until(NOW, 14)
            with steps(connection) as taken:
                trends.beats_of_fleet(connection, chart[-1])
                assert sum(sum(of.values()) for of in trends.severities(connection, chart).values()) == number
            found.append(taken[0])
    assert found[1] < 3 * found[0]  # sixteen parts at most


def test_beats_of_the_fleet_are_all_counted(engine: Engine) -> None:
    """Noted long before midnight, and not at all while the portal was down: each day has all of its beats."""
    with engine.begin() as connection:
        registered(connection, 2)
        day = NOW.astimezone().date().toordinal()

        def beaten(one: int, at: int, number: int) -> None:
            row = {"appliance": f"tm-{one:05}", "day": at, "beats": number}
            connection.execute(insert(tables.beat_days).values(row))

        beaten(0, day - 3, 5)
        three_days_before = NOW - timedelta(days=3)
        trends.put(connection, trends.standing(connection, three_days_before), three_days_before)
        beaten(1, day - 3, 7)
        beaten(0, day, 1)
        since = (NOW - timedelta(days=13)).date()
        expected = {day - 3: 12, day: 1}
        for _ in range(2):
            found = trends.beats_of_fleet(connection, since)
            assert {of.toordinal(): number for of, number in found.items()} == expected
            trends.put(connection, trends.standing(connection, NOW), NOW)
        noted = connection.execute(select(tables.fleet_days.c.day, tables.fleet_days.c.beats)).all()
        assert {row.day: row.beats for row in noted} == expected


def test_sums_of_the_fleet_are_those_of_its_appliances(engine: Engine) -> None:
    """As events come, come again, are counted anew in another zone, and are forgotten."""

    def sums(connection: Connection, table: Any) -> dict[tuple[int, str], int]:
        of = table.c
        rows = connection.execute(
            select(of.day, of.severity, func.sum(of.events)).group_by(of.day, of.severity)
        )
        return {(row[0], row[1]): int(row[2]) for row in rows if row[2]}

    with engine.begin() as connection:
        for one in range(40):
            times = (f"2026-11-{20 + one % 5}T{one % 24:02}:00:00Z", "2026-11-21T23:30:00Z")
            told = [threat_event(2 * one + seq, time=time) for seq, time in enumerate(times)]
            for _ in range(2):
                reading.keep(connection, f"tm-{one:05}", portion(*told), AT, UTC)
        before = sums(connection, tables.fleet_threats)
        assert before == sums(connection, tables.day_threats)
        for one in range(20):
            days.count_all(connection, f"tm-{one:05}", ZoneInfo("Asia/Tokyo"))
        assert sums(connection, tables.fleet_threats) == sums(connection, tables.day_threats) != before
        for one in range(20):
            days.count_all(connection, f"tm-{one:05}", UTC)
        assert sums(connection, tables.fleet_threats) == before
        oldest = datetime(2026, 11, 22, tzinfo=UTC).timestamp()
        for one in range(40):
            days.forget(connection, f"tm-{one:05}", oldest, 500, UTC)
        left = sums(connection, tables.fleet_threats)
        assert left == sums(connection, tables.day_threats)
        assert {day for day, _ in left} == {day for day, _ in before if day >= days.day_of(oldest, UTC)}


def test_an_upgrade_sums_what_was(store: Path | str) -> None:
    """A home of before shows the same charts at once."""
    with opened(store) as connection:
        reading.keep(
            connection, "tm-one", portion(threat_event(1, time=TODAY), threat_event(2, time=TODAY)), AT
        )
        reading.keep(connection, "tm-two", portion(threat_event(3, time=TODAY)), AT)
        today = datetime.now().astimezone().date()
        row = {"day": today.toordinal(), "appliances": 1, "missing": 0, "issues": 0}
        connection.execute(insert(tables.fleet_days).values(row))
        beats = {"day": today.toordinal(), "beats": 3}
        for one in ("tm-one", "tm-two"):
            connection.execute(insert(tables.beat_days).values(beats | {"appliance": one}))
        expected = trends.severities(connection, trends.days_until(NOW, 14))
        assert expected
        for statement in (
            *("DROP TABLE fleet_threats", "ALTER TABLE fleet_days DROP COLUMN beats", "DROP INDEX alerts_of"),
            "UPDATE alembic_version SET version_num = '0009'",
        ):
            connection.execute(text(statement))
    _upgrade(store)
    with opened(store) as connection:
        assert trends.severities(connection, trends.days_until(NOW, 14)) == expected
        assert connection.execute(select(tables.fleet_days.c.beats)).scalar_one() == 6
        reading.keep(connection, "tm-two", portion(threat_event(4, time=TODAY)), AT)
        found = trends.severities(connection, trends.days_until(NOW, 14))
        assert sum(sum(of.values()) for of in found.values()) == 4


def _upgrade(store: Path | str) -> None:
    from tm_tui.portal.engines import made_engine
    from tm_tui.portal.schema import upgrade

    engine = made_engine(store)
    upgrade(engine)
    engine.dispose()


def test_a_sweep_that_finds_nothing_asks_little(engine: Engine) -> None:
    """It goes through all appliances each day: two hundred of them are one question."""
    with engine.begin() as connection:
        rows = [{"appliance": f"tm-{one:05}", "zone": "UTC"} for one in range(450)]
        connection.execute(insert(tables.counted), rows)
        reading.keep(connection, "tm-00100", portion(threat_event(1, time=TODAY)), AT)
    at: str | None = "events/"
    with engine.connect() as connection, counted(engine) as sent:
        while at is not None and at.startswith("events/"):
            done = sweeping.piece(connection, Retention(), NOW, at)
            assert done.number == 0
            at = done.following
        connection.rollback()
    assert len([one for one in sent if not one.startswith("BEGIN")]) <= 6


def test_ten_thousand_silent_ones_are_noted_in_small_pieces(engine: Engine) -> None:
    """No transaction writes more than two hundred alerts; all are in one message, and each is told once."""
    settings = AlertSettings()
    with engine.begin() as connection:
        registered(connection, 1000, AT - 86400)

    def found(connection: Connection) -> list[Any]:
        seen, standing = records.look(connection, settings, NOW), records.standing(connection)
        return list(changes(seen, standing, settings, now=AT, watching=AT - 90000, certificate=None))

    with engine.connect() as connection, counted(engine) as sent:
        silent = found(connection)
        assert len(silent) == 1000
        connection.rollback()
        sent.clear()
        for start in range(0, len(silent), records.AT_ONCE):
            records.apply(connection, silent[start : start + records.AT_ONCE], NOW)
            connection.commit()
        assert len([one for one in sent if not one.startswith("BEGIN")]) == 5
        assert found(connection) == []
        later = NOW + timedelta(seconds=settings.group_seconds)
        composed = records.composed(connection, "here", settings, later)
        assert composed is not None
        message, number = composed
        assert number == 1000
        connection.rollback()
        sent.clear()
        records.put_group(connection, ("mail", "webhook"), message, later)
        assert len([one for one in sent if not one.startswith("BEGIN")]) == 4
        assert not records.untold(connection)
        connection.commit()
        connection.execute(tables.products.update().values(last_beat_at=AT))
        back = found(connection)
        assert len(back) == 1000
        sent.clear()
        records.apply(connection, back[:200], NOW)
        assert len(sent) == 2
        connection.rollback()


async def test_a_table_to_take_away_is_read_while_it_is_sent() -> None:
    """Of ten thousand rows the first bytes are there when none was read, and then a piece at a time."""
    read = []

    async def pieces() -> AsyncIterator[str]:
        for number in range(20):
            read.append(number)
            yield lines([[number, "x"]] * PIECE)

    response = as_csv("t", ("number", "text"), pieces())
    taken = aiter(response.body_iterator)
    assert await anext(taken) == "number,text\r\n"
    assert read == []
    assert str(await anext(taken)).count("\r\n") == PIECE
    assert read == [0]
    await response.body_iterator.aclose()  # type: ignore[union-attr]  # it is a generator


async def test_no_piece_reads_more_than_its_rows(home: Path) -> None:
    """Registered Products as CSV: the names first, then two statements for each five hundred."""
    async with opened_portal(home) as portal:
        with opened(kept_in(home)) as connection:
            registered(connection, 3 * PIECE + 1)
        async with operator(portal) as client:
            with _reads(portal) as sent:
                taken = await client.get("/portal/products.csv")
    assert len(list(csv.DictReader(io.StringIO(taken.text)))) == 3 * PIECE + 1
    of_products = [one for one in sent if "FROM products" in one]
    assert len(of_products) == 5
    assert sum("products.email" in one for one in of_products) == 4


@contextmanager
def _reads(portal: OpenPortal) -> Iterator[list[str]]:
    sent: list[str] = []

    def noted(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", noted)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", noted)


async def test_removed_appliances_come_in_pages(home: Path) -> None:
    """After a thousand were removed at once, the page has fifty of them and the way to the next ones."""
    async with opened_portal(home) as portal:
        with opened(kept_in(home)) as connection:
            rows = [{"appliance": f"tm-{one:04}", "removed_at": AT, "removed_by": "o"} for one in range(120)]
            connection.execute(insert(tables.removals), rows)
        async with operator(portal) as client:
            found = []
            path = "/portal/removed"
            while path:
                page = (await client.get(path)).text
                found += [one[:7] for one in page.split('data-label="Appliance">')[1:]]
                path = page.partition('<p><a href="/portal/removed?')[2].partition('"')[0]
                path = f"/portal/removed?{path}" if path else ""
    assert found == [f"tm-{one:04}" for one in range(120)]


async def test_a_page_waits_for_no_count() -> None:
    """What takes long to count is counted once, beside the page, and shown by a later one."""
    kept, go, asked = Kept(SystemClock()), asyncio.Event(), 0

    async def count() -> str:
        nonlocal asked
        asked += 1
        await go.wait()
        return f"count {asked}"

    assert await kept.soon("x", 60.0, count, 0.0) is None
    assert await kept.soon("x", 60.0, count, 0.0) is None
    go.set()
    async with asyncio.timeout(60):
        while (found := await kept.soon("x", 60.0, count, 0.1)) is None:
            pass
    assert (found, asked) == ("count 1", 1)
    go.clear()
    assert await kept.soon("x", -1.0, count, 0.0) == "count 1"  # the old one, while there is no newer
    go.set()
    async with asyncio.timeout(60):
        while await kept.soon("x", -1.0, count, 0.1) != "count 2":
            pass


async def test_a_count_that_fails_is_told_to_who_asks() -> None:
    """It is not waited for in vain, and tried again after."""
    kept = Kept(SystemClock())

    async def fail() -> str:
        raise OSError("gone")

    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            await kept.soon("x", 60.0, fail, 10.0)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_what_lies_nowhere_is_dropped_in_few_statements(engine: Engine, tmp_path: Path) -> None:
    """A home whose folder of batches was emptied starts in seconds, with a hundred thousand entries too."""
    with engine.connect() as connection:
        row = {"appliance": "tm-a", "kind": "threat-event", "events": 1, "bytes": 1, "received_at": AT}
        rows = [row | {"name": f"{number:06}"} for number in range(1200)]
        connection.execute(insert(tables.batches), rows)
        connection.commit()
        log = PortalLog(io.StringIO(), SystemClock())
        with counted(engine) as sent:
            assert index.catch_up(connection, FileBlobs(tmp_path), log) == 1200
        assert len(sent) <= 10
        assert connection.execute(select(func.count()).select_from(tables.batches)).scalar_one() == 0
