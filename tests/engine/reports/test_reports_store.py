"""Reports on the disk: bounded, under names of our own, whole after any crash."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tm_tui.errors import StorageFailed
from tm_tui.reports.protocol import ReportEntry
from tm_tui.reports.store import Bounds, ReportStore

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def entry(id_: str, number: int = 0, **more: Any) -> ReportEntry:
    facts = {"kind": "daily", "title": f"T {id_}", "made_at": NOW + timedelta(minutes=number), "bytes": 1}
    return ReportEntry.model_validate({"id": id_, "sha256": "0" * 64, **facts, **more})


def store_in(folder: Path, **bounds: int) -> ReportStore:
    store = ReportStore(folder, Bounds(**bounds) if bounds else None)
    store.load()
    return store


def ids(store: ReportStore) -> list[str]:
    return [one.id for one in store.reports]


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    """Texts, marks and numbers survive; the newest stands first."""
    store = store_in(tmp_path / "reports")
    store.put(entry("a", 1), "# A\n", NOW)
    store.put(entry("b", 2), "# B\n", NOW)
    assert store.mark([1], read=True)
    assert not store.mark([1], read=True)
    again = store_in(tmp_path / "reports")
    assert [(one.id, one.number, one.read) for one in again.reports] == [("b", 2, False), ("a", 1, True)]
    assert again.text(1) == "# A\n"
    assert again.text(3) is None
    assert (tmp_path / "reports" / "00000001.md").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("id_", ["../../etc/passwd", "/etc/passwd", "..", "a/b", "\x1b[2J", "index.json"])
def test_an_id_is_never_a_path(tmp_path: Path, id_: str) -> None:
    """Whatever a server calls a report, its file is a number in our folder."""
    store = store_in(tmp_path / "reports")
    store.put(entry(id_, title="../../title\x1b"), "text", NOW)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["00000001.md", "index.json", "reports"]
    assert "\x1b" not in store.reports[0].title


def test_line_breaks_and_tabs_stay_escapes_go(tmp_path: Path) -> None:
    """Text is made safe before it is kept, and when it is read: somebody may have edited the file."""
    store = store_in(tmp_path / "reports")
    store.put(entry("a"), "one\r\ntwo\tthree\x1b[2J\u202e\x00\rfour", NOW)
    assert store.text(1) == "one\ntwo\tthree\ufffd[2J\ufffd\ufffd\nfour"
    (tmp_path / "reports" / "00000001.md").write_bytes(b"\x1b[2J\xff")
    assert store.text(1) == "\ufffd[2J\ufffd"


def test_read_ones_make_room_first(tmp_path: Path) -> None:
    """The oldest read one goes, then the oldest; what went is not fetched again."""
    store = store_in(tmp_path / "reports", reports=3)
    for number, id_ in enumerate("abc"):
        store.put(entry(id_, number), "x", NOW)
    store.mark([2], read=True)
    store.put(entry("d", 3), "x", NOW)
    assert ids(store) == ["d", "c", "a"]
    store.put(entry("e", 4), "x", NOW)
    assert ids(store) == ["e", "d", "c"]
    assert store.knows("b")
    assert store.knows("a")
    assert not store.knows("f")
    assert len(list((tmp_path / "reports").glob("*.md"))) == 3
    assert store_in(tmp_path / "reports", reports=3).knows("b")


def test_bytes_and_age_are_bounded(tmp_path: Path) -> None:
    """As many bytes as are allowed, and nothing that is older than it may be."""
    store = store_in(tmp_path / "reports", bytes=1000, days=10)
    for number in range(5):
        store.put(entry(f"r{number}", number), "x" * 400, NOW)
    assert ids(store) == ["r4", "r3"]
    assert not store.expire(NOW + timedelta(days=9))
    assert store.expire(NOW + timedelta(days=11))
    assert ids(store) == []
    assert store.knows("r4")


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 300), st.booleans()), max_size=40))
def test_bounds_hold_whatever_comes(tmp_path_factory: pytest.TempPathFactory, steps: Any) -> None:
    """Never more than is allowed, the newest always among them, disk and index agree."""
    folder = tmp_path_factory.mktemp("store") / "reports"
    store = store_in(folder, reports=5, bytes=900)
    for number, (id_, size, read) in enumerate(steps):
        if store.knows(str(id_)):
            continue
        store.put(entry(str(id_), number), "x" * size, NOW)
        assert str(id_) in ids(store)
        assert len(store.reports) <= 5
        assert sum(one.bytes for one in store.reports) <= 900
        if read:
            store.mark([store.reports[0].number], read=True)
    assert {path.name for path in folder.glob("*.md")} == {one.file for one in store.reports}
    assert ids(store_in(folder, reports=5, bytes=900)) == ids(store)


def test_a_damaged_index_is_set_aside(tmp_path: Path) -> None:
    """It begins anew, says so, keeps the damaged one for a look, and no old number comes again."""
    store = store_in(tmp_path / "reports")
    store.put(entry("a"), "x", NOW)
    (tmp_path / "reports" / "index.json").write_text("{")
    again = store_in(tmp_path / "reports")
    assert again.problem is not None
    assert "damaged" in again.problem.cause
    assert again.reports == ()
    assert (tmp_path / "reports" / "index.damaged").exists()
    again.put(entry("a"), "y", NOW)
    assert again.reports[0].number == 2


def test_leftovers_are_swept_and_strangers_stay(tmp_path: Path) -> None:
    """What a crash left goes; a file that somebody else put there is not ours to remove."""
    folder = tmp_path / "reports"
    store = store_in(folder)
    store.put(entry("a"), "x", NOW)
    (folder / "00000009.md").write_text("not in the index")
    (folder / ".new-00000002.md-0123").write_text("half")
    (folder / "notes.txt").write_text("mine")
    again = store_in(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["00000001.md", "index.json", "notes.txt"]
    again.put(entry("b"), "x", NOW)
    assert again.reports[0].number == 10


def test_a_file_that_is_gone_is_not_listed(tmp_path: Path) -> None:
    """The list never names what cannot be read."""
    store = store_in(tmp_path / "reports")
    store.put(entry("a"), "x", NOW)
    (tmp_path / "reports" / "00000001.md").unlink()
    assert store_in(tmp_path / "reports").reports == ()


def test_a_folder_that_cannot_be_used_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    """The agent goes on without reports, says why, and loses nothing once the folder is right again."""
    folder = tmp_path / "reports"
    store_in(folder).put(entry("a"), "x", NOW)
    folder.chmod(0o777)
    store = store_in(folder)
    assert store.problem is not None
    with pytest.raises(StorageFailed, match="Others have access"):
        store.put(entry("b"), "x", NOW)
    folder.chmod(0o700)
    store.put(entry("b", 1), "x", NOW)
    assert ids(store) == ["b", "a"]
    assert store.problem is None
