"""The portal's jobs: what is asked, what is due, what is counted; by statements and rows, never by time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portals import ANY_APPLIANCE, beat, registration, threat_event
from sqlalchemy import Connection, Engine, event, func, select

from tm_tui.portal import beats, counters, index, jobs, products, reading, tables
from tm_tui.portal.batch_file import BatchName, Contents
from tm_tui.portal.database import opened
from tm_tui.portal.jobs import Lost
from tm_tui.portal.reports import days, making
from tm_tui.portal.reports.periods import KINDS, current
from tm_tui.status_server.protocol import HeartbeatRequest, RegistrationRequest

NOW = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)
AT = NOW.timestamp()


def register(connection: Connection, appliance: str = ANY_APPLIANCE, since: datetime = NOW) -> None:
    products.register(
        connection, RegistrationRequest.model_validate(registration(appliance)), "account", since
    )


def portion(*events: dict[str, Any], at: datetime = NOW) -> reading.Portion:
    made = reading.Portion()
    for one in events:
        made.add(one, at)
    return made


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that are sent while the block runs."""
    found: list[str] = []

    def sent(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    event.listen(engine, "before_cursor_execute", sent)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", sent)


def test_what_is_asked_for_is_done_once_and_at_the_earliest_time(engine: Engine) -> None:
    """A key stands for one thing, however many ask for it; a job that is asked for anew meanwhile stays."""
    with engine.begin() as connection:
        for due in (30.0, 10.0, 20.0):
            jobs.ask(connection, "a", "sweep", due)
        assert jobs.take(connection, 9.0) is None
        job = jobs.take(connection, 10.0)
        assert job is not None
        assert jobs.take(connection, 10.0) is None
        jobs.ask(connection, "a", "sweep", 15.0)
        jobs.done(connection, job)
        again = jobs.take(connection, 15.0)
        assert again is not None
        jobs.done(connection, again)
        assert jobs.next_due(connection) is None


def test_a_lost_lease_loses_what_was_done_under_it(engine: Engine) -> None:
    """A worker that was taken for dead cannot end a job that another one has begun."""
    with engine.begin() as connection:
        jobs.ask(connection, "a", "sweep", 0.0)
        slow = jobs.take(connection, 0.0)
        quick = jobs.take(connection, jobs.LEASE_SECONDS + 1)
        assert slow is not None
        assert quick is not None

    def ended(job: jobs.Job) -> None:
        with engine.begin() as connection:
            counters.following(connection, "made by the slow one")
            jobs.done(connection, job)

    with pytest.raises(Lost):
        ended(slow)
    with engine.begin() as connection:
        jobs.done(connection, quick)
        assert connection.execute(select(func.count()).select_from(tables.counters)).scalar() == 0


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_workers_beside_each_other_take_different_jobs(engine: Engine) -> None:
    """On PostgreSQL nobody waits for a row that another worker is taking, and none is taken twice."""
    with engine.begin() as connection:
        for key in "abc":
            jobs.ask(connection, key, "sweep", 0.0)
    with engine.begin() as one, engine.begin() as two, engine.begin() as three:
        taken = [jobs.take(connection, 1.0) for connection in (one, two, three)]
        assert sorted(job.key for job in taken if job) == ["a", "b", "c"]


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_batch_that_is_committed_late_is_read(engine: Engine) -> None:
    """Numbers are given before they are seen: a batch with a lower one comes after a higher one was read."""
    names = [f"tm-lab-1-{number:012d}-0123456789abcdef.ndjson.zst" for number in (1, 2)]
    batches = [name for name in map(BatchName.parse, names) if name]
    contents = Contents("threat-event", 1, 1, None, None)
    with engine.begin() as late:
        index.add(late, batches[0], contents, NOW)
        with engine.begin() as quick:
            index.add(quick, batches[1], contents, NOW)
        with engine.begin() as worker:
            job = jobs.take(worker, AT)
            assert job is not None
            assert job.what == names[1]
            jobs.done(worker, job)
    with engine.begin() as worker:
        job = jobs.take(worker, AT)
        assert job is not None
        assert job.what == names[0]


def test_no_number_is_given_twice(engine: Engine) -> None:
    """Two cases that become whole in the same moment have different numbers."""
    with engine.begin() as connection:
        assert [counters.following(connection, "case") for _ in range(3)] == [1, 2, 3]
    with engine.begin() as connection:
        assert counters.following(connection, "case") == 4


def test_a_beat_costs_a_few_statements(engine: Engine) -> None:
    """However large the fleet, and whatever was announced to others."""
    request = HeartbeatRequest.model_validate(beat(instance="one"))
    with engine.begin() as connection:
        register(connection)
        assert beats.take(connection, request, "192.0.2.1", NOW, "account") is not None
    with engine.connect() as connection, counted(engine) as sent:
        assert beats.take(connection, request, "192.0.2.1", NOW, "account") is not None
    assert len([one for one in sent if not one.startswith("BEGIN")]) == 6
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            for one in sent[1:]:
                values = {str(number): None for number in range(one.count("?"))}
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", tuple(values.values())).all()
                assert not [row for row in plan if row[3].startswith("SCAN")], one


@pytest.mark.parametrize("number", [1, 60])
def test_a_batch_and_a_report_cost_the_same_in_any_fleet(engine: Engine, number: int) -> None:
    """Nothing looks at other products: not a batch that arrives, nor a report that is made at midnight."""
    events = [threat_event(seq, time="2026-11-25T09:00:00Z") for seq in range(50)]
    with engine.begin() as connection:
        for one in range(number):
            register(connection, f"tm-{one:03d}", NOW - timedelta(hours=1))
        reading.keep(connection, "tm-000", portion(*events), AT)
    tomorrow = NOW + timedelta(days=1)
    more = portion(*(one | {"id": f"new {one['id']}"} for one in events))
    with engine.connect() as connection:
        with counted(engine) as sent:
            reading.keep(connection, "tm-000", more, AT)
        assert len(sent) - sent[0].startswith("BEGIN") == 9
        with counted(engine) as sent:
            assert days.are_counted(connection, "tm-000")
            composed = making.compose(connection, "tm-000", "daily", tomorrow, UTC)
        assert composed is not None
        assert composed.report is not None
        assert "100** threat events" in composed.report.text
        assert len(sent) - sent[0].startswith("BEGIN") <= 14
        connection.rollback()


def test_reports_that_are_due_are_known(engine: Engine) -> None:
    """One job a product and kind, due when its period ends; none when it was removed, and one again after."""
    with engine.begin() as connection:
        for name in ("tm-one", "tm-two"):
            register(connection, name)
        made = {row.key: row.due for row in connection.execute(select(tables.jobs))}
        ends = {kind: current(kind, NOW).ends.timestamp() for kind in KINDS}
        assert made == {
            f"report/{name}/{kind}": ends[kind] for name in ("tm-one", "tm-two") for kind in KINDS
        }
        assert jobs.next_due(connection) == min(ends.values())
        products.remove(connection, "tm-one", "operator", NOW)
        assert {row.appliance for row in connection.execute(select(tables.jobs))} == {"tm-two"}


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 8 * 24),
        st.integers(0, 3 * 24),
        st.sampled_from("ab"),
        st.sampled_from(("low", "high")),
    ),
    max_size=25,
)


def test_days_are_the_same_counted_as_they_come_or_anew(store: Path | str) -> None:
    """What a report says does not depend on when the zone was set, on the order, or on a batch read twice."""
    zones = (UTC, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/St_Johns"))

    def all_of(connection: Connection) -> list[Any]:
        found = (tables.day_threats, tables.day_counts, tables.day_late)
        return [sorted(tuple(row) for row in connection.execute(select(table))) for table in found]

    with opened(store) as connection:

        @settings(max_examples=25)
        @given(EVENTS, st.sampled_from(zones), st.sampled_from(zones))
        def holds(drawn: list[Any], came_in: ZoneInfo, zone: ZoneInfo) -> None:
            for table in (
                *(tables.day_threats, tables.day_counts, tables.day_late),
                tables.counted,
                tables.threats,
            ):
                connection.execute(table.delete())
            for seq, (hour, later, name, severity) in enumerate(drawn):
                at = NOW + timedelta(hours=hour)
                threat = {"name": f"T {name}", "severity": severity}
                one = threat_event(seq, name, time=at.isoformat(), threat=threat)
                for _ in range(2):
                    made = portion(one, at=at + timedelta(hours=later))
                    reading.keep(connection, ANY_APPLIANCE, made, AT, came_in)
            as_they_came = all_of(connection)
            days.count_all(connection, ANY_APPLIANCE, zone)
            days.count_all(connection, ANY_APPLIANCE, came_in)
            assert all_of(connection) == as_they_came
            total = connection.execute(select(func.sum(tables.day_threats.c.events))).scalar()
            assert (total or 0) == len(drawn)

        holds()
