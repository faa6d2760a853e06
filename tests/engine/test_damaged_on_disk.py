"""What is on the disk and cannot be shown says so in its row: the other rows, and the agent, go on."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hostile.values import DATES
from tm_tui.agent.server.documents import history_of, trust_of
from tm_tui.cases.case_records import CaseBook
from tm_tui.clock import EARLIEST, LATEST
from tm_tui.errors import StorageFailed
from tm_tui.link.host_keys import HostKeys
from tm_tui.patterns.deployment_record import Deployment, Plan, Target
from tm_tui.patterns.endpoints import Endpoint, Endpoints
from tm_tui.patterns.pattern import Pattern
from tm_tui.patterns.store import PatternStore
from tm_tui.reports.protocol import ReportEntry
from tm_tui.reports.store import ReportStore
from tm_tui.settings.model import Settings
from tm_tui.settings.store import SettingsStore
from tm_tui.spoken import local_time

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WRONG: tuple[Any, ...] = (
    None,
    [],
    {},
    "",
    "x" * 100_000,
    "\x1b[2J",
    -1,
    10**400,
    1e308,
    True,
    "2026-13-45",
    [[]] * 99,
)


def edited(path: Path, change: Any) -> None:
    """Change the JSON in a file by hand."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def entry(number: int) -> ReportEntry:
    return ReportEntry(
        id=f"r{number}", kind="daily", title=f"Day {number}", made_at=NOW, bytes=4, sha256="0" * 64
    )


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A folder with three reports."""
    store = ReportStore(tmp_path / "reports")
    store.load()
    for number in (1, 2, 3):
        store.put(entry(number), "text", NOW + timedelta(seconds=number))
    return tmp_path / "reports"


@pytest.mark.parametrize("date", DATES)
def test_a_report_of_any_date_on_the_disk_is_shown(reports: Path, date: str) -> None:
    """One date in the index ended the Reports page, also after the portal had mended it."""
    edited(reports / "index.json", lambda index: index["reports"][1].update(made_at=date))
    store = ReportStore(reports)
    store.load()
    assert {one.number for one in store.reports} == {1, 2, 3}
    assert all(EARLIEST <= one.made_at <= LATEST and local_time(one.made_at) for one in store.reports)


@pytest.mark.parametrize("field", ["number", "id", "kind", "title", "made_at", "fetched_at", "bytes", "read"])
@pytest.mark.parametrize("value", WRONG)
def test_one_damaged_report_is_a_row_of_its_own(reports: Path, field: str, value: Any) -> None:
    """The others stay, with their marks; what is damaged is named until it is fetched again."""
    edited(reports / "index.json", lambda index: index["reports"][1].update({field: value}))
    store = ReportStore(reports)
    store.load()
    assert {1, 3} <= {one.number for one in store.reports}
    assert len(store.reports) + len(store.damaged) == 3
    for one in store.damaged:
        assert one.cause.startswith(field)
        assert len(one.what) < 250
        assert store.problem is not None
    again = ReportStore(reports)
    again.load()
    assert not again.damaged
    store.put(entry(2), "text", NOW)
    assert not [one for one in store.damaged if one.id == "r2"]
    assert store.text(store.reports[0].number) == "text"


@pytest.mark.parametrize("value", WRONG)
def test_a_damaged_head_of_the_index_costs_no_report(reports: Path, value: Any) -> None:
    """Numbers are never used twice, whatever the index says of the next one."""
    edited(reports / "index.json", lambda index: index.update(next_number=value))
    store = ReportStore(reports)
    store.load()
    assert {one.number for one in store.reports} == {1, 2, 3}
    store.put(entry(4), "text", NOW)
    assert store.reports[0].number >= 4 or {one.number for one in store.reports} > {1, 2, 3}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]", b'{"number": 2}', b"9" * 5000]
)
async def test_a_damaged_case_is_a_row_of_its_own(tmp_path: Path, content: bytes) -> None:
    """The other cases go on; the damaged one is left where it is, and its number is not given again."""
    book = CaseBook.open(tmp_path)
    values = {"created_at": NOW, "submitted_by": "root", "sources": ("/x",), "endpoint": "pc"}
    for _ in range(3):
        await book.add(**values)
    (tmp_path / "000002" / "record.json").write_bytes(content)
    again = CaseBook.open(tmp_path)
    assert [one.number for one in again.records()] == [3, 1]
    assert list(again.damaged) == [2]
    assert 0 < len(again.damaged[2]) <= 500
    assert (await again.add(**values)).number == 4


async def test_a_case_in_the_wrong_folder_is_damaged(tmp_path: Path) -> None:
    """A folder that somebody copied must not become the case that it was copied from."""
    book = CaseBook.open(tmp_path)
    await book.add(created_at=NOW, submitted_by="root", sources=("/x",), endpoint="pc")
    shutil.copytree(tmp_path / "000001", tmp_path / "000007")
    again = CaseBook.open(tmp_path)
    assert [one.number for one in again.records()] == [1]
    assert again.damaged == {7: "It is the record of case 1."}


def plan(number: int) -> Plan:
    target = Target(hostname="pc", threat="T", severity="high")
    pattern = Pattern(id=7, type="bandage", version="1")
    return Plan(number=number, uid="ab", pattern=pattern, by="root", started_at=NOW, targets=(target,))


def test_a_damaged_deployment_says_why(tmp_path: Path) -> None:
    """Its row names the cause; lines of its journal that are none cost only themselves."""
    for number in (1, 2):
        Deployment.begin(tmp_path, plan(number))
    edited(tmp_path / "000000002.plan", lambda content: content.update(started_at="soon"))
    assert Deployment.load(tmp_path, 2) is None
    assert Deployment.damage(tmp_path, 2).startswith("started_at: ")
    assert Deployment.damage(tmp_path, 1) == ""
    journal = tmp_path / "000000001.journal"
    journal.write_bytes(b'{"told": Infinity}\n{"told": 1e999}\n' + b"[" * 100_000 + b'\nnull\n{"told": 0}\n')
    found = Deployment.load(tmp_path, 1)
    assert found is not None
    assert found.told == {0}


def test_a_damaged_description_of_a_pattern_says_why(tmp_path: Path) -> None:
    """The store loads, and names the pattern that it cannot describe."""
    (tmp_path / "000000009.json").write_text('{"id": 9, "type": "odd"}', encoding="utf-8")
    (tmp_path / "000000009.json").chmod(0o600)
    store = PatternStore(tmp_path)
    store.load()
    assert store.patterns == {}
    assert store.damaged[9].startswith("type: ")


def test_a_damaged_endpoint_costs_no_other(tmp_path: Path) -> None:
    """What is known of the others stays known."""
    seen = Endpoints(tmp_path)
    seen.load()
    for name in ("a", "b"):
        seen.note([Endpoint(name, None, None, "unsuccessful", "T", "high", NOW.timestamp(), 1)])
    seen.save()
    edited(tmp_path / "endpoints.json", lambda content: content["endpoints"][0].update(at="never"))
    again = Endpoints(tmp_path)
    again.load()
    assert [one.hostname for one in again.unresolved(NOW)] == ["b"]


@pytest.mark.parametrize(
    ("name", "content"), [("meta.json", b"{}"), ("settings.toml", b"\xff"), ("meta.json", b"[" * 9999)]
)
def test_a_damaged_revision_keeps_its_row(tmp_path: Path, name: str, content: bytes) -> None:
    """The history shows that there was one, and why it cannot be shown."""
    store = SettingsStore(tmp_path)
    for number in range(3):
        store.save(Settings(), {"tmsp": SecretStr(str(number))}, expected=number, saved_by="root")
    path = tmp_path / "revisions" / "000002" / name
    path.chmod(0o600)
    path.write_bytes(content)
    shown = history_of(store.looked_through(), None)
    assert [one.revision for one in shown] == [3, 2, 1]
    assert [bool(one.problem) for one in shown] == [False, True, False]
    assert shown[1].saved_at is None
    assert [one.number for one in store.history()] == [3, 1]


def test_a_damaged_line_of_host_keys_is_a_row_and_verifies_nothing(tmp_path: Path) -> None:
    """The page shows the other keys and the line; a connection is refused all the same."""
    keys = HostKeys(tmp_path / "host_keys")
    keys.path.write_text("[a.example.com]:22 ssh-ed25519 AAAA\nnonsense\n", encoding="ascii")
    keys.path.chmod(0o600)
    shown = trust_of(SettingsStore(tmp_path).load().revision, keys)
    assert [one.endpoint for one in shown.host_keys] == ["[a.example.com]:22"]
    assert "Line 2" in shown.unreadable[0].words
    with pytest.raises(StorageFailed, match="Line 2"):
        keys.entries()
