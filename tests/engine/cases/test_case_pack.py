"""What goes into a case: chosen files whole and as they are, nothing of the agent's own, harmless names."""

import asyncio
import hashlib
import io
import json
import os
import socket
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest
import zstandard

from tm_tui.cases.archive import Limits, PackingStopped, pack
from tm_tui.cases.case_calls import CaseRefused
from tm_tui.cases.names import Names
from tm_tui.cases.sources import Sources
from tm_tui.errors import StorageFailed, TmError
from tm_tui.text import path_text

PLENTY = Limits(reserve=0)


@pytest.fixture
def packing(home, tmp_path):
    """Pack what is given; gives what came of it, the manifest, and the files by name."""
    inbox = home.state / "cases" / "inbox"
    inbox.mkdir(parents=True)

    def run(*chosen, form="tar.zst", limits=PLENTY, stop=None):
        target = tmp_path / "pack"
        sources = Sources(home, inbox)
        done = pack(
            sources, chosen, target, form, {"endpoint": "pc"}, stop=stop or threading.Event(), limits=limits
        )
        files = opened(target.read_bytes(), form)
        assert done.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
        return done, json.loads(files.pop("manifest.json")), files

    return run


def opened(raw, form):
    """All files of an archive."""
    if form == "zip":
        with zipfile.ZipFile(io.BytesIO(raw)) as zipped:
            assert zipped.testzip() is None
            return {name: zipped.read(name) for name in zipped.namelist()}
    plain = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)).read()
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


@pytest.mark.parametrize("form", ["tar.zst", "zip"])
def test_files_are_packed_whole_with_a_manifest(packing, evidence, form):
    """Each file is there byte by byte, and the manifest has its place, size and SHA-256."""
    done, manifest, files = packing(evidence, form=form)
    dump = (evidence / "dump.bin").read_bytes()
    assert files["files/evidence/dump.bin"] == dump
    assert files["files/evidence/logs/setup.log"] == b"one line\n"
    listed = {one["name"]: one for one in manifest["files"]}
    assert listed["files/evidence/dump.bin"]["sha256"] == hashlib.sha256(dump).hexdigest()
    assert listed["files/evidence/dump.bin"]["bytes"] == 700_000
    assert manifest["endpoint"] == "pc"
    assert (done.files, done.bytes) == (2, 700_009)


def test_what_is_no_file_is_left_out_and_told(packing, evidence):
    """Links, pipes, sockets and devices are not followed, opened or copied, and the manifest says so."""
    os.mkfifo(evidence / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(evidence / "s"))
        if os.geteuid() == 0:
            os.mknod(evidence / "null", 0o20600, os.makedev(1, 3))
        done, manifest, files = packing(evidence)
    left_out = {one["path"]: one["why"] for one in manifest["left_out"]}
    assert left_out["evidence/link"] == "is a symbolic link to /etc/passwd"
    assert left_out["evidence/pipe"] == "is a pipe"
    assert left_out["evidence/s"] == "is a socket"
    assert os.geteuid() or left_out["evidence/null"] == "is a device"
    assert len(files) == 2
    assert any("pipe" in note for note in done.notes)


@pytest.mark.parametrize(
    "name",
    [
        b"..\\..\\evil",
        b"\x1b[2J",
        b"\xff\xfe",
        b"a\nb",
        "\u202egnp.exe".encode(),
        b"con",
        b"x" * 250,
        b" .",
        b"C:x",
    ],
)
def test_names_are_made_harmless(packing, tmp_path, name):
    """Whoever unpacks a case gets no escape, no path upwards and no name that means something else."""
    folder = tmp_path / "odd"
    folder.mkdir()
    with open(os.path.join(os.fsencode(folder), name), "wb") as file:  # noqa: PTH118, PTH123  names in bytes
        file.write(b"x")
    _, manifest, files = packing(folder)
    ((path, content),) = files.items()
    assert content == b"x"
    assert path.isprintable()
    assert not {"..", ".", ""} & set(path.split("/"))
    assert not set('\\:*?"<>|\ufffd') & set(path)
    assert len(path.split("/")[-1]) <= 121
    assert manifest["files"][0]["path"].isprintable()


def test_each_file_keeps_a_name_of_its_own():
    """Two files whose names become the same, or differ by case only, do not overwrite each other."""
    names = Names()
    made = [names.name_for(path) for path in (b"a/B.txt", b"a/b.TXT", b"a/b?.txt", b"a/b:.txt", b"a/b_.txt")]
    assert len({name.casefold() for name in made}) == 5


def test_a_file_that_changes_is_noticed(packing, evidence, monkeypatch):
    """A log that grows and a file that is cut while they are read: packed as found, and told."""
    real, touched = os.read, []

    def read(descriptor, size):
        data = real(descriptor, size)
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if path.endswith("dump.bin") and not touched:
            touched.append(path)
            os.truncate(path, 300_000)
        return data

    monkeypatch.setattr(os, "read", read)
    done, manifest, files = packing(evidence)
    listed = {one["path"]: one for one in manifest["files"]}
    assert listed["evidence/dump.bin"]["changed_while_packed"] is True
    assert listed["evidence/logs/setup.log"]["changed_while_packed"] is False
    assert len(files["files/evidence/dump.bin"]) == 700_000
    assert "evidence/dump.bin changed while it was packed." in done.notes


@pytest.mark.parametrize("what", ["config", "state", "run", "secrets", "home", "root"])
def test_the_agents_own_files_never_leave(packing, home, tmp_path, what):
    """Settings, secrets and queue cannot be submitted, not by a folder above them either."""
    (home.config / "secrets.json").write_text("geheim")
    chosen = {
        "config": home.config,
        "state": home.state,
        "run": home.run,
        "secrets": home.config / "secrets.json",
        "home": home.config.parent,
        "root": Path("/"),
    }[what]
    with pytest.raises(TmError, match="the agent's own files"):
        packing(chosen)


def test_the_agents_secrets_do_not_leave_by_another_name(packing, home, evidence):
    """A hard link to a secret in an innocent folder is left out."""
    (home.config / "secrets.json").write_text("geheim")
    os.link(home.config / "secrets.json", evidence / "innocent.txt")
    _, manifest, files = packing(evidence)
    assert {"path": "evidence/innocent.txt", "why": "belongs to the agent"} in manifest["left_out"]
    assert b"geheim" not in b"".join(files.values())


@pytest.mark.parametrize("path", ["/proc/self/environ", "/proc", "/sys/kernel"])
def test_the_running_system_is_no_evidence(packing, path):
    """What the kernel makes up holds the agent's memory and environment."""
    with pytest.raises(TmError, match="view of the running system"):
        packing(Path(path))


def test_paths_that_cannot_be_meant(packing, evidence):
    """A link, a missing file, a pipe and a relative path are refused with the reason."""
    os.mkfifo(evidence / "pipe")
    for path, words in (
        (evidence / "link", "symbolic link"),
        (evidence / "gone", "does not exist"),
        (evidence / "pipe", "no file and no folder"),
        (evidence.relative_to("/"), "no absolute path"),
        (evidence / ".." / "evidence", "no absolute path"),
    ):
        with pytest.raises(TmError, match=words):
            packing(path)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(files=1, reserve=0), "at most 1 files"),
        (Limits(bytes=1 << 20, reserve=0), "at most 1 MiB"),
        (Limits(reserve=1 << 60), "disk is nearly full"),
    ],
)
def test_a_case_is_bounded(packing, evidence, limits, words):
    """Too many files, too many bytes, too little disk: refused, with the number."""
    (evidence / "more.bin").write_bytes(bytes(600_000))
    with pytest.raises(TmError, match=words):
        packing(evidence, limits=limits)


def test_a_full_disk_is_named(home, evidence, tmp_path, monkeypatch):
    """The disk fills up in the middle of packing: the reason says so."""
    sources = Sources(home, home.state)
    with pytest.raises(StorageFailed, match="disk is full"):
        pack(sources, [evidence], Path("/dev/full"), "zip", {}, stop=threading.Event(), limits=PLENTY)


def test_an_empty_choice_is_no_case(packing, tmp_path):
    """A folder without a file is refused."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(TmError, match="no file"):
        packing(tmp_path / "empty")


def test_giving_up_ends_the_packing(packing, evidence):
    """Cancel does not wait for a large file to its end."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(PackingStopped):
        packing(evidence, stop=stop)


async def test_a_file_whose_name_is_no_utf8_is_submitted(appliance_at, server, tmp_path):
    """Evidence from other systems has such names: it goes whole, under a name that harms nobody."""
    odd = os.fsencode(tmp_path) + b"/caf\xe9 \x1b[31m.bin"
    await asyncio.to_thread(Path(os.fsdecode(odd)).write_bytes, b"evidence")
    appliance = appliance_at(server.port)
    number = await appliance.submit(path_text(os.fsdecode(odd)))
    case = await appliance.until(
        number, lambda case: case.state in {"waiting", "sending", "submitted", "failed"}
    )
    assert case.state != "failed"
    assert (case.files, case.bytes) == (1, 8)
    assert case.sources == (f"file://{tmp_path}/caf%E9%20%1B%5B31m.bin",)


@pytest.mark.parametrize(
    "path", ["file:///tmp/%00", "/tmp/\0", "file://host/etc/hostname", "file:etc", "file://"]
)
async def test_what_is_no_path_is_refused_by_name(appliance_at, server, path):
    """A NUL, another host, or nothing at all: the field is named."""
    with pytest.raises(CaseRefused) as refused:
        await appliance_at(server.port).submit(path)
    assert refused.value.problems[0].field == "paths"
