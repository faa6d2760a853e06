"""The signed lists of the portal's patterns (root, targets, snapshot, timestamp), written so that they fit.

A list of a new version lies under a name of its own. The timestamp comes last and makes it count: a crash
anywhere leaves the state before.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from tm_tui.atomic import Folder
from tm_tui.errors import StorageFailed
from tm_tui.portal.pattern_keys import new_key, signer_of

__all__ = ["ROLES", "PatternLists", "newest_root"]

ROLES = ("root", "targets", "snapshot", "timestamp")
_BELOW_ROOT = ROLES[1:]
_LIFE = {
    "root": timedelta(days=365),
    "targets": timedelta(days=90),
    "snapshot": timedelta(days=14),
    "timestamp": timedelta(days=2),
}
"""How long a signature counts. It is renewed when half of that is over."""
_MOST_BYTES = 16 << 20
_ROOT = re.compile(r"([0-9]{1,9})\.root\.json")

M = TypeVar("M", Root, Targets, Snapshot, Timestamp)


@dataclass(slots=True)
class PatternLists:
    """The lists of one moment, to be changed and published by who holds the lock. Raises StorageFailed."""

    folder: Folder
    keys: Folder
    root: Root
    targets: Targets
    snapshot: Snapshot
    timestamp: Timestamp

    @classmethod
    def load(cls, folder: Folder, keys: Folder) -> "PatternLists":
        """Read the state that counts. Raises StorageFailed when it does not hold together."""
        root = _read(folder, f"{newest_root(folder)}.root.json", Root)
        timestamp = _read(folder, "timestamp.json", Timestamp)
        snapshot = _read(folder, f"{timestamp.snapshot_meta.version}.snapshot.json", Snapshot)
        version = snapshot.meta["targets.json"].version
        return cls(folder, keys, root, _read(folder, f"{version}.targets.json", Targets), snapshot, timestamp)

    @classmethod
    def begin(cls, folder: Folder, keys: Folder, now: datetime) -> None:
        """Make keys and a first state without a pattern."""
        root = Root(version=1, expires=now + _LIFE["root"], consistent_snapshot=True)
        for role in ROLES:
            root.add_key(new_key(keys).public_key, role)
        lists = cls(folder, keys, root, Targets(), Snapshot(), Timestamp())
        for signed in (lists.targets, lists.snapshot, lists.timestamp):
            signed.version = 0
        folder.replace("1.root.json", lists._signed(root, "root"))
        lists.publish("targets", now)

    def publish(self, first: str, now: datetime, new_root: bytes | None = None) -> None:
        """Write `first` and the lists above it anew; a new root becomes known just before the timestamp."""
        for role in _BELOW_ROOT[_BELOW_ROOT.index(first) :]:
            signed: Targets | Snapshot | Timestamp = getattr(self, role)
            signed.version += 1
            signed.expires = now + _LIFE[role]
            data = self._signed(signed, role)
            told = MetaFile.from_data(signed.version, data, ["sha256"])
            if role == "timestamp":
                if new_root is not None:
                    self.folder.replace(f"{self.root.version}.root.json", new_root)
                self.folder.replace("timestamp.json", data)
                return
            self.folder.replace(f"{signed.version}.{role}.json", data)
            if role == "targets":
                self.snapshot.meta["targets.json"] = told
            else:
                self.timestamp.snapshot_meta = told

    def renew(self, now: datetime) -> bool:
        """Sign again what has lived half of its time, or what a new root does not vouch for. True if any."""
        old_root = _old(self.root, "root", now)
        if old_root:
            self.root.version += 1
            self.root.expires = now + _LIFE["root"]
            self.folder.replace(f"{self.root.version}.root.json", self._signed(self.root, "root"))
        for role in _BELOW_ROOT:
            if _old(getattr(self, role), role, now) or not self._vouched(role):
                self.publish(role, now)
                return True
        return old_root

    def rotate(self, roles: tuple[str, ...], now: datetime) -> int:
        """Give roles new keys; the old root key and the new one sign that. Returns the root's version."""
        old_signer = signer_of(self.keys, self.root, "root")
        for role in roles:
            for keyid in list(self.root.roles[role].keyids):
                self.root.revoke_key(keyid, role)
            self.root.add_key(new_key(self.keys).public_key, role)
        self.root.version += 1
        self.root.expires = now + _LIFE["root"]
        rooted = Metadata(self.root)
        rooted.sign(old_signer)
        rooted.sign(signer_of(self.keys, self.root, "root"), append=True)
        self.publish("targets", now, rooted.to_bytes())
        return self.root.version

    def _signed(self, signed: Any, role: str) -> bytes:
        made: Metadata[Root] = Metadata(signed)
        made.sign(signer_of(self.keys, self.root, role))
        return made.to_bytes()

    def _vouched(self, role: str) -> bool:
        name = {
            "targets": f"{self.targets.version}.targets.json",
            "snapshot": f"{self.snapshot.version}.snapshot.json",
            "timestamp": "timestamp.json",
        }[role]
        found: Metadata[Targets] = Metadata.from_bytes(self.folder.read(name, _MOST_BYTES))
        try:
            self.root.verify_delegate(role, found.signed_bytes, found.signatures)
        except RepositoryError:
            return False
        return True


def newest_root(folder: Folder) -> int:
    """The newest root's version; 0 if there is none."""
    return max((int(match[1]) for name in folder.names() if (match := _ROOT.fullmatch(name))), default=0)


def _old(signed: Root | Targets | Snapshot | Timestamp, role: str, now: datetime) -> bool:
    return signed.expires - now < _LIFE[role] / 2


def _read(folder: Folder, name: str, kind: type[M]) -> M:
    try:
        found = Metadata[kind].from_bytes(folder.read(name, _MOST_BYTES)).signed  # type: ignore[valid-type]
    except RepositoryError:
        found = None
    if not isinstance(found, kind):
        cause = f"{folder.path / name} is damaged."
        raise StorageFailed(cause, "Restore the portal's folder patterns from a backup.")
    return found
