"""Approved host keys: what is filed, what is refused, and what a damaged file does."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncssh
import pytest

from tm_tui.errors import StorageFailed, TmError
from tm_tui.link.host_keys import HostKey, HostKeys
from tm_tui.link.types import Endpoint

SERVER = Endpoint("logs.example.com", 22)
OTHER = Endpoint("2001:db8::1", 2222)
LIMIT = 60.0


def make(endpoint: Endpoint = SERVER, kind: str = "ssh-ed25519") -> HostKey:
    """A fresh key."""
    algorithm, blob = asyncssh.generate_private_key(kind).export_public_key().decode().split()[:2]
    return HostKey.of(endpoint, algorithm, blob)


@pytest.fixture
def keys(tmp_path: Path) -> HostKeys:
    """A file in a folder that does not exist yet."""
    return HostKeys(tmp_path / "config" / "host_keys")


def test_the_four_states(keys: HostKeys) -> None:
    """Unknown, approved, changed and new type are told apart, for each host and port of its own."""
    key = make()
    assert keys.state(key) == "unknown"
    keys.approve(key)
    keys.approve(key)
    assert [keys.state(one) for one in (key, make(), make(kind="ecdsa-sha2-nistp256"))] == [
        "approved",
        "changed",
        "new-type",
    ]
    assert keys.state(HostKey.of(Endpoint(SERVER.host, 2222), key.algorithm, key.blob)) == "unknown"
    assert keys.entries() == (key,)


def test_the_file_is_as_documented(keys: HostKeys) -> None:
    """`[host]:port algorithm key`, readable by its owner only, in a private folder."""
    first, second = make(), make(OTHER)
    keys.approve(first)
    keys.approve(second)
    assert keys.path.read_text() == (
        f"[logs.example.com]:22 ssh-ed25519 {first.blob}\n[2001:db8::1]:2222 ssh-ed25519 {second.blob}\n"
    )
    assert keys.path.stat().st_mode & 0o777 == 0o600
    assert keys.path.parent.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in keys.path.parent.iterdir()) == [".lock", "host_keys"]


def test_the_fingerprint_is_ssh_keygens(keys: HostKeys) -> None:
    """The admin compares what ssh-keygen prints on the server."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    algorithm, blob = key.export_public_key().decode().split()[:2]
    assert HostKey.of(SERVER, algorithm, blob).fingerprint == key.get_fingerprint()


def test_a_changed_key_is_not_approved_over_the_old_one(keys: HostKeys) -> None:
    """Replacing a key takes two steps: forget, then approve."""
    old, new = make(), make()
    keys.approve(old)
    with pytest.raises(TmError, match="forget the old one first"):
        keys.approve(new)
    assert keys.forget(SERVER.bracketed)
    assert not keys.forget(SERVER.bracketed)
    keys.approve(new)
    assert keys.entries() == (new,)


def test_forgetting_leaves_the_others(keys: HostKeys) -> None:
    """Forgetting one server forgets all its keys and no other's."""
    kept = make(OTHER)
    for key in (make(), make(kind="ecdsa-sha2-nistp256"), kept):
        keys.approve(key)
    assert keys.forget(SERVER.bracketed)
    assert keys.entries() == (kept,)


@pytest.mark.parametrize(
    "line",
    [
        "logs.example.com ssh-ed25519 AAAA",
        "[a]:0 ssh-ed25519 AAAA",
        "[a]:22 ssh-ed25519 A",
        "[a]:22 x",
        "\x1b[2J",
    ],
)
def test_a_damaged_line_is_named(keys: HostKeys, line: str) -> None:
    """A damaged file is refused with the line's number, not half believed."""
    key = make()
    keys.approve(key)
    keys.path.write_text(f"{key.line}\n{line}\n")
    with pytest.raises(StorageFailed, match="Line 2"):
        keys.state(key)


def test_a_loose_or_odd_file_is_refused(keys: HostKeys, tmp_path: Path) -> None:
    """A file that others can read, or with a second name, a link and a FIFO are refused without hanging."""
    keys.approve(make())
    keys.path.chmod(0o644)
    with pytest.raises(StorageFailed, match="chmod 600"):
        keys.entries()
    keys.path.chmod(0o600)
    (tmp_path / "second").hardlink_to(keys.path)
    with pytest.raises(StorageFailed):
        keys.entries()
    keys.path.unlink()
    keys.path.symlink_to(tmp_path / "second")
    with pytest.raises(StorageFailed):
        keys.entries()
    keys.path.unlink()
    os.mkfifo(keys.path, 0o600)
    with pytest.raises(StorageFailed):
        keys.entries()


def test_what_a_crash_left_is_written_over(keys: HostKeys) -> None:
    """A half-written file from a crash neither counts nor stands in the way."""
    keys.approve(make())
    keys.path.with_name(".new-host_keys-0123456789abcdef").write_text("half")
    keys.approve(make(OTHER))
    assert len(keys.entries()) == 2
    assert sorted(path.name for path in keys.path.parent.iterdir()) == [".lock", "host_keys"]


def test_a_full_disk_is_told(keys: HostKeys) -> None:
    """A folder that cannot be written gives a cause and a remedy."""
    keys.path.parent.write_text("a file where the folder should be")
    with pytest.raises(StorageFailed, match="Remove what stands in its place"):
        keys.approve(make())


def test_keys_approved_in_the_same_moment_are_both_kept(keys: HostKeys) -> None:
    """Two admins who approve two servers' keys at once both succeed, a hundred times over."""
    pairs = [
        tuple(HostKey.of(Endpoint(f"{side}{n}.example.com", 22), one.algorithm, one.blob) for side in "ab")
        for n, one in enumerate([make()] * 100)
    ]
    with ThreadPoolExecutor(2) as pool:
        start = threading.Barrier(2)

        def approve(key: HostKey) -> None:
            start.wait(LIMIT)
            keys.approve(key)

        for pair in pairs:
            for done in [pool.submit(approve, key) for key in pair]:
                done.result(LIMIT)
    assert {key.endpoint.host for key in keys.entries()} == {
        key.endpoint.host for pair in pairs for key in pair
    }


_APPROVES = """
import sys
from pathlib import Path
from tm_tui.link.host_keys import HostKey, HostKeys
from tm_tui.link.types import Endpoint
keys, side, blob = HostKeys(Path(sys.argv[1])), sys.argv[2], sys.argv[3]
print("ready", flush=True)
sys.stdin.readline()
for n in range(30):
    keys.approve(HostKey.of(Endpoint(f"{side}{n}.example.com", 22), "ssh-ed25519", blob))
    if n % 3 == 2:
        keys.forget(f"[{side}{n - 1}.example.com]:22")
"""


def test_processes_do_not_undo_each_other(keys: HostKeys) -> None:
    """Approving and forgetting from several processes at once loses no key and brings none back."""
    blob = make().blob
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _APPROVES, str(keys.path), side, blob],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for side in "abc"
    ]
    for one in running:
        assert one.stdout
        assert one.stdout.readline() == "ready\n"
    for one in running:
        assert one.stdin
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in running:
        one.communicate(timeout=60)
        assert one.returncode == 0
    kept = {f"{side}{n}.example.com" for side in "abc" for n in range(30) if n % 3 != 1}
    assert {key.endpoint.host for key in keys.entries()} == kept
