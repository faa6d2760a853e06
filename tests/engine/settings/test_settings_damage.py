"""Damaged, loose and foreign files: refused with cause and remedy; the last good revision stays."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from tm_tui.errors import StorageFailed
from tm_tui.settings.model import Settings
from tm_tui.settings.store import SettingsStore

NOBODY = 65534


@pytest.fixture
def store(tmp_path: Path) -> SettingsStore:
    """Two revisions: user-1 with password-1, user-2 with password-2."""
    store = SettingsStore(tmp_path / "config")
    for number in (1, 2):
        settings = Settings.parse({"tmsp": {"username": f"user-{number}"}})
        store.save(settings, {"tmsp": SecretStr(f"password-{number}")}, expected=number - 1, saved_by="test")
    return store


@pytest.fixture
def newest(store: SettingsStore, tmp_path: Path) -> Path:
    return tmp_path / "config" / "revisions" / "000002"


def with_checksum(folder: Path, name: str, data: bytes) -> None:
    """Change a file and its checksum: the file's own content is then what is wrong."""
    (folder / name).write_bytes(data)
    meta = json.loads((folder / "meta.json").read_bytes())
    meta["sha256"][name] = hashlib.sha256(data).hexdigest()
    (folder / "meta.json").write_text(json.dumps(meta))


def instead(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return change


def rewritten(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda folder: with_checksum(folder, name, data)


def moved_and_linked(path: Path) -> None:
    shutil.copy(path.with_name("meta.json"), path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def flipped(folder: Path) -> None:
    data = bytearray((folder / "settings.toml").read_bytes())
    data[30] ^= 4
    (folder / "settings.toml").write_bytes(data)


DAMAGES = {
    "a flipped bit": (flipped, "checksum"),
    "a file missing": (lambda folder: (folder / "secrets.json").unlink(), "does not exist"),
    "an empty file": (lambda folder: (folder / "settings.toml").write_bytes(b""), "checksum"),
    "meta missing": (lambda folder: (folder / "meta.json").unlink(), "does not exist"),
    "meta cut": (lambda folder: os.truncate(folder / "meta.json", 40), "not JSON"),
    "meta is a list": (lambda folder: (folder / "meta.json").write_text("[1]"), "wrong form"),
    "meta nested deeply": (lambda folder: (folder / "meta.json").write_text("[" * 100_000), "not JSON"),
    "meta of another": (lambda folder: shutil.copy(folder / "../000001/meta.json", folder), "revision 1"),
    "not UTF-8": (rewritten("settings.toml", b"schema = 1 # \xff"), "not UTF-8"),
    "not TOML": (rewritten("settings.toml", b"schema = \x1b[2J"), "not TOML"),
    "a newer schema": (rewritten("settings.toml", b"schema = 2\n[new]\n"), "newer version"),
    "settings that break a rule": (rewritten("settings.toml", b"[proxy]\nport = 0\n"), "proxy.port"),
    "secrets not JSON": (rewritten("secrets.json", b"{"), "not JSON"),
    "secrets of a wrong form": (rewritten("secrets.json", b'{"tmsp": 5}'), "wrong form"),
    "oversize": (rewritten("secrets.json", b" " * ((1 << 20) + 1)), "at most 1048576"),
    "readable for others": (lambda folder: (folder / "secrets.json").chmod(0o604), r"mode 0604.*chmod 600"),
    "readable for a group": (lambda folder: (folder / "settings.toml").chmod(0o640), "mode 0640"),
    "a folder open to others": (lambda folder: folder.chmod(0o711), r"mode 0711.*chmod 700"),
    "a hard link": (lambda folder: os.link(folder / "secrets.json", folder / "twin"), "2 hard links"),
    "a symbolic link": (instead("settings.toml", moved_and_linked), "symbolic link"),
    "a pipe": (instead("secrets.json", lambda path: os.mkfifo(path, 0o600)), "no regular file"),
    "a folder for a file": (instead("secrets.json", lambda path: path.mkdir(0o700)), "no regular file"),
    "a device": (
        instead("secrets.json", lambda path: os.mknod(path, 0o20600, os.makedev(1, 5))),
        "no regular",
    ),
    "a socket": (instead("secrets.json", lambda path: os.mknod(path, 0o140600)), "no regular file"),
    "another owner": (lambda folder: os.chown(folder / "secrets.json", NOBODY, -1), "belongs to user 65534"),
    "another owner of the folder": (lambda folder: os.chown(folder, NOBODY, -1), "belongs to user 65534"),
    "the folder gone": (shutil.rmtree, "does not exist"),
}
AS_ROOT = {"a device", "another owner", "another owner of the folder"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_last_good_revision_stays_in_force(store: SettingsStore, newest: Path, damage: str) -> None:
    """Whatever is wrong with the newest revision, the one before is in force and the reason is told."""
    if damage in AS_ROOT and os.geteuid():
        pytest.skip("needs root")
    harm, words = DAMAGES[damage]
    harm(newest)
    loaded = store.load()
    assert loaded.revision.settings.tmsp.username == "user-1"
    assert loaded.revision.secrets.tmsp is not None
    assert loaded.revision.secrets.tmsp.get_secret_value() == "password-1"
    with pytest.raises(StorageFailed, match=words) as caught:
        raise loaded.problem or AssertionError
    assert "Revision 1 is in force instead." in caught.value.cause
    assert str(newest) in caught.value.cause
    assert "\x1b" not in str(caught.value)
    assert "password" not in str(caught.value)


def test_saving_goes_on_after_damage(store: SettingsStore, newest: Path) -> None:
    """The next save builds on what is in force, gets a free number, and deletes no evidence."""
    flipped(newest)
    saved = store.save(Settings(), {}, expected=1, saved_by="test")
    assert saved.number == 3
    assert store.load().problem is None
    assert newest.exists()
    assert [entry.number for entry in store.history()] == [3, 1]


def test_all_revisions_damaged(store: SettingsStore, newest: Path) -> None:
    """With nothing good left the defaults are in force: switched off, and saying why."""
    shutil.rmtree(newest)
    flipped(newest.with_name("000001"))
    loaded = store.load()
    assert loaded.revision.number == 0
    assert loaded.problem is not None
    assert "The defaults are in force instead." in loaded.problem.cause


@pytest.mark.parametrize("target", ["revisions/../../etc", "/etc", "revisions/2", "revisions/000002/", None])
def test_current_that_leads_elsewhere(store: SettingsStore, tmp_path: Path, target: str | None) -> None:
    """`current` is followed to a revision only; otherwise the newest one counts, and that is told."""
    link = tmp_path / "config" / "current"
    link.unlink()
    link.symlink_to(target) if target else link.mkdir()
    loaded = store.load()
    assert loaded.revision.number == 2
    assert loaded.problem is not None
    assert str(link) in loaded.problem.cause


def test_current_lost(store: SettingsStore, tmp_path: Path) -> None:
    """A backup that did not keep links is in force with its newest revision."""
    (tmp_path / "config" / "current").unlink()
    assert (store.load().revision.number, store.load().problem) == (2, None)


def test_an_older_current_is_obeyed(store: SettingsStore, tmp_path: Path) -> None:
    """An admin who turns the link back by hand gets that revision, and loses none."""
    (tmp_path / "config" / "current").unlink()
    (tmp_path / "config" / "current").symlink_to("revisions/000001")
    assert store.load().revision.number == 1
    assert store.save(Settings(), {}, expected=1, saved_by="test").number == 3
    assert [entry.number for entry in store.history()] == [3, 2, 1]


@pytest.mark.parametrize("name", ["config", "config/revisions"])
def test_loose_folders_are_refused(store: SettingsStore, tmp_path: Path, name: str) -> None:
    """Where others may put files, nothing can be trusted: no revision is in force, and none is saved."""
    (tmp_path / name).chmod(0o777)
    with pytest.raises(StorageFailed, match=r"mode 0777.*chmod 700"):
        store.load()
    with pytest.raises(StorageFailed, match=r"mode 0777.*chmod 700"):
        store.save(Settings(), {}, expected=2, saved_by="test")


def test_config_that_is_a_link_is_refused(store: SettingsStore, tmp_path: Path) -> None:
    """A link in place of the folder is not followed."""
    (tmp_path / "config").rename(tmp_path / "real")
    (tmp_path / "config").symlink_to("real")
    with pytest.raises(StorageFailed, match=r"config"):
        store.load()


def test_leftovers_are_swept_and_others_kept(store: SettingsStore, tmp_path: Path) -> None:
    """What a killed save left goes; a file with another name is not ours to delete."""
    config = tmp_path / "config"
    leftover = config / "revisions" / ".new-0123456789abcdef"
    leftover.mkdir(mode=0o700)
    (leftover / "secrets.json").write_text("{}")
    (config / ".new-current-0123456789abcdef").symlink_to("revisions/000009")
    kept = [config / "host_keys", config / ".new-thing", config / "revisions" / "notes.txt"]
    for path in kept:
        path.write_text("x")
    store.load()
    assert list(config.rglob(".new-*")) == [config / ".new-thing"]
    assert all(path.exists() for path in kept)


def test_a_save_under_way_is_not_swept(store: SettingsStore, tmp_path: Path) -> None:
    """Another program's unfinished save is left alone as long as it holds the lock."""
    code = (
        "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "config" / ".lock")]
    unfinished = tmp_path / "config" / "revisions" / ".new-0123456789abcdef"
    unfinished.mkdir(mode=0o700)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        assert store.load().revision.number == 2
        assert unfinished.exists()
        holder.communicate()
    store.load()
    assert not unfinished.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_without_rights_it_says_so() -> None:
    """Another user is told that access is not permitted, with the path."""
    code = (
        "import os, sys; from pathlib import Path; from tm_tui.settings.store import *;"
        "from tm_tui.errors import StorageFailed\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "try: SettingsStore(Path(sys.argv[1])).load()\n"
        "except StorageFailed as failure: print(failure.cause)\n"
    )
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        SettingsStore(Path(home) / "config").save(Settings(), {}, expected=0, saved_by="test")
        command = [sys.executable, "-c", code, f"{home}/config"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == f"Access is not permitted: {home}/config.\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_read_only_disk(store: SettingsStore, tmp_path: Path) -> None:
    """On a disk that went read-only the settings are still in force; a save says what is wrong."""
    config = tmp_path / "config"
    (config / ".lock").unlink()
    subprocess.run(["mount", "--bind", str(config), str(config)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(config)], check=True)
        assert (store.load().revision.number, store.load().problem) == (2, None)
        with pytest.raises(StorageFailed, match="mounted read-only"):
            store.save(Settings(), {}, expected=2, saved_by="test")
    finally:
        subprocess.run(["umount", str(config)], check=True)
