"""Files that several threads change at once, operation by operation in any order: nothing is lost."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from interleaving.threads import taken_in_turns
from tm_tui.link.host_keys import HostKey, HostKeys
from tm_tui.link.types import Endpoint
from tm_tui.settings.model import Settings
from tm_tui.settings.store import RevisionConflict, SettingsStore

SEEDS = range(40)
BLOB = base64.b64encode(b"a key").decode()


def key(name: str) -> HostKey:
    return HostKey.of(Endpoint(f"{name}.example.com", 22), "ssh-ed25519", BLOB)


def approving(path: Path, *names: str) -> Callable[[], None]:
    """An admin who approves these, and forgets the second again."""

    def work() -> None:
        keys = HostKeys(path)
        for name in names:
            keys.approve(key(name))
        assert keys.forget(key(names[1]).endpoint.bracketed)
        assert keys.state(key(names[0])) == "approved"

    return work


def saving(store: SettingsStore, name: str, saved: list[tuple[int, int]]) -> Callable[[], None]:
    """An admin who saves until it works, each time on top of what is in force."""

    def work() -> None:
        for number in range(2):
            while True:
                loaded = store.load()
                assert loaded.problem is None
                settings = Settings.parse({"tmsp": {"username": f"{name}{number}"}})
                secrets = {"tmsp": SecretStr(name)}
                try:
                    made = store.save(
                        settings, secrets, expected=loaded.revision.number, saved_by=name, note=""
                    )
                except RevisionConflict:
                    continue
                saved.append((loaded.revision.number, made.number))
                break

    return work


@pytest.mark.parametrize("seed", SEEDS)
def test_keys_and_settings_of_several_admins(seed: int, tmp_path: Path) -> None:
    """Keys approved and settings saved in the same moments are all there; nobody reads half of anything."""
    path, store = tmp_path / "config" / "host_keys", SettingsStore(tmp_path / "config")
    saved: list[tuple[int, int]] = []

    def reading() -> None:
        for _ in range(5):
            assert store.load().problem is None
            HostKeys(path).entries()

    taken_in_turns(
        seed,
        approving(path, "a1", "a2", "a3"),
        approving(path, "b1", "b2"),
        saving(store, "c", saved),
        saving(store, "d", saved),
        reading,
    )
    hosts = {one.endpoint.host.partition(".")[0] for one in HostKeys(path).entries()}
    assert hosts == {"a1", "a3", "b1"}
    assert sorted(number for _, number in saved) == [1, 2, 3, 4]
    assert all(number == before + 1 for before, number in saved), "saved over somebody's settings"
    assert [one.number for one in store.history()] == [4, 3, 2, 1]
    left = {one.name for one in path.parent.iterdir()}
    assert left - {"host_keys.forgotten"} == {".lock", "current", "host_keys", "revisions"}


def test_this_finds_what_is_not_guarded(tmp_path: Path) -> None:
    """The same over a file without a lock does lose something: the orders are as bad as they should be."""
    lost = 0
    for seed in range(10):
        path = tmp_path / str(seed)
        path.mkdir()

        def add(name: str, folder: Path = path) -> None:
            from tm_tui.atomic import Folder, StorageAbsent

            with Folder.open(folder) as opened:
                try:
                    names = json.loads(opened.read("names", 1000))
                except StorageAbsent:
                    names = []
                opened.replace("names", json.dumps([*names, name]).encode())

        taken_in_turns(seed, lambda: add("a"), lambda: add("b"))
        lost += len(json.loads((path / "names").read_text())) < 2
    assert lost
