"""The SSH host keys that an admin approved, in a file of one line a key: `[host]:port algorithm key`."""

import base64
import binascii
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tm_tui.errors import StorageFailed, TmError
from tm_tui.link.types import Endpoint

__all__ = ["HostKey", "HostKeys", "KeyState", "fingerprint_of"]

KeyState = Literal["approved", "unknown", "changed", "new-type"]

_LINE = re.compile(r"\[([^\]\s]+)\]:([1-9][0-9]{0,4}) ([a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})")
_MOST_BYTES = 1 << 20


def fingerprint_of(blob: str) -> str:
    """`SHA256:...` of a key's base64 form, as `ssh-keygen -lf` prints it. Raises ValueError."""
    digest = hashlib.sha256(base64.b64decode(blob, validate=True)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class HostKey:
    """A server's key: where it was shown, its type, and the key itself in base64 (RFC 4253, section 6.6)."""

    endpoint: Endpoint
    algorithm: str
    blob: str
    fingerprint: str

    @classmethod
    def of(cls, endpoint: Endpoint, algorithm: str, blob: str) -> "HostKey":
        """Make a key with its fingerprint. Raises ValueError when `blob` is no base64."""
        return cls(endpoint, algorithm, blob, fingerprint_of(blob))

    @property
    def line(self) -> str:
        """The key as it stands in the file."""
        return f"{self.endpoint.bracketed} {self.algorithm} {self.blob}"


class HostKeys:
    """The file of approved keys. It is read again at each use, so an approval counts at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> tuple[HostKey, ...]:
        """All approved keys, in the file's order. Raises StorageFailed on a damaged or loose file."""
        return tuple(
            self._parse(number, line) for number, line in enumerate(self._read().splitlines(), 1) if line
        )

    def of(self, endpoint: Endpoint) -> tuple[HostKey, ...]:
        """The approved keys of one server. Raises StorageFailed."""
        return tuple(key for key in self.entries() if key.endpoint == endpoint)

    def state(self, key: HostKey) -> KeyState:
        """Tell how a shown key stands to the approved ones. Raises StorageFailed."""
        filed = self.of(key.endpoint)
        if any(one.blob == key.blob for one in filed):
            return "approved"
        if any(one.algorithm == key.algorithm for one in filed):
            return "changed"
        return "new-type" if filed else "unknown"

    def approve(self, key: HostKey) -> None:
        """File a key. Raises TmError when another key of its type is filed: forget that one first."""
        state = self.state(key)
        if state == "changed":
            raise TmError(
                f"Another {key.algorithm} key of {key.endpoint.bracketed} is approved already.",
                f"If the server really got a new key, forget the old one first: tm-tui trust forget "
                f"'{key.endpoint.bracketed}'.",
            )
        if state != "approved":
            self._write((*self.entries(), key))

    def forget(self, bracketed: str) -> bool:
        """Remove all keys of `[host]:port`; False when there was none. Raises StorageFailed."""
        entries = self.entries()
        kept = tuple(key for key in entries if key.endpoint.bracketed != bracketed)
        if len(kept) == len(entries):
            return False
        self._write(kept)
        return True

    def _parse(self, number: int, line: str) -> HostKey:
        match = _LINE.fullmatch(line)
        try:
            if match:
                return HostKey.of(Endpoint(match[1], int(match[2])), match[3], match[4])
        except binascii.Error:
            match = None
        raise StorageFailed(
            f"Line {number} of {self.path} is no host key.",
            "Correct or remove the line; one reads: [host]:port algorithm key. Then approve the key again.",
        )

    def _read(self) -> str:
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise self._storage("cannot be read", error) from None
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if (
                not stat.S_ISREG(found.st_mode)
                or found.st_nlink > 1
                or found.st_uid != os.geteuid()
                or (stat.S_IMODE(found.st_mode) & 0o077)
            ):
                raise StorageFailed(
                    f"{self.path} is no plain file of this account with mode 0600.",
                    "Check who changed it, then set owner and mode right (chmod 600).",
                )
            return file.read(_MOST_BYTES).decode("ascii", "replace")

    def _write(self, keys: tuple[HostKey, ...]) -> None:
        temporary = self.path.with_name(f".{self.path.name}.new")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            handle = os.open(
                temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
            )
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write("".join(f"{key.line}\n" for key in keys))
                file.flush()
                os.fsync(handle)
            temporary.replace(self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            raise self._storage("cannot be written", error) from None

    def _storage(self, what: str, error: OSError) -> StorageFailed:
        return StorageFailed(
            f"{self.path} {what}: {os.strerror(error.errno or 0)}.",
            "Check the disk, and the file's owner and mode.",
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
