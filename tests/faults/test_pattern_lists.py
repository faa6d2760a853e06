"""Whatever a portal, or who stands between, gives for patterns: what is here stays, the reason is told."""

import asyncio
import copy
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from patterning.deploying import until
from patterning.repository import Repository
from patterning.serving import HASTE, Fetching, PatternServer, fetching, serving
from servers.certificates import Certificates

Lab = tuple[Repository, PatternServer, Fetching]


@pytest.fixture
async def lab(certificates: Certificates, tmp_path: Path) -> AsyncIterator[Lab]:
    """A repository with pattern 1, which has been fetched."""
    repository = Repository()
    repository.add(1, b"the first")
    async with (
        serving(certificates, repository.files) as server,
        fetching(tmp_path, server.port, certificates.ca_pem, patience=HASTE) as it,
    ):
        assert await it.check(repository.first_root) is None
        assert it.here == [1]
        yield repository, server, it


def whole(it: Fetching, number: int, content: bytes) -> bool:
    """Whether a pattern is here as it should be, and nothing half lies beside it."""
    found = it.service.store.checked(number)
    left = [path.name for path in it.service.store.folder.iterdir() if path.name.startswith(".new")]
    return found is not None and found[1].read_bytes() == content and not left


def forged(repository: Repository, _server: PatternServer) -> None:
    """Somebody without the keys signs a list of his own."""
    stranger = CryptoSigner.generate_ed25519()
    repository.add(2, b"evil")
    repository.publish(signers={"timestamp": stranger})


def forged_targets(repository: Repository, _server: PatternServer) -> None:
    """Who has got the timestamp's and the snapshot's key still cannot make a pattern."""
    repository.add(2, b"evil")
    repository.publish(signers={"targets": CryptoSigner.generate_ed25519()})


def expired(repository: Repository, _server: PatternServer) -> None:
    """A list that nobody renews is held up."""
    repository.add(2, b"new")
    repository.publish(expires=datetime.now(UTC) - timedelta(seconds=5))


def mixed(repository: Repository, server: PatternServer) -> None:
    """The new timestamp with the old snapshot."""
    old = server.files[f"metadata/{repository.snapshot.version}.snapshot.json"]
    repository.add(2, b"new")
    server.files[f"metadata/{repository.snapshot.version}.snapshot.json"] = old


def no_list(_repository: Repository, server: PatternServer) -> None:
    """A web page in the place of a list."""
    server.files["metadata/timestamp.json"] = b"<html>welcome</html>"


def absent(repository: Repository, server: PatternServer) -> None:
    """A list that the timestamp names is not there."""
    repository.add(2, b"new")
    del server.files[f"metadata/{repository.snapshot.version}.snapshot.json"]


def large_list(_repository: Repository, server: PatternServer) -> None:
    """A timestamp of a megabyte."""
    server.files["metadata/timestamp.json"] = b" " * (1 << 20)


def truncated_list(_repository: Repository, server: PatternServer) -> None:
    """The line is cut in the middle of a list."""
    server.says("metadata/timestamp.json", "HTTP/1.1 200 x\r\ncontent-length: 500\r\n\r\n", b"{")


def redirected(_repository: Repository, server: PatternServer) -> None:
    """The list is said to be elsewhere."""
    server.says(
        "metadata/timestamp.json", "HTTP/1.1 302 x\r\nlocation: https://evil/\r\ncontent-length: 0\r\n\r\n"
    )


def encoded(_repository: Repository, server: PatternServer) -> None:
    """A compressed answer, which could be a bomb."""
    head = "HTTP/1.1 200 x\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n"
    server.says("metadata/timestamp.json", head, b"\x1f\x8b\x08")


FAULTS: list[tuple[Callable[[Repository, PatternServer], None], str]] = [
    (forged, "pattern-signature"),
    (forged_targets, "pattern-signature"),
    (expired, "pattern-expired"),
    (mixed, "pattern-mixed"),
    (no_list, "pattern-list-unreadable"),
    (absent, "pattern-absent"),
    (large_list, "pattern-too-large"),
    (truncated_list, "reply-closed"),
    (redirected, "captive-portal"),
    (encoded, "reply-encoded"),
]


@pytest.mark.parametrize(("spoil", "code"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_spoiled_list_changes_nothing(
    lab: Lab, spoil: Callable[[Repository, PatternServer], None], code: str
) -> None:
    """The pattern from before stays, nothing new is taken, the failure names what is wrong; then it heals."""
    repository, server, it = lab
    spoil(repository, server)
    assert await it.check() == code
    assert it.here == [1]
    assert whole(it, 1, b"the first")
    server.answers.clear()
    repository.add(3, b"the third")
    assert await it.check() is None
    assert 3 in it.here


async def test_an_old_list_is_not_new_again(lab: Lab) -> None:
    """A state from before, signed in its time, is refused: also by an agent that was started anew."""
    repository, server, it = lab
    old = copy.copy(server.files)
    repository.add(2, b"the second")
    assert await it.check() is None
    server.files["metadata/timestamp.json"] = old["metadata/timestamp.json"]
    assert await it.check() == "pattern-old"
    await it.stop()
    it.start()
    assert await it.check(repository.first_root) == "pattern-old"
    assert it.here == [1, 2]


async def test_an_endless_list_is_cut(lab: Lab) -> None:
    """What has no end is read up to the limit of a list, whatever its size would be."""
    _, server, it = lab
    server.drips("metadata/timestamp.json", b"x" * 4096, 0.0)
    assert await it.check() == "pattern-too-large"
    assert server.sent < 8 << 20  # socket buffers, not an endless stream
    assert it.here == [1]


async def test_an_endless_pattern_is_cut(lab: Lab) -> None:
    """A pattern ends at its signed length: no more of it comes to the disk."""
    repository, server, it = lab
    path = repository.add(2, b"y" * 10_000)
    server.drips(path, b"y" * 4096, 0.0)
    assert await it.check() == "pattern-too-large"
    assert server.sent < 8 << 20
    assert it.here == [1]
    assert whole(it, 1, b"the first")


async def test_a_slow_pattern_is_given_up(lab: Lab) -> None:
    """Some bytes now and then do not hold the agent for ever."""
    repository, server, it = lab
    path = repository.add(2, b"z" * 100_000)
    server.drips(path, b"z" * 10, 0.05)
    assert await it.check() == "pattern-too-slow"
    assert it.here == [1]


async def test_a_silent_server_is_given_up(lab: Lab) -> None:
    """A server that begins an answer and falls silent is left after the time without progress."""
    repository, server, it = lab
    path = repository.add(2, b"z" * 100_000)
    server.drips(path, b"z" * 10, 60.0)
    assert await it.check() == "pattern-too-slow"


@pytest.mark.parametrize("content", [b"tampered!", b"short", b""], ids=["altered", "truncated", "empty"])
async def test_a_damaged_pattern_is_refused_until_it_is_issued_again(lab: Lab, content: bytes) -> None:
    """Length and hash must be the signed ones; the others are taken; a new issue ends the matter."""
    repository, server, it = lab
    path = repository.add(2, b"the truth")
    server.files[path] = content
    assert await it.check() == "pattern-damaged"
    assert it.here == [1]
    assert [pattern.id for pattern, _ in it.service.refused.values()] == [2]
    repository.add(3, b"the truth")
    assert await it.check() is None
    assert it.here == [1, 3]
    assert 2 in it.service.refused
    assert it.service.alerts() == ()


async def test_an_oversized_pattern_is_not_even_fetched(lab: Lab) -> None:
    """A list that announces more than a pattern may have is refused before the first byte."""
    repository, server, it = lab
    path = repository.add(2, b"huge")
    repository.targets.targets["p2.bin"].length = 1 << 40
    repository.publish()
    assert await it.check() == "pattern-too-large"
    assert path not in server.asked


NAMES = [
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    "a/../../b",
    "%2e%2e/x",
    "a\x1b[2Jb",
    "a b",
    "ü",
    "x" * 2000,
]


async def test_names_of_targets_are_no_paths(lab: Lab, tmp_path: Path) -> None:
    """However a target is called, files here have our own names, and nothing appears outside their folder."""
    repository, server, it = lab
    for number, name in enumerate(NAMES, 10):
        path = repository.add(number, b"named", target=name)
        server.files.setdefault(path.replace("/../", "/"), b"named")
    await it.check()
    names = [path.name for path in it.service.store.folder.iterdir()]
    assert all(name[:9].isdigit() for name in names)
    assert os.listdir(tmp_path) == ["patterns"]  # noqa: PTH208  blocks as little as any
    assert 1 in it.here


USELESS = [{"id": "1"}, {"id": -4}, {"type": "virus"}, {"version": ""}, {"version": 7}, {"id": True}]


async def test_unusable_entries_do_no_harm(lab: Lab) -> None:
    """An entry without a proper number, type or version is passed over; escapes in texts are made safe."""
    repository, _, it = lab
    for number, wrong in enumerate(USELESS, 20):
        repository.add(number, b"useless", target=f"useless-{number}", **wrong)
    repository.add(40, b"fine", description="\x1b]0;evil\x07 and \u202eback")
    assert await it.check() == "pattern-unusable"
    assert it.here == [1, 40]
    assert it.service.store.patterns[40].description.isprintable()


async def test_one_number_twice_counts_for_nothing(lab: Lab) -> None:
    """Two entries with one Pattern ID: nobody knows which is meant, so neither is taken."""
    repository, _, it = lab
    repository.add(5, b"one", target="one")
    repository.add(5, b"two", target="two")
    assert await it.check() == "pattern-unusable"
    assert it.here == [1]


async def test_a_portal_that_names_other_keys_is_refused(lab: Lab) -> None:
    """A second root for the same portal is shown and not believed, until the admin forgets the first."""
    repository, server, it = lab
    other = Repository()
    other.add(9, b"of the other")
    server.files.clear()
    server.files.update(other.files)
    assert await it.check(other.first_root) == "pattern-root-changed"
    assert it.here == [1]
    assert "forget-root" in (it.service.last_failure.remedy if it.service.last_failure else "")
    assert await it.service.forget_root()
    async with asyncio.timeout(60):
        while it.here != [9]:
            it.moved.clear()
            await it.moved.wait()
    assert repository.first_root != other.first_root


async def test_without_a_root_nothing_is_asked(certificates: Certificates, tmp_path: Path) -> None:
    """A portal that names no keys gives no patterns, and nobody is alarmed."""
    async with (
        serving(certificates, {}) as server,
        fetching(tmp_path, server.port, certificates.ca_pem) as it,
    ):
        assert await it.check() == "pattern-root-missing"
        assert server.asked == []
        assert it.service.alerts() == ()


ROOT = b'{"signatures": [], "signed": {"_type": "root", "version": 1, "keys": {}, "roles": {}}}'


@pytest.mark.parametrize(
    "root", [b"", b"{}", b'{"signed": {"_type": "root", "version": "x"}}', ROOT, b"[" * 50_000]
)
async def test_a_root_that_is_none(certificates: Certificates, tmp_path: Path, root: bytes) -> None:
    """Garbage in the registration's answer is not kept as what patterns are verified by."""
    async with (
        serving(certificates, {}) as server,
        fetching(tmp_path, server.port, certificates.ca_pem) as it,
    ):
        assert await it.check(root) == "pattern-root-missing"
        assert server.asked == []


async def test_keys_change_by_the_chain(lab: Lab) -> None:
    """New keys that the old ones vouch for are followed, several steps at once too, also at registration."""
    repository, _, it = lab
    repository.rotate()
    newest = repository.rotate()
    repository.add(2, b"by new keys")
    assert await it.check() is None
    assert it.here == [1, 2]
    repository.rotate()
    assert await it.check(newest) is None
    later = repository.rotate()
    assert await it.check(later) is None
    forged_root = Repository().first_root
    assert await it.check(forged_root) == "pattern-root-changed"


async def test_nothing_new_costs_two_small_files(lab: Lab) -> None:
    """While the timestamp is the same nothing else is read; anything new is read by all of TUF's rules."""
    repository, server, it = lab
    server.asked.clear()
    assert await it.check() is None
    assert server.asked == ["metadata/2.root.json", "metadata/timestamp.json"]
    repository.rotate()
    repository.add(2, b"new")
    assert await it.check() is None
    assert it.here == [1, 2]


async def test_what_is_withdrawn_goes(lab: Lab) -> None:
    """A pattern that the verified list does not have any more is not offered for deployment."""
    repository, _, it = lab
    repository.add(2, b"two")
    assert await it.check() is None
    del repository.targets.targets["p1.bin"]
    repository.publish()
    assert await it.check() is None
    assert it.here == [2]


async def test_a_stopped_check_ends_at_once(lab: Lab) -> None:
    """Switching off in the middle of a download ends it, and leaves nothing half."""
    repository, server, it = lab
    path = repository.add(2, b"z" * 100_000)
    server.drips(path, b"z" * 2000, 0.01)
    it.service.look()
    await until(lambda: path in server.asked)
    await it.stop()
    assert whole(it, 1, b"the first")


async def test_a_new_pattern_comes_by_one_connection(lab: Lab) -> None:
    """A long way is not gone twice: each file is asked for once, and an absent one ends no connection."""
    repository, server, it = lab
    repository.add(2, b"new")
    server.asked.clear()
    met = server.met
    assert await it.check() is None
    assert it.here == [1, 2]
    assert len(server.asked) == len(set(server.asked)) == 5, server.asked
    assert server.met - met == 1


async def test_a_file_that_is_absent_without_end_is_absent(lab: Lab) -> None:
    """A page that says "not found" and goes on for ever holds nothing up: the status has said it."""
    repository, server, it = lab
    repository.add(2, b"new")
    server.drips("metadata/2.root.json", b"x", 0.05, status=404)
    assert await it.check() is None
    assert it.here == [1, 2]
