"""What is kept how long: nothing goes that was kept before, nothing is forgotten, whatever is killed when."""

import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from portals import (
    ANY_APPLIANCE,
    OpenPortal,
    kept_in,
    lines,
    ndjson,
    opened_portal,
    registration,
    sealed,
    threat_event,
    told,
    with_settings,
)
from sqlalchemy import Connection, Engine, func, insert, select, text, update
from test_portal_cases import created, patch

import forked
from clock import FakeClock
from servers.buckets import KEYS, Buckets
from tm_tui.clock import SystemClock
from tm_tui.errors import SettingsRefused
from tm_tui.portal import audit, cases, doomed, index, jobs, products, tables, trends
from tm_tui.portal.batch_file import BatchName, Contents
from tm_tui.portal.blobs.address import blobs_at
from tm_tui.portal.blobs.store import Blobs
from tm_tui.portal.cases import NewUpload
from tm_tui.portal.database import opened
from tm_tui.portal.engines import is_sqlite, made_engine
from tm_tui.portal.log import PortalLog
from tm_tui.portal.reports import days, making, shelf
from tm_tui.portal.reports.shelf import Report
from tm_tui.portal.retention import going, sweeping
from tm_tui.portal.retention.settings import Retention
from tm_tui.portal.service import PortalOptions, open_portal
from tm_tui.portal.settings import keys
from tm_tui.portal.settings_file import read_settings
from tm_tui.status_server.protocol import RegistrationRequest

NOW = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)
AT, DAY = NOW.timestamp(), 86400.0
SHORT = Retention(events=120, batches=10, cases=10, reports=90, beats=31, fleet=31, audit=30, alerts=7)


@pytest.fixture(params=["files", "bucket"])
def blobs_address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Each kind of store, empty."""
    if request.param == "files":
        return f"file:{tmp_path}/blobs"
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    server: Buckets = request.getfixturevalue("bucket_server")
    return server.new()


def named(sequence: int) -> BatchName:
    name = BatchName.parse(f"{ANY_APPLIANCE}-{sequence:012d}-0123456789abcdef.ndjson.zst")
    assert name is not None
    return name


def put(blobs: Blobs, name: str, aside: Path) -> None:
    aside.write_bytes(b"x")
    blobs.put(name, aside)


def entered(connection: Connection, blobs: Blobs, aside: Path, sequence: int, age: float) -> None:
    """A batch that was read, and its blob."""
    name = named(sequence)
    put(blobs, index.blob_of(name.appliance, name.text), aside)
    index.add(connection, name, Contents("threat-event", 1, 1, None, None), NOW - timedelta(days=age))
    jobs.withdraw(connection, f"read/{name.text}")


def case_taken(connection: Connection, blobs: Blobs, aside: Path, upload: str, age: float) -> None:
    """A case that was downloaded, as a file and as a part."""
    then = NOW - timedelta(days=age)
    about = {"endpoint": "", "threat": "", "description": "", "sha256": "", "bytes": 1, "form": "zip"}
    new: dict[str, Any] = {"upload": upload, "key": upload, "appliance": ANY_APPLIANCE, "account": "a"}
    cases.begin(connection, NewUpload(**new, **about), then)
    case = cases.case_id(cases.complete(connection, upload, then).number or 0)
    cases.set_status(connection, case, then, "sample-downloaded")
    put(blobs, f"cases/{case}.zip", aside)
    put(blobs, f"cases/{upload}/{0:012d}-{1:012d}", aside)


def filled(connection: Connection, blobs: Blobs, aside: Path) -> None:
    """Two of each kind, one of which has had its time by `SHORT`."""
    for number, age in enumerate((20.0, 5.0), 1):
        entered(connection, blobs, aside, number, age)
        case_taken(connection, blobs, aside, f"{number:032x}", age)
    for age in (500, 1):
        then = NOW - timedelta(days=age)
        shelf.put(connection, Report(f"r-{age}", ANY_APPLIANCE, "daily", "T", "text"), then)
        audit.note(connection, ("op", "192.0.2.1"), "case-changed", f"{age}", then)
        day = then.astimezone().date().toordinal()
        connection.execute(insert(tables.beat_days).values(appliance=ANY_APPLIANCE, day=day, beats=1))
        connection.execute(insert(tables.fleet_days).values(day=day, appliances=1, missing=0, issues=0))
        at = then.timestamp()
        alert = {"kind": "silent", "subject": "x", "since": at, "noted_at": at, "ended_at": at}
        connection.execute(insert(tables.alerts).values(alert))
        message = {"way": "mail", "message": "{}", "made_at": at, "due_at": at, "done_at": at}
        connection.execute(insert(tables.alert_messages).values(message))
        words = dict.fromkeys(("hostname", "address", "event_type", "source", "status", "severity"), "w")
        event = {"appliance": ANY_APPLIANCE, "id": f"e{age}", "at": at, "received_at": at, "threat": "w"}
        days.begin(connection, ANY_APPLIANCE)
        connection.execute(insert(tables.threats).values(words | event))
        days.add(connection, ANY_APPLIANCE, [words | event], [])


def counts(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in tables.metadata.sorted_tables
    }


def swept(connection: Connection, blobs: Blobs, retention: Retention) -> dict[str, int]:
    went: dict[str, int] = {}
    for piece in sweeping.sweep(connection, blobs, retention, NOW):
        went[piece.kind] = went.get(piece.kind, 0) + piece.number
    return {kind: number for kind, number in went.items() if number}


def test_nothing_goes_by_default_that_was_kept_before() -> None:
    """Who sets nothing keeps batches, cases and reports for ever, the rest as long as the portal did."""
    found = {key: default for key, default, _ in keys() if key.startswith("retention.")}
    assert found == {
        "retention.events": 120,
        "retention.batches": 0,
        "retention.cases": 0,
        "retention.reports": 0,
        "retention.beats": 120,
        "retention.fleet": 400,
        "retention.audit": 400,
        "retention.alerts": 90,
    }


@pytest.mark.parametrize("line", ["events = 119", "reports = 89", "audit = 1", "batches = -1", 'cases = "x"'])
def test_too_short_a_time_is_refused_in_words(home: Path, line: str) -> None:
    """What reports and charts need cannot be set below, and the line says so with its key."""
    with_settings(home, f"[retention]\n{line}\n")
    with pytest.raises(SettingsRefused) as refused:
        read_settings(home, {})
    (problem,) = refused.value.problems
    assert problem.field == f"portal.toml: retention.{line.split(maxsplit=1)[0]}"
    assert problem.remedy


def test_what_has_had_its_time_goes_and_is_counted_before(
    engine: Engine, blobs_address: str, tmp_path: Path
) -> None:
    """One of each kind goes, with its blob; the names stay; `show` had said exactly that."""
    blobs = blobs_at(blobs_address, tmp_path)
    with engine.connect() as connection:
        filled(connection, blobs, tmp_path / "aside")
        connection.commit()
        before = counts(connection)
        expected = {one.kind: one.going for one in going.kept(connection, SHORT, NOW)}
        assert expected == {**dict.fromkeys(expected, 1), "alerts": 2}
        assert swept(connection, blobs, Retention(events=0, beats=0, fleet=0, audit=0, alerts=0)) == {}
        went = swept(connection, blobs, SHORT)
        # the event goes with its three counts by day
        assert went == {**expected, "events": 1 + 3, "blobs": 3}
        after = counts(connection)
        assert {name for name in before if before[name] != after[name]} == {
            *(
                "alerts",
                "alert_messages",
                "audit",
                "beat_days",
                "day_counts",
                "day_threats",
                "fleet_days",
                "fleet_threats",
            ),
            *("reports", "threats"),
        }
        assert {blob.name.rpartition("/")[2][:8] for blob in blobs.list("logs/")} == {named(2).text[:8]}
        assert len(list(blobs.list("logs/"))) == 1
        assert sorted(blob.name for blob in blobs.list("cases/")) == [
            f"cases/{2:032x}/{0:012d}-{1:012d}",
            "cases/C-000002.zip",
        ]
        assert cases.case_of(connection, "C-000001").file == ""
        assert {one.going for one in going.kept(connection, SHORT, NOW)} == {0}
        assert swept(connection, blobs, SHORT) == {}
        assert [one.number for one in index.listed(connection)] == [2]


def unexplained(connection: Connection, blobs: Blobs) -> tuple[set[str], set[str]]:
    """Rows without their blob, and blobs without a row that wants them or a note that they go."""
    there = {blob.name for prefix in ("logs/", "cases/") for blob in blobs.list(prefix)}
    wanted = {index.blob_of(one.appliance, one.name) for one in index.listed(connection)}
    for case in cases.listed(connection):
        if case.file:
            wanted |= {f"cases/{case.file}", f"cases/{case.upload}/{0:012d}-{1:012d}"}
    noted = tuple(one.name for one in doomed.listed(connection, 1000))
    return wanted - there, {name for name in there - wanted if not name.startswith(noted or ("-",))}


def killed(steps: int, store: Path | str, blobs_address: str, home: Path) -> int:
    """Sweep in a process that is killed before the nth step. Returns how it ended."""
    order = {
        "store": str(store),
        "blobs": blobs_address,
        "home": str(home),
        "steps": steps,
        "retention": SHORT.model_dump(),
        "now": NOW.isoformat(),
    }
    here = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {here!r}); import sweep_killed; sweep_killed.main()"
    return forked.run((sys.executable, "-c", code, json.dumps(order)), timeout=60).returncode


@pytest.mark.parametrize(
    ("store", "blobs_address"), [("sqlite", "files"), ("postgresql", "bucket")], indirect=True
)
def test_a_kill_at_any_step_forgets_nothing(store: Path | str, blobs_address: str, tmp_path: Path) -> None:
    """No row is ever without its blob, no blob without a row or a note; the next sweep ends the work."""
    blobs, log = blobs_at(blobs_address, tmp_path), PortalLog(StringIO(), SystemClock())
    with opened(store) as connection:
        filled(connection, blobs, tmp_path / "aside")
    for steps in range(100):
        code = killed(steps, store, blobs_address, tmp_path)
        with opened(store) as connection:
            assert unexplained(connection, blobs) == (set(), set()), steps
            index.catch_up(connection, blobs, log)
            connection.commit()
            assert unexplained(connection, blobs) == (set(), set()), steps
            if code == 0:
                break
            assert code == -signal.SIGKILL
            swept(connection, blobs, SHORT)
            assert unexplained(connection, blobs) == (set(), set())
            assert doomed.listed(connection, 10) == []
            assert counts(connection)["batches"] == 2 + steps
            again = f"{steps + 10:032x}"
            entered(connection, blobs, tmp_path / "aside", steps + 10, 20.0)
            case_taken(connection, blobs, tmp_path / "aside", again, 20.0)
    assert steps > 10


def test_a_sweep_takes_small_pieces(engine: Engine, tmp_path: Path) -> None:
    """However much has had its time, each transaction is short, and the rest comes in later ones."""
    blobs = blobs_at(f"file:{tmp_path}/blobs", tmp_path)
    with engine.connect() as connection:
        old = AT - 500 * DAY
        row = {"at": old, "who": "w", "source": "s", "what": "x", "subject": ""}
        connection.execute(insert(tables.audit), [row] * 1300)
        words = dict.fromkeys(("hostname", "address", "event_type", "source", "status", "severity"), "w")
        for appliance in ("tm-a", "tm-b"):
            days.begin(connection, appliance)
            events = [
                words
                | {"appliance": appliance, "id": f"{n}", "at": old, "received_at": old, "threat": f"{n}"}
                for n in range(700)
            ]
            connection.execute(insert(tables.threats), events)
            days.add(connection, appliance, events, [])
        connection.commit()
        pieces = list(sweeping.sweep(connection, blobs, Retention(), NOW))
        assert max(piece.number for piece in pieces) == 500
        assert sum(piece.number for piece in pieces if piece.kind == "audit") == 1300
        left = counts(connection)
        assert [left[name] for name in ("audit", "threats", "day_threats", "day_counts")] == [0, 0, 0, 0]


def test_what_is_still_to_be_read_stays(engine: Engine, tmp_path: Path) -> None:
    """However old it is: a batch that could not be read is not lost."""
    blobs = blobs_at(f"file:{tmp_path}/blobs", tmp_path)
    with engine.connect() as connection:
        index.add(connection, named(1), Contents("threat-event", 1, 1, None, None), NOW - timedelta(days=400))
        assert swept(connection, blobs, SHORT) == {}
        jobs.withdraw(connection, f"read/{named(1).text}")
        assert swept(connection, blobs, SHORT) == {"batches": 1, "blobs": 1}


def test_a_batch_that_comes_while_it_is_swept_goes_again(engine: Engine, tmp_path: Path) -> None:
    """Its bytes were put again before anybody knew: they do not stay, not even when it is noted twice."""
    blobs = blobs_at(f"file:{tmp_path}/blobs", tmp_path)
    with engine.connect() as connection:
        entered(connection, blobs, tmp_path / "aside", 1, 20.0)
        at: str | None = "batches/"
        while at is not None and not sweeping.deletes_blobs(at):
            at = sweeping.piece(connection, SHORT, NOW, at).following
        found = doomed.listed(connection, 9)
        doomed.remove(blobs, found)
        put(blobs, index.blob_of(ANY_APPLIANCE, named(1).text), tmp_path / "aside")
        index.add(connection, named(1), Contents("threat-event", 1, 1, None, None), NOW)
        doomed.gone(connection, found)
        assert len(doomed.listed(connection, 9)) == 1
        swept(connection, blobs, SHORT)
        assert list(blobs.list("logs/")) == []
        assert index.listed(connection) == ()


def test_no_report_is_made_again_after_it_went(engine: Engine, tmp_path: Path) -> None:
    """The shortest time is longer than the portal looks back for reports that it missed."""
    blobs = blobs_at(f"file:{tmp_path}/blobs", tmp_path)
    begun, made = NOW - timedelta(days=200), []
    with engine.connect() as connection:
        request = RegistrationRequest.model_validate(registration())
        products.register(connection, request, "account", begun)
        for day in range(200):
            now = begun + timedelta(days=day)
            made += [report.id for report in making.make_due(connection, now, UTC)]
            for _ in sweeping.sweep(connection, blobs, Retention(reports=90), now):
                pass
        assert len(made) == len(set(made)) > 200
        assert 0 < counts(connection)["reports"] < 130


def test_a_file_of_sqlite_s_becomes_smaller(tmp_path: Path) -> None:
    """What is unused goes back to the disk, but for a part; an earlier portal's once it was compacted."""
    blobs = blobs_at(f"file:{tmp_path}/blobs", tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    for path, shrinks in ((home / "portal.sqlite3", False), (tmp_path / "new.sqlite3", True)):
        if not shrinks:
            engine = made_engine(path)
            raw = engine.raw_connection()
            for statement in ("PRAGMA auto_vacuum = NONE", "VACUUM"):
                raw.cursor().execute(statement)
            raw.close()
            engine.dispose()
        for compacted in (shrinks, True):
            with opened(path) as connection:
                assert is_sqlite(connection)
                row = {"at": 1.0, "who": "w" * 200, "source": "s" * 200, "what": "x", "subject": "y" * 200}
                connection.execute(insert(tables.audit), [row] * 5000)
                connection.commit()
                pages = connection.execute(text("PRAGMA page_count")).scalar_one()
                assert swept(connection, blobs, SHORT)["audit"] == 5000
                left = connection.execute(text("PRAGMA page_count")).scalar_one()
                assert (left < pages / 2) == compacted
            if not shrinks:
                done = told("db", "compact", "--home", str(home), "--json")
                assert done.returncode == 0, done.stderr
        if shrinks:
            break


async def send(portal: Any, name: str, packed: bytes) -> int:
    async with portal.log_server() as client:
        return (await client.put(f"/logs/{ANY_APPLIANCE}/{name}", content=packed)).status_code


async def test_a_swept_batch_is_never_taken_again(home: Path, blobs_setting: str) -> None:
    """Over both ways a repeat is a success for the sender, adds nothing, and other bytes are refused."""
    name, packed = sealed(lines(1, 3, "status-log"))
    with_settings(home, f"{blobs_setting}[retention]\nbatches = 1\ncases = 1\n")
    async with opened_portal(home) as portal:
        await portal.register()
        assert await send(portal, name, packed) == 201
        async with portal.status_server() as client:
            await patch(client, await created(client, 3, key="whole-000"), 0, b"abc")
            assert (await client.get("/v1/cases/C-000001/file", auth=portal.operator)).status_code == 200
        with opened(kept_in(home)) as connection:
            connection.execute(update(tables.batches).values(received_at=1.0))
            connection.execute(update(tables.cases).values(updated_at=1.0))
        shown = json.loads(portal.command("retention", "show", "--json").stdout)
        rows = {one["kind"]: one for one in shown["kept"]}
        assert (rows["batches"]["going"], rows["batches"]["going_bytes"]) == (1, len(packed))
        assert (rows["batches"]["days"], rows["batches"]["origin"]) == (1, "portal.toml")
        assert rows["reports"]["origin"] == "default"
        done = json.loads(portal.command("retention", "apply", "--json").stdout)
        assert done["gone"] == {"batches": 1, "cases": 1, "blobs": 3}
        assert await send(portal, name, packed) == 412
        assert await send(portal, name, packed + b"x") == 422
        folder = f"logs/{ANY_APPLIANCE}"
        async with portal.sftp() as client:
            await client.makedirs(folder, exist_ok=True)
            async with client.open(f"{folder}/{name}.part", "wb") as file:
                await file.write(packed)
            await client.posix_rename(f"{folder}/{name}.part", f"{folder}/{name}")
            with pytest.raises(asyncssh.SFTPNoSuchFile):
                await client.stat(f"{folder}/{name}")
        assert [*portal.blobs.list("logs/"), *portal.blobs.list("cases/")] == []
        async with portal.status_server() as client:
            assert (await client.get("/v1/cases/C-000001/file", auth=portal.operator)).status_code == 404
            again = await created(client, 3, key="whole-000")
            assert (await client.head(again, headers={"tus-resumable": "1.0.0"})).headers[
                "upload-offset"
            ] == "3"
    async with opened_portal(home) as portal:
        assert await send(portal, name, packed) == 412
        assert [*portal.blobs.list("logs/"), *portal.blobs.list("cases/")] == []


async def test_a_running_portal_sweeps_once_a_day(home: Path) -> None:
    """Nobody has to do anything: what has had its time is gone a day later, and the log says so."""
    with_settings(home, "[retention]\nbatches = 1\n")
    clock = FakeClock(datetime.now(UTC) - timedelta(hours=1))
    name = sealed(ndjson(threat_event(1)))
    with home.with_suffix(".log").open("a") as stream:
        options = PortalOptions(home)
        async with open_portal(options, PortalLog(stream, clock), clock) as (ready, _):
            portal = OpenPortal(home, ready.model_dump())
            await portal.register()
            assert await send(portal, *name) == 201
            for _ in range(3):
                await clock.idle(4)
                await clock.advance(86400.0)
            await clock.idle(4)
            assert list(portal.blobs.list("logs/")) == []
            assert await send(portal, *name) == 412
    assert '"event": "swept"' in home.with_suffix(".log").read_text()
    assert trends.days_until(clock.now(), 2)
