"""Files and buckets keep the same promises: what is put stays, once, and is found again."""

import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servers.buckets import KEYS, Buckets
from tm_tui.errors import TmError
from tm_tui.portal.blobs.address import blobs_at, checked_address
from tm_tui.portal.blobs.s3 import S3Blobs
from tm_tui.portal.blobs.store import BlobAbsent, BlobExists, Blobs, BlobsFailed

NAME = "logs/tm-1/tm-1-000000000001-0123456789abcdef.ndjson.zst"


@pytest.fixture(params=["files", "another disk", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Blobs]:
    """A store of each kind, empty."""
    if request.param == "bucket":
        server: Buckets = request.getfixturevalue("bucket_server")
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
        yield blobs_at(server.new(), tmp_path)
    elif request.param == "files":
        yield blobs_at("file:store", tmp_path)
    else:
        elsewhere = Path("/dev/shm") / f"tm-blobs-{os.getpid()}-{threading.get_native_id()}"
        assert elsewhere.parent.stat().st_dev != tmp_path.stat().st_dev
        yield blobs_at(f"file:{elsewhere}", tmp_path)
        shutil.rmtree(elsewhere, ignore_errors=True)


def new(folder: Path, content: bytes, name: str = "new") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_what_is_put_is_found(blobs: Blobs, tmp_path: Path) -> None:
    """Its bytes from anywhere on, its size, its place in the lists of its folders and of no other's."""
    content = bytes(range(256)) * 3000
    blobs.put(NAME, new(tmp_path, content))
    blobs.put("logs/tm-10/other", new(tmp_path, b"x"))
    with blobs.open(NAME) as file:
        assert file.read(3) == content[:3]
        assert file.read() == content[3:]
        file.seek(5)
        assert file.read(2) == content[5:7]
    assert blobs.size(NAME) == len(content)
    assert [(one.name, one.size) for one in blobs.list("logs/tm-1/")] == [(NAME, len(content))]
    assert {one.name for one in blobs.list("logs/")} == {NAME, "logs/tm-10/other"}
    assert {one.name for one in blobs.list("")} == {NAME, "logs/tm-10/other"}
    assert all(one.put_at > 1_600_000_000 for one in blobs.list(""))


def test_a_name_is_given_once(blobs: Blobs, tmp_path: Path) -> None:
    """Of many who put at once one wins, and what lies there is his, whole; the others keep theirs."""
    sources = [new(tmp_path, bytes([number]) * 5000, f"new-{number}") for number in range(8)]

    def put(source: Path) -> bool:
        try:
            blobs.put(NAME, source)
        except BlobExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(put, sources))
    assert won.count(True) == 1
    with blobs.open(NAME) as file:
        assert file.read() == bytes([won.index(True)]) * 5000
    assert all(source.exists() for source, mine in zip(sources, won, strict=True) if not mine)
    assert [one.name for one in blobs.list("")] == [NAME]


def test_what_is_absent_is_said(blobs: Blobs, tmp_path: Path) -> None:
    """A name that nobody put, a folder, a blob that was deleted: absent; deleting once more is nothing."""
    for name in (NAME, "logs/tm-1"):
        with pytest.raises(BlobAbsent):
            blobs.open(name)
        with pytest.raises(BlobAbsent):
            blobs.size(name)
    blobs.put(NAME, new(tmp_path, b""))
    assert blobs.size(NAME) == 0
    blobs.delete(NAME)
    blobs.delete(NAME)
    with pytest.raises(BlobAbsent):
        blobs.open("logs/tm-1")
    assert list(blobs.list("logs/tm-1/")) == []
    blobs.put(NAME, new(tmp_path, b"again"))
    assert blobs.size(NAME) == 5


def test_more_than_one_request_holds(bucket_server: Buckets, tmp_path: Path) -> None:
    """A file that goes in parts goes in whole, and once."""
    bucket, _, endpoint = bucket_server.new().removeprefix("s3://").partition("/portal?endpoint=")
    config = {"endpoint": endpoint, "access_key_id": "a", "secret_access_key": "b"}
    found = S3Blobs(bucket, "", config, plain=True, at_once=1 << 20)
    content = os.urandom(6 << 20)
    found.put("cases/large", new(tmp_path, content))
    with found.open("cases/large") as file:
        assert file.read() == content
    with pytest.raises(BlobExists):
        found.put("cases/large", new(tmp_path, bytes(2 << 20)))


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "ä", "a b", ".hidden", "x" * 200]
)
def test_other_names_are_a_bug(tmp_path: Path, name: str) -> None:
    """Nothing outside is ever reached by a name."""
    for call in (blobs_at("file:.", tmp_path).open, blobs_at("file:.", tmp_path).size):
        with pytest.raises(ValueError, match="no name"):
            call(name)


def test_links_are_no_blobs(tmp_path: Path) -> None:
    """What somebody links into the folder is neither listed nor read."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "link").symlink_to("/etc/passwd")
    found = blobs_at("file:.", tmp_path)
    assert list(found.list("logs/")) == []
    with pytest.raises(OSError, match="symbolic"):
        found.open("logs/link")
    with pytest.raises(BlobAbsent):
        found.size("logs/link")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "no address"),
        ("http://a/b", "no address"),
        ("file:", "no folder"),
        ("s3:bucket", "no bucket"),
        ("s3://UPPER/", "no bucket"),
        ("s3://key:secret@bucket/x", "keys do not belong"),
        ("s3://bucket/?endpoint=https://key:secret@host", "keys do not belong"),
        ("s3://bucket/?secret_access_key=x", "only endpoint and region"),
        ("s3://bucket/?endpoint=http://s3.example.com", "in the clear"),
        ("s3://bucket/?endpoint=ftp://127.0.0.1", "in the clear"),
        ("s3://bucket/?endpoint=https://host:port", "no address"),
        ("s3://bucket/a%20b", "unusual"),
        ("s3://bucket/#a", "unusual"),
    ],
)
def test_wrong_addresses_are_named(tmp_path: Path, address: str, words: str) -> None:
    """With the reason and the form, and nothing of what was typed: it may be a secret."""
    with pytest.raises(TmError, match=words) as refused:
        blobs_at(address, tmp_path)
    assert "secret@" not in str(refused.value)


@settings(max_examples=40)
@given(st.text(max_size=60).map(lambda text: f"s3://{text}") | st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """No text ends in another failure."""
    found = ""
    try:
        checked_address(text)
    except ValueError as error:
        found = str(error)
    assert found == "" or found.endswith(".")  # ours, not the library's


def test_keys_come_from_a_file_of_ones_own(tmp_path: Path, bucket_server: Buckets) -> None:
    """A file that others may read, or without the keys, is refused; what is in it is never told."""
    kept = tmp_path / "keys.toml"
    address = bucket_server.new()
    with pytest.raises(TmError, match="does not exist"):
        blobs_at(address, tmp_path, "keys.toml")
    kept.write_text('access_key_id = "a"\n')
    kept.chmod(0o644)
    with pytest.raises(TmError, match="Others have access"):
        blobs_at(address, tmp_path, "keys.toml")
    kept.chmod(0o600)
    with pytest.raises(TmError, match="does not hold the keys"):
        blobs_at(address, tmp_path, "keys.toml")
    kept.write_text('access_key_id = "test-key"\nsecret_access_key = "canary-5e1f"\n')
    found = blobs_at(address, tmp_path, "keys.toml")
    found.put(NAME, new(tmp_path, b"x"))
    assert found.size(NAME) == 1
    nowhere = blobs_at(address.replace("s3://tmsp-", "s3://gone-"), tmp_path, "keys.toml")
    with pytest.raises(BlobsFailed) as failed:
        nowhere.put(NAME, new(tmp_path, b"x"))
    assert "canary" not in str(failed.value)
