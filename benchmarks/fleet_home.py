"""A portal's home with a fleet's past in it: products, events, counts by day, reports, batches, alerts.

The rows are what the portal makes of a month, entered past it: through the portal five million events take
half an hour, this way some minutes. `python -m benchmarks.fleet_home HOME [--products N] [--events M]
[--database URL]` makes one to look at.
"""

import argparse
import hashlib
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, Table, select, text, update

from tm_tui.portal import counters, tables
from tm_tui.portal.database import opened
from tm_tui.portal.engines import is_sqlite, made_engine
from tm_tui.portal.home import PortalHome
from tm_tui.portal.reports.days import zone_mark
from tm_tui.portal.reports.periods import KINDS
from tm_tui.portal.schema import prepare

BEAT_SECONDS = 300
DAYS = 30
"""So many days of events."""
_BEAT_DAYS, _REPORTS, _HOSTS, _SILENT = 60, 10, 20, 33
"""One product in so many is silent."""
_EVENTS = 500
"""Of a batch."""
_STATUSES, _TYPES = ("cleaned", "unsuccessful", "in-progress"), ("real-time-scan", "on-demand-scan-by-user")
_SEVERITIES = ("low", "medium", "high", "critical")
_TEXT = "# Daily report\n\n" + "| threat | severity | events | endpoints |\n" * 30
_SHA = hashlib.sha256(_TEXT.encode()).hexdigest()


class Rows(NamedTuple):
    """Rows for some columns of a table."""

    table: Table
    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


def batch_of(appliance: str, seq: int) -> str:
    """The name of a batch."""
    return f"{appliance}-{seq:012d}-{seq:016x}.ndjson.zst"


def name_of(index: int) -> str:
    """The name of a product."""
    return f"tm-{index:06d}"


def enter(where: Path | str, number: int, events: int) -> None:
    """Enter so many products with so many events in all into an empty database."""
    engine = made_engine(where)
    try:
        prepare(engine)
        now = datetime.now(UTC)
        for one in (*_fleet(number, now), *(_past(number, events, now) if events else ())):
            _put(engine, one)
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            if not is_sqlite(connection):  # what its own daemon does in time
                connection.execute(text("VACUUM (FREEZE, ANALYZE)"))
    finally:
        engine.dispose()


def settle(where: Path | str, blobs: Path, number: int, midnight: float) -> None:
    """Have it be of this process's zone, the day's reports be due at midnight, and batches have files."""
    day, later = KINDS[0], KINDS[1:]
    with opened(where) as connection:
        counters.changed(connection, "zone", zone_mark(None))
        connection.execute(update(tables.counted).values(zone=zone_mark(None)))
        of = tables.jobs.c
        connection.execute(update(tables.jobs).where(of.kind == f"report-{day}").values(due=midnight))
        kinds = [f"report-{one}" for one in later]
        connection.execute(update(tables.jobs).where(of.kind.in_(kinds)).values(due=midnight + 5 * 86400))
        names = connection.execute(select(tables.batches.c.appliance, tables.batches.c.name)).all()
    for index in range(number):
        (blobs / "logs" / name_of(index)).mkdir(parents=True, exist_ok=True)
    for appliance, name in names:
        (blobs / "logs" / appliance / name).touch()


def _put(engine: Engine, given: Rows) -> None:
    columns = ", ".join(given.columns)
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        if engine.dialect.name == "sqlite":
            cursor.execute("PRAGMA synchronous = OFF")
            cursor.execute("BEGIN")
            holes = ", ".join("?" * len(given.columns))
            cursor.executemany(f"INSERT INTO {given.table.name} ({columns}) VALUES ({holes})", given.rows)
            raw.commit()
            cursor.execute("PRAGMA synchronous = FULL")
        else:
            with cursor.copy(f"COPY {given.table.name} ({columns}) FROM STDIN") as copy:  # type: ignore[attr-defined]
                for row in given.rows:
                    copy.write_row(row)
            raw.commit()
    finally:
        raw.close()


def _fleet(number: int, now: datetime) -> Iterator[Rows]:
    """What registration leaves."""
    at, chance = now.timestamp(), random.Random(1)
    names = [name_of(index) for index in range(number)]
    yield _rows(tables.appliances, "appliance account", ((one, "registering-user") for one in names))
    told = "appliance product version edition email account heartbeat_seconds registered_at updated_at"
    told += " beats last_beat_at revision uptime_seconds waiting_events clock_skew_seconds"

    def registered() -> Iterator[tuple[Any, ...]]:
        for index, one in enumerate(names):
            last = at - chance.random() * BEAT_SECONDS - (86400.0 * 3 if index % _SILENT == 0 else 0)
            yield (
                *(
                    one,
                    "Threat Mitigator",
                    f"1.{index % 5}",
                    "on-premise",
                    f"admin-{index % 300}@example.com",
                ),
                *("registering-user", BEAT_SECONDS, at - 86400 * 90, at - 86400 * 90, 20_000, last),
                *(1, 86400.0, index % 7, 0.1),
            )

    yield _rows(tables.products, told, registered())
    seen = ((one, f"{index:08x}", f"198.51.{index // 250 % 250}.{index % 250}", at - 86400, at - 100)
            for index, one in enumerate(names))  # fmt: skip
    yield _rows(tables.instances, "appliance instance address first_at last_at", seen)
    today = datetime.now().astimezone().date()
    ends = {
        "daily": today + timedelta(days=1),
        "weekly": today + timedelta(days=7 - today.weekday()),
        "monthly": (today.replace(day=1) + timedelta(days=32)).replace(day=1),
    }
    due = {
        kind: datetime(day.year, day.month, day.day).astimezone().timestamp() for kind, day in ends.items()
    }
    jobs = ((f"report/{one}/{kind}", f"report-{kind}", one, due[kind]) for one in names for kind in due)
    yield _rows(tables.jobs, "key kind appliance due", jobs)


def _past(number: int, events: int, now: datetime) -> Iterator[Rows]:
    """What a month leaves."""
    at, today = now.timestamp(), now.astimezone().date().toordinal()
    each, names = -(-events // number), [name_of(index) for index in range(number)]
    moments = [at - DAYS * 86400 * (each - seq) / each for seq in range(each)]
    days = [datetime.fromtimestamp(one).astimezone().date().toordinal() for one in moments]
    mark = zone_mark(None)
    yield _rows(tables.counted, "appliance zone", ((one, mark) for one in names))
    yield _threats(names, moments)
    yield _rows(
        tables.day_threats,
        "appliance day threat severity hostname events",
        (
            (one, days[seq], f"TROJ_{seq * 7 % 53}", _severity(seq), _host(seq), 1)
            for one in names
            for seq in range(each)
        ),
    )
    counts = "appliance day what word events"
    words = [("status", one) for one in _STATUSES] + [("type", one) for one in _TYPES]
    by_day = ((one, day, what, word, 5) for one in names for day in sorted(set(days)) for what, word in words)
    yield _rows(tables.day_counts, counts, by_day)
    yield _endpoints(names, moments)
    since = range(today - _BEAT_DAYS, today + 1)
    beats = ((one, day, 288) for one in names for day in since)
    yield _rows(tables.beat_days, "appliance day beats", beats)
    stood = ((day, number, 300, 9000, 288 * number) for day in since)
    yield _rows(tables.fleet_days, "day appliances missing issues beats", stood)
    sums = Counter(zip(days, map(_severity, range(each)), strict=True))
    summed = ((day, 0, severity, found * number) for (day, severity), found in sums.items())
    yield _rows(tables.fleet_threats, "day part severity events", summed)
    yield from _received(names, events, at)
    yield from _watched(names, at)


def _threats(names: Sequence[str], moments: Sequence[float]) -> Rows:
    told = "appliance id at received_at hostname address event_type source status severity threat"
    rows = (
        (
            *(one, f"{index:06d}{seq:06d}", at, at + 60, _host(seq), f"192.0.2.{seq % _HOSTS}"),
            *(_TYPES[seq % 2], "on-demand-scan", _STATUSES[seq % 3], _severity(seq), f"TROJ_{seq * 7 % 53}"),
        )
        for index, one in enumerate(names)
        for seq, at in enumerate(moments)
    )
    return _rows(tables.threats, told, rows)


def _endpoints(names: Sequence[str], moments: Sequence[float]) -> Rows:
    told = "appliance key hostname ip mac status event_type threat severity event_id at seq"
    rows = (
        (
            *(one, _host(seq), _host(seq), f"192.0.2.{seq}", None, _STATUSES[seq % 3], _TYPES[seq % 2]),
            *("TROJ_7", _severity(seq), f"e{seq}", moments[-1 - seq % len(moments)], seq),
        )
        for one in names
        for seq in range(_HOSTS)
    )
    return _rows(tables.endpoints, told, rows)


def _received(names: Sequence[str], events: int, at: float) -> Iterator[Rows]:
    """Batches, reports, notices and cases."""
    told = "name appliance kind events bytes received_at first_seq last_seq"
    batches = (
        (
            batch_of(one, seq),
            one,
            "threat-event",
            _EVENTS,
            4000,
            at - seq,
            seq * _EVENTS,
            (seq + 1) * _EVENTS - 1,
        )
        for seq, one in zip(range(events // _EVENTS), itertools.cycle(names), strict=False)
    )
    yield _rows(tables.batches, told, batches)
    told = "id appliance kind title made_at text bytes sha256"
    reports = (
        (f"{one}-daily-{back}", one, "daily", f"Day {back}", at - 86400 * back, _TEXT, len(_TEXT), _SHA)
        for back in reversed(range(_REPORTS))
        for one in names
    )
    yield _rows(tables.reports, told, reports)
    told = "appliance kind id title created_at"
    notices = ((one, "report", f"{one}-daily-0", "daily, Day 0", at) for one in names)
    yield _rows(tables.notices, told, notices)
    told = "upload key appliance account form bytes sha256 endpoint threat description touched_at number"
    told += " status received_at updated_at pattern_id"
    cases = (
        (
            *(f"u{seq:08d}", f"k{seq}", one, "registering-user", "zip", 100_000, _SHA, _host(seq), "TROJ_1"),
            *("It came back.", at - seq, seq, "new-case-received", at - seq, at - seq, ""),
        )
        for seq, one in enumerate(itertools.islice(itertools.cycle(names), len(names) // 2), 1)
    )
    yield _rows(tables.cases, told, cases)
    yield _rows(tables.counters, "name value", iter([("case", len(names) // 2)]))


def _watched(names: Sequence[str], at: float) -> Iterator[Rows]:
    """Alerts that are over, and the audit."""
    told = "kind subject since detail noted_at told_at ended_at end_noted_at end_told_at"
    alerts = (("silent", one, at - 86400 * 9, "", *[at - 86400 * 9 + turn] * 5)
              for turn in range(2) for one in names)  # fmt: skip
    yield _rows(tables.alerts, told, alerts)
    audit = (
        (at - seq, "portal-operator", "192.0.2.1", "case-status-set", f"CASE-{seq}") for seq in range(20_000)
    )
    yield _rows(tables.audit, "at who source what subject", audit)
    gone = ((f"gone-{index:06d}", at, "operator") for index in range(len(names) // 100))
    yield _rows(tables.removals, "appliance removed_at removed_by", gone)


def _rows(table: Table, columns: str, rows: Iterator[tuple[Any, ...]]) -> Rows:
    return Rows(table, tuple(columns.split()), rows)


def _host(seq: int) -> str:
    return f"pc-{seq % _HOSTS:03d}"


def _severity(seq: int) -> str:
    return _SEVERITIES[seq * 7 % 53 % 4]


def main() -> None:
    """Read the command line, and make one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--products", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--database", default="")
    given = parser.parse_args()
    home, began = PortalHome(given.home), time.monotonic()
    home.prepare()
    if given.database:
        (home.path / "portal.toml").write_text(f'database = "{given.database}"\n')
    enter(given.database or home.database, given.products, given.events)
    print(f"{given.products} products, {given.events} events entered in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
