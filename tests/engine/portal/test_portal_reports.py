"""Reports of the portal: made of the logs that it really received, when they are due, each once."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from portals import (
    ANY_APPLIANCE,
    PATIENCE,
    OpenPortal,
    ndjson,
    opened_portal,
    registration,
    sealed,
    threat_event,
)
from sqlalchemy import Connection

from tm_tui.portal import notices, products, reading
from tm_tui.portal.database import opened
from tm_tui.portal.reports import incidents as incident_reports
from tm_tui.portal.reports import making, shelf
from tm_tui.portal.reports.markdown import code, plain, table
from tm_tui.portal.reports.periods import current, last_ended
from tm_tui.reports.protocol import MOST_REPORT_BYTES
from tm_tui.status_server.protocol import HeartbeatRequest, RegistrationRequest
from tm_tui.text import safe_text

NOW = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)  # a Wednesday
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
HOSTILE = "<script>alert(1)</script> [click](javascript:x) *b* `c` | \x1b[2J\u202e # h"


def root_cause(seq: int, threat_event_id: str, **more: Any) -> dict[str, Any]:
    return {
        "seq": seq,
        "kind": "root-cause",
        "id": f"r{seq}",
        "time": "2026-11-25T09:00:00Z",
        "endpoint": {"hostname": "pc-1", "ip": "192.0.2.1"},
        "threat_event_id": threat_event_id,
        "chain": [
            {
                "time": "2026-11-25T08:58:00Z",
                "actor": "outlook.exe",
                "action": "opened",
                "object": "invoice.zip",
            },
            {
                "time": "2026-11-25T08:58:30Z",
                "actor": "setup.exe",
                "action": "created",
                "object": "x.dll",
                "parent": "explorer.exe",
                "hash": "ab" * 32,
            },
        ],
        **more,
    }


@pytest.fixture
def connection(store: Path | str) -> Iterator[Connection]:
    """A portal's database in which one appliance is registered since long ago."""
    with opened(store) as connection:
        since = NOW - timedelta(days=100)
        products.register(
            connection, RegistrationRequest.model_validate(registration(ANY_APPLIANCE)), "account", since
        )
        yield connection


def received(connection: Connection, tmp_path: Path, *events: dict[str, Any], at: datetime = NOW) -> None:
    """What the portal keeps of a batch with these events."""
    name, packed = sealed(ndjson(*events))
    path = tmp_path / name
    path.write_bytes(packed)
    with path.open("rb") as file:
        for portion in reading.portions(file, at):
            reading.keep(connection, ANY_APPLIANCE, portion, at.timestamp(), UTC)


def incidents(connection: Connection, now: datetime = NOW, **more: Any) -> list[str]:
    """Make the incident reports that can be made; their texts."""
    found: list[str] = []
    while (made := incident_reports.make_incidents(connection, now, zone=UTC, **more)) is not None:
        found += [one.text for one in made]
    return found


def test_an_incident_tells_what_happened_and_what_to_do(connection: Connection, tmp_path: Path) -> None:
    """Malicious behaviours, the chain in its order, and actions by event type, status and threat."""
    event = threat_event(
        1, "pc-1", "manual-cleanup-needed", time="2026-11-25T09:00:00Z",
        threat={"name": "RTKT.C", "severity": "critical"},
    )  # fmt: skip
    other = event | {"id": "e9", "seq": 9, "endpoint": {"hostname": "pc-2"}}
    received(connection, tmp_path, event, other)
    received(connection, tmp_path, root_cause(2, "e1"))
    (text,) = incidents(connection)
    for words in (
        f"# Incident: RTKT.C on pc-1, {ANY_APPLIANCE}",
        "severity **critical**",
        "**Manual cleanup needed**",
        "**Puts files on the disk:** setup.exe created `x.dll`",
        "1. 2026-11-25 08:58:00 UTC: **outlook.exe** opened `invoice.zip`",
        "2. 2026-11-25 08:58:30 UTC: **setup.exe** created `x.dll`, started by explorer.exe",
        "It began with **outlook.exe**",
        "1. Take this endpoint off the network",
        "Clean this endpoint by hand",
        "Ask the user of this endpoint",
        "Look at **pc-2** too",
        "ab" * 32,
    ):
        assert words in text
    assert incidents(connection) == []


def test_a_root_cause_waits_for_its_threat_event(connection: Connection, tmp_path: Path) -> None:
    """The two halves may come in any order; after ten minutes the report says what is missing."""
    received(connection, tmp_path, root_cause(1, "e5"), root_cause(2, "lost"))
    assert incidents(connection) == []
    received(connection, tmp_path, threat_event(5, time="2026-11-25T09:00:00Z"))
    (text,) = incidents(connection)
    assert "Trojan.Generic on pc-1" in text
    (late,) = incidents(connection, NOW + timedelta(seconds=incident_reports.WAIT_SECONDS + 1))
    assert "the threat event lost has not been received" in late


def test_ids_are_stable(tmp_path: Path) -> None:
    """A database that was lost comes back with the same incident under the same id."""
    ids = set()
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        with opened(folder / "portal.sqlite3") as connection:
            products.register(
                connection, RegistrationRequest.model_validate(registration(ANY_APPLIANCE)), "account", NOW
            )
            received(connection, folder, threat_event(5, time="2026-11-25T09:00:00Z"))
            received(connection, folder, root_cause(1, "e5"))
            incidents(connection)
            ids |= {one.id for one in shelf.listed(connection)}
    assert len(ids) == 1


def test_incidents_do_not_flood(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many root causes there are, so many reports a day are made, one notice, and bounded rows."""
    monkeypatch.setattr(incident_reports, "_MOST_INCIDENTS", 200)
    received(connection, tmp_path, *(threat_event(n, time="2026-11-25T09:00:00Z") for n in range(1, 300)))
    received(connection, tmp_path, *(root_cause(n + 1000, f"e{n}") for n in range(1, 300)))
    assert len(incidents(connection)) == 200
    assert len(notices.for_appliance(connection, ANY_APPLIANCE)) == 1
    assert connection.exec_driver_sql("SELECT count(*) FROM root_causes WHERE waiting = 1").fetchone()[0] == 0
    assert connection.exec_driver_sql("SELECT max(length(chain)) FROM root_causes").fetchone()[0] == 0


@pytest.mark.parametrize("field", ["hostname", "threat", "actor", "object", "action"])
def test_nothing_from_outside_is_markdown(connection: Connection, tmp_path: Path, field: str) -> None:
    """Links, tags, tables and escapes in names are shown as text, and nothing else."""
    event, cause = threat_event(1, time="2026-11-25T09:00:00Z"), root_cause(2, "e1")
    if field == "hostname":
        event["endpoint"] = cause["endpoint"] = {"hostname": HOSTILE}
    elif field == "threat":
        event["threat"] = {"name": HOSTILE, "severity": "high"}
    else:
        cause["chain"][1][field] = HOSTILE
    received(connection, tmp_path, event)
    received(connection, tmp_path, cause)
    (text,) = incidents(connection)
    kinds = {token.type for token in MARKDOWN.parse(text)}
    inline = {
        child.type
        for token in MARKDOWN.parse(text)
        for child in token.children or ()
        if token.type == "inline"
    }
    assert not {"html_block", "html_inline", "link_open", "image"} & (kinds | inline)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "<script>" in MARKDOWN.render(text).replace("&lt;", "<").replace("&gt;", ">")
    assert "<script>" not in MARKDOWN.render(text)


@given(st.text(max_size=300))
def test_escaped_text_reads_as_itself(text: str) -> None:
    """Whatever a name holds, a reader of the Markdown sees that name, alone, in a list and in a table."""
    wanted = " ".join(safe_text(text, 200).split()) or "-"
    for source in (plain(text), f"- {plain(text)}", "\n".join(table(("a",), [(plain(text),)]))):
        shown = [token.content for token in MARKDOWN.parse(source) if token.type == "inline"]
        words = ["".join(child.content for child in token.children or ()) for token in MARKDOWN.parse(source)]
        assert len([word for word in shown if word]) == (2 if source.startswith("| a") else 1)
        assert words[-2 if source == plain(text) else -1] is not None
        assert wanted in words
    inside = [child for token in MARKDOWN.parse(f"x {code(text)}") for child in token.children or ()]
    assert [child.type for child in inside] == ["text", "code_inline"]


def test_weeks_run_from_sunday_to_saturday() -> None:
    """And months by the calendar; days by the zone, summer time too."""
    week = current("weekly", NOW, UTC)
    assert (week.first, week.last) == (date(2026, 11, 22), date(2026, 11, 28))
    assert current("weekly", datetime(2026, 11, 22, tzinfo=UTC), UTC) == week
    assert current("weekly", datetime(2026, 11, 28, 23, 59, tzinfo=UTC), UTC) == week
    month = last_ended("monthly", NOW, 1, UTC)[0]
    assert (month.first, month.last) == (date(2026, 10, 1), date(2026, 10, 31))
    berlin = ZoneInfo("Europe/Berlin")
    day = current("daily", datetime(2026, 10, 24, 22, 30, tzinfo=UTC), berlin)
    assert day.first == date(2026, 10, 25)
    assert (day.ends.astimezone(UTC) - day.begins.astimezone(UTC)) == timedelta(hours=25)


def test_what_is_due_is_made_once(connection: Connection) -> None:
    """After a downtime of a week each missed report is made, once; the running day is not."""
    made = {one.id for one in making.make_due(connection, NOW, UTC)}
    days = {f"{ANY_APPLIANCE}-daily-2026-11-{day}" for day in range(18, 25)}
    weeks = {f"{ANY_APPLIANCE}-weekly-2026-{day}" for day in ("11-15", "11-08", "11-01", "10-25")}
    assert made == days | weeks | {f"{ANY_APPLIANCE}-monthly-2026-{month}" for month in ("09", "10")}
    assert making.make_due(connection, NOW + timedelta(hours=5), UTC) == ()
    (next_day,) = making.make_due(connection, NOW + timedelta(days=1), UTC)
    assert next_day.id == f"{ANY_APPLIANCE}-daily-2026-11-25"


def test_a_new_product_gets_no_old_reports(connection: Connection) -> None:
    """Reports begin with the registration."""
    request = RegistrationRequest.model_validate(registration("tm-new"))
    products.register(connection, request, "account", NOW - timedelta(hours=1))
    assert not any(one.appliance == "tm-new" for one in making.make_due(connection, NOW, UTC))


def summary(connection: Connection, kind: Any = "daily") -> str:
    (report,) = making.make_so_far(connection, kind, NOW, ANY_APPLIANCE, UTC)
    return report.text


@pytest.mark.parametrize("kind", ["daily", "weekly", "monthly"])
def test_a_summary_counts_by_type_status_and_severity(
    connection: Connection, tmp_path: Path, kind: Any
) -> None:
    """Counts, endpoints with issues, the trend, the incidents, and that the period is not over."""
    events = [
        threat_event(1, "pc-1", "unsuccessful", time="2026-11-25T09:00:00Z"),
        threat_event(2, "pc-2", "cleaned", time="2026-11-25T08:00:00Z"),
        threat_event(3, "pc-3", "cleaned", time="2026-09-01T08:00:00Z"),
    ]
    received(connection, tmp_path, *events, at=NOW - timedelta(minutes=2))
    received(connection, tmp_path, root_cause(4, "e1"))
    incidents(connection, NOW - timedelta(minutes=1))
    text = summary(connection, kind)
    assert "**2** threat events on **2** endpoints" in text
    assert "| Cleaned | 1 |" in text
    assert "| high | 2 |" in text
    assert ("| On-demand scan by a user | 2 |" in text) == (kind != "weekly")
    assert "| **pc-1** | Unsuccessful |" in text
    assert "**the period is not over**" in text
    assert "1 events of earlier" in text
    assert "Trojan.Generic on pc-1: `tm-lab-1-incident-" in text
    assert "`####################`" in text
    assert "UTC (UTC+0000)" in text


def test_no_data_is_said(connection: Connection) -> None:
    """An appliance whose sending is switched off sends neither logs nor beats: its report says so."""
    assert "**There is no data of this appliance.**" in summary(connection)
    beat = {"appliance": ANY_APPLIANCE, "version": "1", "sent_at": NOW, "heartbeat_seconds": 5}
    request = HeartbeatRequest.model_validate(beat | {"revision": 1, "uptime_seconds": 1.0})
    products.beat(connection, request, NOW)
    (later,) = making.make_so_far(connection, "daily", NOW + timedelta(seconds=1), ANY_APPLIANCE, UTC)
    assert "**No threat events.**" in later.text


def test_a_report_never_changes_under_its_id(connection: Connection) -> None:
    """Who has read it has read it; a long one is cut so that clients can read it."""
    first = shelf.Report("a-1", ANY_APPLIANCE, "daily", "T", "line\n" * MOST_REPORT_BYTES)
    assert shelf.put(connection, first, NOW)
    assert not shelf.put(connection, shelf.Report("a-1", ANY_APPLIANCE, "daily", "T", "other"), NOW)
    text = shelf.text_of(connection, "a-1") or ""
    assert len(text.encode()) <= MOST_REPORT_BYTES
    assert text.endswith("left out.*\n")


# --- a running portal


async def deliver(portal: OpenPortal, *events: dict[str, Any], first: int = 1) -> None:
    name, packed = sealed(ndjson(*events), ANY_APPLIANCE, first)
    async with portal.log_server() as client:
        assert (await client.put(f"/logs/{ANY_APPLIANCE}/{name}", content=packed)).status_code == 201


async def listed(portal: OpenPortal, number: int) -> list[dict[str, Any]]:
    """The list, once it has so many entries."""
    async with portal.operators() as client, asyncio.timeout(PATIENCE):
        while True:
            reply = await client.get("/v1/reports", params={"appliance": ANY_APPLIANCE})
            assert reply.status_code == 200
            found: list[dict[str, Any]] = reply.json()["reports"]
            if len(found) == number:
                return found


async def test_delivered_logs_become_an_incident_and_a_notice(any_home: Path) -> None:
    """From two batches over HTTPS to the list, the text, and the notice in the reply to a beat."""
    async with opened_portal(any_home) as portal:
        await portal.register()
        await deliver(portal, root_cause(1, "e2"), first=1)
        await deliver(portal, threat_event(2), first=2)
        (entry,) = await listed(portal, 1)
        async with portal.operators() as client:
            text = await client.get(f"/v1/reports/{entry['id']}")
            assert text.headers["content-type"].startswith("text/markdown")
            assert len(text.content) == entry["bytes"]
            assert "Trojan.Generic on pc-1" in text.text
            gone = await client.get("/v1/reports/..%2f..%2fpassword")
            assert gone.status_code == 404
            beat = {"appliance": ANY_APPLIANCE, "version": "1", "sent_at": NOW.isoformat()}
            beat |= {"heartbeat_seconds": 5, "revision": 1, "uptime_seconds": 1.0}
            reply = (await client.post("/v1/heartbeat", json=beat, auth=portal.credentials)).json()
            assert [notice["id"] for notice in reply["notices"]] == [entry["id"]]
            assert (await client.get("/v1/reports", params={"appliance": "tm-other"})).status_code == 403


async def test_the_commands_beside_a_portal(any_home: Path) -> None:
    """`portal report make|list|show`: on demand, of logs really received, also while the portal is down."""
    async with opened_portal(any_home) as portal:
        await portal.register()
        await deliver(portal, threat_event(2), first=1)
        await deliver(portal, root_cause(3, "e2"), first=3)
        await listed(portal, 1)
    made = json.loads(portal.command("report", "make", "weekly", "--json").stdout)["made"]
    assert len(made) == 1
    assert made[0].startswith(f"{ANY_APPLIANCE}-weekly-")
    assert "nothing to make" in portal.command("report", "make", "incident").stdout
    shown = portal.command("report", "list").stdout
    assert len(shown.splitlines()) == 2
    assert "# Weekly executive report: " in portal.command("report", "show", made[0]).stdout
    assert "# Weekly executive report: " in portal.command("report", "show", "latest").stdout
    wrong = portal.command("report", "show", "../password")
    assert wrong.returncode == 1
    assert "There is no report" in wrong.stderr
    other = portal.command("report", "make", "daily", "--appliance", "tm-none")
    assert other.returncode == 1
