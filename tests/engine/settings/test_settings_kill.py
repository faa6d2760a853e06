"""kill -9 and a full disk at any moment of a save."""

import errno
import os
import random
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tm_tui.errors import StorageFailed
from tm_tui.settings.model import Settings
from tm_tui.settings.store import SettingsStore

KILLS = 200
SAVING = Path(__file__).with_name("saving.py")


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(SAVING), str(tmp_path / "config")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()
        assert process.wait(60) == 0


def kill_once(child: subprocess.Popen[str], seconds: float) -> int:
    """Start a worker, kill it after `seconds`, return the last number that it said was saved (0: none)."""
    assert child.stdin
    assert child.stdout
    child.stdin.write("\n")
    lines = [child.stdout.readline()]
    while not lines[-1].startswith("worker"):
        lines.append(child.stdout.readline())
    worker = int(lines[-1].split()[1])
    select.select([], [], [], seconds)
    os.kill(worker, signal.SIGKILL)
    while lines[-1] != "ended\n":
        lines.append(child.stdout.readline())
    return max((int(line.split()[1]) for line in lines if line.startswith("saved")), default=0)


def test_killed_at_any_moment(child: subprocess.Popen[str], tmp_path: Path) -> None:
    """After 200 kills -9 in mid-save, each time the old or the new revision is in force, whole."""
    chance = random.Random(7)
    store = SettingsStore(tmp_path / "config")
    number = kill_once(child, 1.0)
    assert number > 0
    for _ in range(KILLS):
        number = max(number, kill_once(child, chance.uniform(0.001, 0.03)))
        loaded = store.load()
        assert loaded.problem is None
        found = loaded.revision
        assert found.number >= number
        assert found.secrets.tmsp is not None
        based_on = found.settings.tmsp.username.removeprefix("user-")
        assert found.secrets.tmsp.get_secret_value() == f"password-{based_on}"
        left = [path.name for path in (tmp_path / "config").rglob(".new-*")]
        assert left == []
        number = found.number


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 pages of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path, free: int) -> None:
    """Leave `free` bytes on the disk."""
    statvfs = os.statvfs(disk)
    with (disk / "filler").open("wb") as file:
        file.write(b"x" * (statvfs.f_bavail * statvfs.f_frsize - free))


def refusal_of_a_save(store: SettingsStore) -> StorageFailed | None:
    try:
        store.save(Settings(), {"tmsp": SecretStr("new")}, expected=1, saved_by="test")
    except StorageFailed as failure:
        return failure
    return None


@pytest.mark.parametrize("pages", range(8))
def test_full_disk(small_disk: Path, pages: int) -> None:
    """A disk that fills up at any file of a save leaves the old revision, no litter, and a way on."""
    store = SettingsStore(small_disk / "config")
    store.save(Settings(), {"tmsp": SecretStr("old")}, expected=0, saved_by="test")
    fill(small_disk, pages * 4096)
    failure = refusal_of_a_save(store)
    in_force = 1 if failure else 2
    assert failure is None or f"The disk is full: {small_disk}" in failure.cause
    assert store.load().revision.number == in_force
    assert store.load().problem is None
    names = sorted(path.name for path in (small_disk / "config" / "revisions").iterdir())
    assert names == [f"{number:06}" for number in range(1, in_force + 1)]
    (small_disk / "filler").unlink()
    assert store.save(Settings(), {}, expected=in_force, saved_by="test").number == in_force + 1


def test_file_size_limit(tmp_path: Path) -> None:
    """A refused write (here by the limit of file sizes) is told with its path; the old revision stays."""
    store = SettingsStore(tmp_path / "config")
    store.save(Settings(), {}, expected=0, saved_by="test")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(StorageFailed, match=r"settings\.toml") as caught:
            store.save(Settings(), {}, expected=1, saved_by="test")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.strerror(errno.EFBIG) not in caught.value.remedy
    assert store.load().revision.number == 1
