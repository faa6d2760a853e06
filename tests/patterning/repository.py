"""A pattern repository as a stranger would make it: with python-tuf's metadata API and nothing of ours."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

ROLES = ("root", "targets", "snapshot", "timestamp")


def later(days: float = 30) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


@dataclass
class Repository:
    """`files` are what a server gives out, by path below /v1/patterns/."""

    files: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.signers = {role: CryptoSigner.generate_ed25519() for role in ROLES}
        self.root = Root(version=1, expires=later(), consistent_snapshot=True)
        for role, signer in self.signers.items():
            self.root.add_key(signer.public_key, role)
        self.targets, self.snapshot, self.timestamp = Targets(), Snapshot(), Timestamp()
        self.first_root = self.write_root(self.signers["root"])
        self.publish()

    def write_root(self, *signers: CryptoSigner) -> bytes:
        """Sign the root and put it under its version."""
        made = Metadata(self.root)
        for signer in signers:
            made.sign(signer, append=True)
        data = made.to_bytes()
        self.files[f"metadata/{self.root.version}.root.json"] = data
        return data

    def rotate(self) -> bytes:
        """New keys for all roles, vouched for by the old root key."""
        old = self.signers["root"]
        for role in ROLES:
            self.root.revoke_key(self.signers[role].public_key.keyid, role)
            self.signers[role] = CryptoSigner.generate_ed25519()
            self.root.add_key(self.signers[role].public_key, role)
        self.root.version += 1
        data = self.write_root(old, self.signers["root"])
        self.publish()
        return data

    def add(self, number: int, content: bytes = b"pattern", *, target: str = "", **custom: Any) -> str:
        """Add a pattern; the path of its content."""
        target = target or f"p{number}.bin"
        digest = hashlib.sha256(content).hexdigest()
        about = {"id": number, "type": "bandage", "version": "1.0", "description": f"Pattern {number}"}
        file = TargetFile(len(content), {"sha256": digest}, target, {"custom": about | custom})
        self.targets.targets[target] = file
        folder, slash, name = target.rpartition("/")
        path = f"targets/{folder}{slash}{digest}.{name}"
        self.files[path] = content
        self.publish()
        return path

    def publish(
        self, *, expires: datetime | None = None, signers: dict[str, CryptoSigner] | None = None
    ) -> None:
        """Write targets, snapshot and timestamp anew."""
        signers = self.signers | (signers or {})
        expires = expires or later()
        self.targets.version += 1
        self.snapshot.version += 1
        self.timestamp.version += 1
        for signed in (self.targets, self.snapshot, self.timestamp):
            signed.expires = expires
        data = self._signed(self.targets, signers["targets"])
        self.files[f"metadata/{self.targets.version}.targets.json"] = data
        self.snapshot.meta["targets.json"] = MetaFile.from_data(self.targets.version, data, ["sha256"])
        data = self._signed(self.snapshot, signers["snapshot"])
        self.files[f"metadata/{self.snapshot.version}.snapshot.json"] = data
        self.timestamp.snapshot_meta = MetaFile.from_data(self.snapshot.version, data, ["sha256"])
        self.files["metadata/timestamp.json"] = self._signed(self.timestamp, signers["timestamp"])

    def _signed(self, signed: Any, signer: CryptoSigner) -> bytes:
        made: Metadata[Any] = Metadata(signed)
        made.sign(signer)
        return made.to_bytes()
