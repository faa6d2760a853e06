"""The bundle for support: all that is asked for, nothing that must stay here."""

import base64
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from tm_tui.cli.diagnostics import _lines
from tm_tui.diagnostics.last_test import LastTest
from tm_tui.diagnostics.redaction import Redaction
from tm_tui.errors import TmError
from tm_tui.settings.model import Secrets, Settings
from tm_tui.settings.store import Revision

CANARY = 'Kanari"en%vogel/4711 ü'


def unpacked(path: Path) -> dict[str, str]:
    """The files of a bundle, in one folder that is named like it."""
    with tarfile.open(path) as archive:
        names = archive.getnames()
        assert {name.split("/")[0] for name in names} == {names[0].split("/")[0]}
        return {name.split("/")[1]: archive.extractfile(name).read().decode() for name in names}


def test_the_bundle(
    tm, lab: list[str], agent: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings, status, history, activity, the test, versions, host keys and figures; no password."""
    monkeypatch.chdir(tmp_path)
    assert tm("config", "set", *lab).code == 0
    assert tm("config", "secret", "tmsp", stdin=(CANARY + "\n").encode()).code == 0
    assert tm("test").code == 1
    said = tm("diagnostics")
    assert said.code == 0, said.err
    (path,) = tmp_path.glob("tm-tui-tm-*.tar.gz")
    assert str(path.name) in said.out
    assert path.stat().st_mode & 0o777 == 0o600
    files = unpacked(path)
    assert CANARY not in "".join(files.values())
    assert 'host = "127.0.0.1"' in files["settings.toml"]
    assert json.loads(files["settings.json"])["secrets_set"] == ["tmsp"]
    assert [entry["revision"] for entry in json.loads(files["history.json"])] == [2, 1]
    assert json.loads(files["test.json"])["report"]["failures"][0]["code"] == "http-auth-refused"
    assert json.loads(files["versions.json"])["libraries"]["asyncssh"]
    assert json.loads(files["process.json"])["limits"]["core"] == 0
    assert json.loads(files["spool.json"])["events"] == 0
    assert "host_keys" in json.loads(files["trust.json"])
    assert any("revision 2" in line["text"] for line in json.loads(files["activity.json"]))
    assert "http-auth-refused" in files["summary.txt"]


def test_where_it_goes(tm, shared_agent: None, tmp_path: Path) -> None:
    """To the file that is named, as one JSON object for scripts; --text writes none."""
    said = tm("diagnostics", "--output", str(tmp_path / "b.tar.gz"), "--json")
    assert said.json["bytes"] == (tmp_path / "b.tar.gz").stat().st_size
    assert "status.json" in unpacked(tmp_path / "b.tar.gz")
    before = set(Path.cwd().iterdir())
    said = tm("diagnostics", "--text")
    assert said.out.startswith("Appliance:")
    assert tm("diagnostics", "--text", "--json").json["lines"][0].startswith("Appliance:")
    assert set(Path.cwd().iterdir()) == before
    assert tm("diagnostics", "--text", "--output", "x").code == 2


def test_a_damaged_file_of_host_keys_is_in_it(tm, agent: object, home: Path, tmp_path: Path) -> None:
    """What support must see most, a damaged file, does not prevent the bundle: the reason is in it."""
    (home / "config" / "host_keys").write_text("nonsense\n")
    (home / "config" / "host_keys").chmod(0o600)
    assert tm("diagnostics", "--output", str(tmp_path / "b")).code == 0
    assert "unreadable" in json.loads(unpacked(tmp_path / "b")["trust.json"])


def test_a_password_that_a_server_sent_back_is_removed() -> None:
    """However it is written: plain, in JSON, in a URL, as Basic credentials."""
    settings = Settings.parse({"tmsp": {"username": "anna"}})
    revision = Revision(1, settings, Secrets(tmsp=CANARY, proxy="abc"), None, None, "")
    basic = base64.b64encode(f"anna:{CANARY}".encode()).decode()
    written = [CANARY, json.dumps(CANARY), "Kanari%22en%25vogel%2F4711%20%C3%BC", basic, "abc"]
    redacted = Redaction(revision)
    assert [redacted(text) for text in written] == [
        "[removed]",
        '"[removed]"',
        "[removed]",
        "[removed]",
        "abc",
    ]


def test_the_newest_test_counts() -> None:
    """Of two tests side by side, the steps of one never mix with those of the other."""
    import datetime

    last = LastTest()
    first = last.begin(datetime.datetime.now(datetime.UTC), unsaved=True)
    second = last.begin(datetime.datetime.now(datetime.UTC), unsaved=False)
    assert last.newest is second
    assert first.steps is not second.steps


def test_an_endless_bundle_is_refused(tm, monkeypatch: pytest.MonkeyPatch, shared_agent: None) -> None:
    """A bundle without an end does not fill the memory."""
    monkeypatch.setattr("tm_tui.cli.diagnostics._MOST_BYTES", 10)
    said = tm("diagnostics")
    assert said.code == 1
    assert "does not end" in said.err


def test_bundles_are_made_of_what_is_there() -> None:
    """The archive is plain: no links, no paths that lead elsewhere."""
    from datetime import UTC, datetime

    from tm_tui.diagnostics.bundle import _packed

    data = _packed("folder", {"a.txt": "x\ud800"}, datetime.now(UTC))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (entry,) = archive.getmembers()
    assert (entry.name, entry.isfile(), entry.mode) == ("folder/a.txt", True, 0o600)


def test_printed_between_marks(tm, shared_agent: None, tmp_path: Path) -> None:
    """The command that is printed makes the same bundle of a log of the line, carriage returns and all."""
    said = tm("diagnostics", "--print")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert "at 9600 baud" in lines[0]
    log = tmp_path / "FILE"
    log.write_bytes(b"login: admin\r\n" + said.out.replace("\n", "\r\n").encode() + b"$ exit\r\n")
    command = " ".join(line.strip() for line in lines[2:4])
    made = subprocess.run(("sh", "-c", command), cwd=tmp_path, capture_output=True, text=True, check=True)
    (path,) = tmp_path.glob("*.tar.gz")
    assert made.stdout.split()[0] == lines[-1].removeprefix("SHA-256 ")
    assert "summary.txt" in unpacked(path)
    assert tm("diagnostics", "--print", "--text").code == 2
    assert tm("diagnostics", "--print", "--json").code == 2


def test_what_is_too_large_is_not_printed() -> None:
    """A line is not kept busy for an hour."""
    with pytest.raises(TmError):
        list(_lines(bytes((512 << 10) + 1)))
