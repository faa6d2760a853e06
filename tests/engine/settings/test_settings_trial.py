"""Settings on trial on the disk: killed at each of its steps, the old settings or the confirmed ones hold."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tm_tui.atomic import Folder
from tm_tui.errors import StorageFailed
from tm_tui.settings.model import Settings
from tm_tui.settings.store import SettingsStore
from tm_tui.settings.trial import TrialRecord, TrialRuns

STEPS = ("write", "link", "rename", "sync", "remove")
"""What a Folder does to the disk; a replaced file is a write, a rename and a sync."""
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def armed(old: int, new: int) -> TrialRecord:
    """A trial of ten minutes."""
    return TrialRecord(
        old=old,
        new=new,
        minutes=10,
        started_at=NOON,
        started_by="root",
        deadline=NOON + timedelta(minutes=10),
        boot="this",
        boot_deadline=1600.0,
    )


def values(name: str) -> tuple[Settings, dict[str, SecretStr | None]]:
    """Settings and the password that belongs to them."""
    return Settings.parse({"tmsp": {"username": name}}), {"tmsp": SecretStr(f"password of {name}")}


def save(store: SettingsStore, name: str, expected: int, **more: Any) -> int:
    settings, secrets = values(name)
    return store.save(settings, secrets, expected=expected, saved_by="root", **more).number


def name_in_force(store: SettingsStore) -> str:
    """Whose settings are in force, whole: the password must be theirs."""
    loaded = store.load()
    assert loaded.problem is None
    name = loaded.revision.settings.tmsp.username
    secret = loaded.revision.secrets.tmsp
    assert secret is not None
    assert secret.get_secret_value() == f"password of {name}"
    return name


def killed_at(step: int, after: bool, act: Callable[[], Any]) -> bool:
    """Do `act` in a child that is killed before (or after) its disk operation `step`; False: it ended."""
    child = os.fork()
    if child == 0:
        done = 0

        def counted(original: Callable[..., Any]) -> Callable[..., Any]:
            def do(*arguments: Any) -> Any:
                nonlocal done
                done += 1
                if done == step and not after:
                    os.kill(os.getpid(), signal.SIGKILL)
                result = original(*arguments)
                if done == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return result

            return do

        for name in STEPS:
            setattr(Folder, name, counted(getattr(Folder, name)))
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def settled(store: SettingsStore) -> tuple[TrialRecord | None, str]:
    """What an agent finds at its start."""
    trial = store.trial()
    return trial, name_in_force(store)


Case = tuple[Callable[[SettingsStore, Path], None], Callable[[SettingsStore], Any]]


def begin(store: SettingsStore) -> None:
    save(store, "new", 1, arm=armed)


def confirm(store: SettingsStore) -> None:
    store.confirm(armed(1, 2), "root")


def take_back(store: SettingsStore) -> None:
    store.take_back(armed(1, 2), "not confirmed", saved_by="agent")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("act", [begin, confirm, take_back])
def test_killed_at_each_step(tmp_path: Path, act: Callable[[SettingsStore], None], after: bool) -> None:
    """Each file operation of arming, switching, confirming and going back may be the last before a power cut.

    Afterwards the old settings are in force, or the new ones with their way back on the disk; once they are
    confirmed they stay, once they are taken back they are gone. Nothing half-made is left.
    """
    seen: set[tuple[bool, str]] = set()
    step = 1
    while True:
        store = SettingsStore(tmp_path / f"{step}")
        save(store, "old", 0)
        if act is not begin:
            begin(store)
        killed = killed_at(step, after, lambda store=store: act(store))
        trial, name = settled(store)
        seen.add((trial is not None, name))
        if name == "new" and trial is None:
            assert act is confirm, "new settings without a way back"
        if trial is not None:
            assert name == "new"
            take_back(store)
            assert settled(store) == (None, "old")
        assert store.trial() is None
        assert not list((tmp_path / f"{step}").rglob(".new-*"))
        rolled_back = store.rolled_back()
        assert (rolled_back is not None) == (store.load().revision.kind == "rollback")
        number = store.load().revision.number
        assert save(store, "next", number) > number
        if not killed:
            break
        step += 1
    ends = {begin: (True, "new"), confirm: (False, "new"), take_back: (False, "old")}
    assert ends[act] in seen
    assert step > {begin: 10, confirm: 1, take_back: 10}[act]


def test_a_trial_that_never_switched_is_no_trial(tmp_path: Path) -> None:
    """A kill between the way back and the switch leaves nothing to count down."""
    store = SettingsStore(tmp_path)
    save(store, "old", 0)

    def interrupted(old: int, new: int) -> TrialRecord:
        record = armed(old, new)
        with Folder.open(tmp_path) as config:
            config.replace("trial.json", (record.model_dump_json(by_alias=True) + "\n").encode())
        raise StorageFailed("The power is gone.", "")

    with pytest.raises(StorageFailed):
        save(store, "new", 1, arm=interrupted)
    assert (tmp_path / "trial.json").exists()
    assert settled(store) == (None, "old")
    assert not (tmp_path / "trial.json").exists()


def test_nothing_else_is_saved_during_a_trial(tmp_path: Path) -> None:
    """Who saves meanwhile is told who tries what, and nothing changes."""
    store = SettingsStore(tmp_path)
    save(store, "old", 0)
    begin(store)
    for attempt in (lambda: save(store, "other", 2), lambda: store.restore(1, expected=2, saved_by="x")):
        with pytest.raises(TrialRuns, match="root is trying revision 2"):
            attempt()
    assert settled(store)[1] == "new"
    confirm(store)
    assert store.load().revision.confirmed_by == "root"
    assert save(store, "other", 2) == 3


def test_the_history_tells_a_trial_from_its_end(tmp_path: Path) -> None:
    """Going back is a revision of its own: the history says what was tried, and whose settings came back."""
    store = SettingsStore(tmp_path)
    save(store, "old", 0)
    begin(store)
    take_back(store)
    newest, tried, first = store.history()
    assert (newest.kind, newest.of, newest.saved_by, newest.note) == ("rollback", 1, "agent", "not confirmed")
    assert (tried.kind, first.kind) == ("trial", "save")
    told = store.rolled_back()
    assert told is not None
    assert (told.trial, told.old, told.revision) == (2, 1, 3)
    store.acknowledge()
    assert store.rolled_back() is None


def test_a_damaged_record_is_told_once(tmp_path: Path) -> None:
    """A record that cannot be read leads nowhere: it is told and removed, and saving is possible again."""
    store = SettingsStore(tmp_path)
    save(store, "old", 0)
    begin(store)
    (tmp_path / "trial.json").write_text("{")
    with pytest.raises(StorageFailed, match=r"trial\.json is damaged"):
        store.trial()
    assert settled(store) == (None, "new")
    assert save(store, "next", 2) == 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 32 pages of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=128k,mode=700", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path, pages: int) -> None:
    """Leave so many pages on the disk."""
    found = os.statvfs(disk)
    (disk / "filler").write_bytes(b"x" * ((found.f_bavail - pages) * found.f_frsize))


@pytest.mark.parametrize("pages", range(0, 10, 2))
def test_a_full_disk_never_leaves_settings_without_their_way_back(small_disk: Path, pages: int) -> None:
    """A disk that fills up at any file of a trial, or of its end, leaves a state that is one of the two."""
    store = SettingsStore(small_disk / "config")
    save(store, "old", 0)
    fill(small_disk, pages)
    try:
        begin(store)
    except StorageFailed:
        assert settled(store) == (None, "old")
        (small_disk / "filler").unlink()
        begin(store)
    else:
        (small_disk / "filler").unlink()
    assert settled(store)[0] is not None
    fill(small_disk, pages)
    try:
        take_back(store)
    except StorageFailed:
        (small_disk / "filler").unlink()
        if store.trial() is not None:  # else only the last note of it did not fit
            take_back(store)
    assert settled(store) == (None, "old")
    assert not list((small_disk / "config").rglob(".new-*"))
