"""Revisions: saved, found again, restored, in conflict; the CA file that goes with them."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from tm_tui.errors import SettingsRefused, StorageFailed
from tm_tui.settings.differences import differences
from tm_tui.settings.model import Settings
from tm_tui.settings.store import Revision, RevisionConflict, SettingsStore

REGISTERED = Settings.parse(
    {
        "tmsp": {
            "enabled": True,
            "username": "tm01",
            "log_server": {"host": "192.0.2.1"},
            "status_server": {"host": "192.0.2.2"},
        }
    }
)
PASSWORD = SecretStr(" pä:ß/#%@ ")


@pytest.fixture
def store(tmp_path: Path) -> SettingsStore:
    return SettingsStore(tmp_path / "home" / "config")


@pytest.fixture(scope="module")
def authority() -> bytes:
    return trustme.CA().cert_pem.bytes()


def save(store: SettingsStore, settings: Settings = REGISTERED, **secrets: SecretStr) -> Revision:
    number = store.load().revision.number
    return store.save(settings, secrets or {"tmsp": PASSWORD}, expected=number, saved_by="test")


def trusting(path: Path) -> Settings:
    return Settings.parse({"trust": {"ca_file": str(path)}})


def test_nothing_saved_yet(store: SettingsStore, tmp_path: Path) -> None:
    """Looking at an appliance out of the box shows the defaults and leaves no trace."""
    loaded = store.load()
    assert (loaded.revision.number, loaded.problem, store.history()) == (0, None, ())
    assert loaded.revision.settings == Settings()
    assert list(tmp_path.iterdir()) == []


def test_saved_and_found_again(store: SettingsStore, tmp_path: Path) -> None:
    """Settings and password of a save are in force after a restart, to the letter."""
    saved = save(store)
    found = SettingsStore(tmp_path / "home" / "config").load().revision
    assert found == saved
    assert found.number == 1
    assert found.secrets.tmsp is not None
    assert found.secrets.tmsp.get_secret_value() == PASSWORD.get_secret_value()
    assert found.saved_at is not None
    assert found.saved_at.tzinfo is not None


def test_files_are_private(store: SettingsStore, tmp_path: Path, authority: bytes) -> None:
    """Every folder is 0700 and every file 0600, whatever the umask; the password is in secrets.json alone."""
    (tmp_path / "ca.pem").write_bytes(authority)
    old = os.umask(0)
    try:
        save(store, trusting(tmp_path / "ca.pem"), tmsp=SecretStr("canary"))
    finally:
        os.umask(old)
    for path in (tmp_path / "home" / "config", *(tmp_path / "home" / "config").rglob("*")):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            assert stat.S_IMODE(mode) == (0o700 if stat.S_ISDIR(mode) else 0o600), path
        if stat.S_ISREG(mode):
            assert (b"canary" in path.read_bytes()) == (path.name == "secrets.json")
    assert (tmp_path / "home" / "config" / "current").readlink() == Path("revisions/000001")


def test_conflict_shows_what_is_in_force(store: SettingsStore) -> None:
    """Who saves on top of an old revision is told who saved since; nothing is overwritten."""
    save(store)
    with pytest.raises(RevisionConflict, match="test saved revision 1") as caught:
        store.save(Settings(), {}, expected=0, saved_by="late")
    assert caught.value.current.settings == REGISTERED
    assert store.load().revision.number == 1


def test_of_two_at_once_one_wins(store: SettingsStore, tmp_path: Path) -> None:
    """Of four programs that save on top of the same revision, one does and three are told."""
    save(store)
    code = (
        "import sys; from pathlib import Path; from tm_tui.settings.store import *;"
        "from tm_tui.settings.model import Settings\n"
        "try: SettingsStore(Path(sys.argv[1])).save(Settings(), {}, expected=1, saved_by=sys.argv[2])\n"
        "except RevisionConflict: sys.exit(9)\n"
    )
    config = str(tmp_path / "home" / "config")
    several = [subprocess.Popen([sys.executable, "-c", code, config, str(n)]) for n in range(4)]
    assert sorted(process.wait(60) for process in several) == [0] + [9] * 3
    assert [revision.number for revision in store.history()] == [2, 1]


def test_incomplete_settings_are_refused_whole(store: SettingsStore) -> None:
    """A missing password and an unreadable CA file are both named, and nothing is written."""
    settings = Settings.parse({**REGISTERED.plain(), "trust": {"ca_file": "/nonexistent/ca.pem"}})
    with pytest.raises(SettingsRefused) as caught:
        store.save(settings, {}, expected=0, saved_by="test")
    assert [problem.field for problem in caught.value.problems] == ["tmsp.password", "trust.ca_file"]
    assert store.load().revision.number == 0


def test_candidate_writes_nothing(store: SettingsStore, tmp_path: Path) -> None:
    """A test of unsaved values sees them with the saved password, and changes no file."""
    save(store)
    before = sorted(tmp_path.rglob("*"))
    candidate = store.candidate(REGISTERED, {"proxy": SecretStr("p")})
    assert candidate.secrets.names() == {"tmsp", "proxy"}
    assert candidate.number == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_history_and_restore(store: SettingsStore) -> None:
    """A change is taken back with its password, as a new revision; the history shows no password."""
    first = save(store)
    save(store, Settings(), tmsp=SecretStr(""))
    back = store.restore(1, expected=2, saved_by="admin")
    assert (back.settings, back.secrets) == (first.settings, first.secrets)
    assert [(entry.number, entry.note) for entry in store.history()] == [
        (3, "Back to revision 1"),
        (2, ""),
        (1, ""),
    ]
    assert all(entry.secrets.names() == frozenset() for entry in store.history())
    assert store.get(0).settings == Settings()
    with pytest.raises(StorageFailed, match="no revision 9"):
        store.get(9)


def test_differences_name_fields_and_hide_passwords(store: SettingsStore) -> None:
    """The difference of two revisions shows old and new of each field; of passwords, that they changed."""
    first = save(store, tmsp=SecretStr("canary"))
    settings = Settings.parse({**REGISTERED.plain(), "proxy": {"enabled": True, "host": "192.0.2.3"}})
    second = save(store, settings, tmsp=SecretStr("canary2"), proxy=SecretStr("canary3"))
    changes = {change.field: (change.old, change.new) for change in differences(first, second)}
    assert changes == {
        "proxy.enabled": ("false", "true"),
        "proxy.host": ("", "192.0.2.3"),
        "tmsp.password": ("set", "changed"),
        "proxy.password": ("not set", "set"),
    }
    assert differences(second, second) == ()
    assert {c.new for c in differences(second, save(store, settings, proxy=SecretStr("")))} == {"removed"}


def test_ca_file_is_kept_with_the_revision(store: SettingsStore, tmp_path: Path, authority: bytes) -> None:
    """Once set, the CA counts even if its file is gone at the next save; a new content is a difference."""
    ca = tmp_path / "ca.pem"
    ca.write_bytes("Subject: Größe\n".encode() + authority)
    first = save(store, trusting(ca))
    assert first.ca_pem == authority.decode()
    ca.unlink()
    second = save(store, trusting(ca))
    assert second.ca_pem == first.ca_pem
    ca.write_bytes(authority + trustme.CA().cert_pem.bytes())
    third = save(store, trusting(ca))
    assert [change.field for change in differences(second, third)] == ["trust.ca_file"]
    assert save(store, Settings()).ca_pem is None


def _no_certificate(path: Path) -> None:
    path.write_text("hello")


def _half_certificate(path: Path) -> None:
    path.write_bytes(trustme.CA().cert_pem.bytes()[:-40])


def _broken_certificate(path: Path) -> None:
    path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def _private_key(path: Path) -> None:
    authority = trustme.CA()
    path.write_bytes(authority.cert_pem.bytes() + authority.private_key_pem.bytes())


def _oversize(path: Path) -> None:
    path.write_bytes(trustme.CA().cert_pem.bytes() + b" " * (1 << 20))


@pytest.mark.parametrize(
    "make",
    [_no_certificate, _half_certificate, _broken_certificate, _private_key, _oversize, os.mkfifo, Path.mkdir],
)
def test_what_is_no_ca_file_is_refused(store: SettingsStore, tmp_path: Path, make: object) -> None:
    """A wrong file is refused at its field, with its path; a pipe does not make the agent wait."""
    make(tmp_path / "ca.pem")
    with pytest.raises(SettingsRefused) as caught:
        save(store, trusting(tmp_path / "ca.pem"))
    (problem,) = caught.value.problems
    assert problem.field == "trust.ca_file"
    assert str(tmp_path / "ca.pem") in problem.cause


def test_ca_file_may_be_a_link_to_a_readable_file(
    store: SettingsStore, tmp_path: Path, authority: bytes
) -> None:
    """The system's certificates are links: they are followed for this one file, which is nobody's secret."""
    (tmp_path / "real.pem").write_bytes(authority)
    (tmp_path / "ca.pem").symlink_to("real.pem")
    assert save(store, trusting(tmp_path / "ca.pem")).ca_pem == authority.decode()


def test_texts_about_a_save_are_safe(store: SettingsStore) -> None:
    """Who saved and why is shown to every admin later, so no escape sequence gets in."""
    saved = store.save(Settings(), {}, expected=0, saved_by="me\x1b[2J", note="\u202eyhw\n")
    assert "\x1b" not in saved.saved_by + saved.note
    assert store.load().revision == saved
