"""The portal's patterns: issued, announced, given out behind the account, renewed, under keys that change."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from portals import OpenPortal, beat, opened_portal
from tuf.api.metadata import Metadata, Root, Timestamp

from tm_tui.errors import StorageFailed, TmError
from tm_tui.portal.home import PortalHome
from tm_tui.portal.pattern_repository import PatternRepository

NOW = datetime.now(UTC)


@pytest.fixture
def content(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    path.write_bytes(b"the pattern")
    return path


@pytest.fixture
def home(tmp_path: Path) -> PortalHome:
    made = PortalHome(tmp_path / "portal")
    made.prepare()
    return made


def issue(portal: OpenPortal, content: Path, *more: str) -> dict[str, Any]:
    words = ("pattern", "issue", str(content), "--type", "bandage", "--description", "For WORM.X")
    done = portal.command(*words, *more, "--json")
    assert done.returncode == 0, done.stderr
    issued: dict[str, Any] = json.loads(done.stdout)["issued"]
    return issued


async def test_what_is_issued_is_announced_and_listed(any_home: Path, content: Path) -> None:
    """Each pattern gets the next Pattern ID, a notice for those it is for, and a line in the list."""
    async with opened_portal(any_home) as portal:
        await portal.register("tm-one")
        await portal.register("tm-two")
        assert issue(portal, content)["id"] == 1
        assert issue(portal, content, "--appliance", "tm-two", "--version", "2.1")["id"] == 2
        assert portal.command("pattern", "withdraw", "2").returncode == 0
        assert issue(portal, content, "--appliance", "tm-two")["id"] == 3
        listed = json.loads(portal.command("pattern", "list", "--json").stdout)["patterns"]
        assert [(one["id"], one["appliance"]) for one in listed] == [(3, "tm-two"), (1, None)]
        assert "For WORM.X" in portal.command("pattern", "list").stdout
        async with portal.status_server() as client:
            for name, expected in (("tm-one", ["1"]), ("tm-two", ["1", "3"])):
                reply = (await client.post("/v1/heartbeat", json=beat(name))).json()
                assert [one["id"] for one in reply["notices"] if one["kind"] == "pattern"] == expected
        assert portal.command("pattern", "withdraw", "2").returncode == 1


async def test_files_are_behind_the_account(any_home: Path, content: Path) -> None:
    """Without the account nothing is given out, and with it the repository's files and no others."""
    async with opened_portal(any_home) as portal:
        issue(portal, content)
        async with portal.status_server(auth=None) as stranger:
            assert (await stranger.get("/v1/patterns/metadata/timestamp.json")).status_code == 401
        async with portal.status_server() as client:
            assert (await client.get("/v1/patterns/metadata/timestamp.json")).status_code == 200
            for name in ("lock", "metadata/last-number", "metadata/../../password", "%2e%2e/keys/ca.key", ""):
                assert (await client.get(f"/v1/patterns/{name}")).status_code == 404, name


def test_keys_are_private(home: PortalHome) -> None:
    """The keys lie in the portal's private folder, 0600, and not where files are given out."""
    PatternRepository(home).prepare(NOW)
    keys = list((home.path / "keys").glob("pattern-*.pem"))
    assert len(keys) == 4
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    assert not [
        path for path in home.patterns.rglob("*") if path.is_file() and b"PRIVATE" in path.read_bytes()
    ]


def test_signatures_are_renewed_in_time(home: PortalHome, content: Path) -> None:
    """At half of its life each list is signed again, and only then; the list of patterns stays the same."""
    repository = PatternRepository(home)
    repository.prepare(NOW)
    about = {"kind": "bandage", "version": "1", "description": "x", "appliance": None}
    repository.issue(content, now=NOW, **about)
    assert not repository.renew(NOW + timedelta(hours=20))
    assert repository.renew(NOW + timedelta(days=1, hours=1))
    metadata = home.patterns / "metadata"
    assert len(list(metadata.glob("*.targets.json"))) == 2
    assert Metadata[Timestamp].from_file(str(metadata / "timestamp.json")).signed.version == 3
    for days in range(0, 400, 30):
        repository.renew(NOW + timedelta(days=days))
        timestamp = Metadata[Timestamp].from_file(str(metadata / "timestamp.json")).signed
        assert timestamp.expires > NOW + timedelta(days=days)
    assert json.loads(repository.root_text())["signed"]["version"] >= 2
    assert [one.pattern.id for one in repository.listed()] == [1]


def test_a_rotation_is_vouched_for_by_the_old_root(home: PortalHome) -> None:
    """Each new root is signed by the key before and its own: the chain holds from the first on."""
    repository = PatternRepository(home)
    repository.prepare(NOW)
    assert repository.rotate((), NOW) == 2
    assert repository.rotate(("timestamp",), NOW) == 3
    roots = [Metadata[Root].from_file(str(home.patterns / "metadata" / f"{n}.root.json")) for n in (1, 2, 3)]
    for old, new in itertools.pairwise(roots):
        old.signed.verify_delegate("root", new.signed_bytes, new.signatures)
        new.signed.verify_delegate("root", new.signed_bytes, new.signatures)
    stamp = Metadata[Timestamp].from_file(str(home.patterns / "metadata" / "timestamp.json"))
    roots[2].signed.verify_delegate("timestamp", stamp.signed_bytes, stamp.signatures)


def test_a_rotation_that_was_cut_off_is_mended(home: PortalHome) -> None:
    """Where a crash left a new root without a timestamp of its key, the next start signs anew."""
    repository = PatternRepository(home)
    repository.prepare(NOW)
    stamp = home.patterns / "metadata" / "timestamp.json"
    old = stamp.read_bytes()
    repository.rotate((), NOW)
    stamp.write_bytes(old)
    repository.prepare(NOW)
    root = Metadata[Root].from_file(str(home.patterns / "metadata" / "2.root.json")).signed
    mended = Metadata[Timestamp].from_file(str(stamp))
    root.verify_delegate("timestamp", mended.signed_bytes, mended.signatures)


def test_what_cannot_be_a_pattern_is_refused(home: PortalHome, tmp_path: Path, content: Path) -> None:
    """A folder, and a description that no appliance would take, are refused and use up no number."""
    repository = PatternRepository(home)
    repository.prepare(NOW)
    about: dict[str, Any] = {"kind": "bandage", "version": "1", "appliance": None, "now": NOW}
    with pytest.raises(TmError):
        repository.issue(tmp_path, description="x", **about)
    with pytest.raises(TmError):
        repository.issue(content, description="x" * 501, **about)
    assert repository.issue(content, description="x", **about).id == 1


async def test_a_damaged_repository_does_not_stop_the_portal(tmp_path: Path) -> None:
    """A portal whose pattern lists are damaged registers and takes logs, and says what is wrong."""
    async with opened_portal(tmp_path / "portal"):
        pass
    (tmp_path / "portal" / "patterns" / "metadata" / "timestamp.json").write_text("{}")
    async with opened_portal(tmp_path / "portal") as portal:
        assert (await portal.register()).status_code == 201
        assert "patterns-unusable" in {line["event"] for line in portal.logged()}
        with pytest.raises(StorageFailed):
            PatternRepository(PortalHome(tmp_path / "portal")).listed()
