"""Whom the appliance believes: the system's authorities, the admin's CA file, and approved SSH host keys.

The host keys stand in a file of one line a key: `[host]:port algorithm key`.
"""

import base64
import binascii
import hashlib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import truststore

from tm_tui.atomic import Folder, StorageAbsent
from tm_tui.errors import StorageFailed, TmError
from tm_tui.link.types import Endpoint

__all__ = ["HostKey", "HostKeys", "KeyState", "Trust", "fingerprint_of"]

KeyState = Literal["approved", "unknown", "changed", "new-type"]

_LINE = re.compile(r"\[([^\]\s]+)\]:([1-9][0-9]{0,4}) ([a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})")
_MOST_BYTES = 1 << 20
_MOST_FORGOTTEN = 100

_REMEDY = "Choose a PEM file with the certificate of the authority that issued your server's certificate."


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

    def __str__(self) -> str:
        """As it is compared: type and fingerprint."""
        return f"{self.algorithm} {self.fingerprint}"

    @property
    def line(self) -> str:
        """The key as it stands in the file."""
        return f"{self.endpoint.bracketed} {self.algorithm} {self.blob}"


class HostKeys:
    """The file of approved keys. It is read again at each use, so an approval counts at once.

    Forgotten keys go to a second file until their server has another one: `is_another` knows them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._forgotten = f"{path.name}.forgotten"

    def entries(self) -> tuple[HostKey, ...]:
        """All approved keys, in the file's order. Raises StorageFailed on a damaged or loose file."""
        try:
            with Folder.open(self.path.parent) as folder:
                return self._read(folder, self.path.name)
        except StorageAbsent:
            return ()

    def looked_through(self) -> tuple[tuple[HostKey, ...], tuple[StorageFailed, ...]]:
        """The approved keys, and what is wrong with each line that is none. Raises StorageFailed.

        Only to be shown: while there is such a line, nothing is verified by this file.
        """
        keys: list[HostKey] = []
        wrong: list[StorageFailed] = []
        with suppress(StorageAbsent), Folder.open(self.path.parent) as folder:
            for number, line in _lines(folder, self.path.name):
                try:
                    keys.append(_parse(self.path, number, line))
                except StorageFailed as problem:
                    wrong.append(problem)
        return tuple(keys), tuple(wrong)

    def of(self, endpoint: Endpoint) -> tuple[HostKey, ...]:
        """The approved keys of one server. Raises StorageFailed."""
        return tuple(key for key in self.entries() if key.endpoint == endpoint)

    def state(self, key: HostKey) -> KeyState:
        """Tell how a shown key stands to the approved ones. Raises StorageFailed."""
        return _state(key, self.entries())

    def approve(self, key: HostKey) -> None:
        """File a key. Raises TmError when another key of its type is filed: forget that one first."""
        with self._writing() as folder:
            filed = self._read(folder, self.path.name)
            state = _state(key, filed)
            if state == "changed":
                raise TmError(
                    f"Another {key.algorithm} key of {key.endpoint.bracketed} is approved already.",
                    f"If the server really got a new key, forget the old one first: tm-tui trust forget "
                    f"'{key.endpoint.bracketed}'.",
                )
            if state != "approved":
                self._write(folder, self.path.name, (*filed, key))
            forgotten = self._read(folder, self._forgotten)
            if left := [one for one in forgotten if one.endpoint != key.endpoint]:
                self._write(folder, self._forgotten, tuple(left))
            elif forgotten:
                folder.remove(self._forgotten)

    def forget(self, bracketed: str) -> bool:
        """Remove all keys of `[host]:port`; False when there was none. Raises StorageFailed."""
        with self._writing() as folder:
            entries = self._read(folder, self.path.name)
            kept = tuple(key for key in entries if key.endpoint.bracketed != bracketed)
            if len(kept) == len(entries):
                return False
            gone = [key for key in entries if key not in kept]
            before = [key for key in self._read(folder, self._forgotten) if key.endpoint != gone[0].endpoint]
            self._write(folder, self._forgotten, (*before, *gone)[-_MOST_FORGOTTEN:])
            self._write(folder, self.path.name, kept)
        return True

    def is_another(self, key: HostKey) -> bool:
        """Whether its server has other keys until now, approved or forgotten. Raises StorageFailed."""
        try:
            with Folder.open(self.path.parent) as folder:
                known = (*self._read(folder, self.path.name), *self._read(folder, self._forgotten))
        except StorageAbsent:
            return False
        here = [one.blob for one in known if one.endpoint == key.endpoint]
        return bool(here) and key.blob not in here

    @contextmanager
    def _writing(self) -> Iterator[Folder]:
        """Read and write under one lock: two approvals in one moment both count, of other processes too."""
        with Folder.writing(self.path.parent) as folder:
            for name in folder.names():
                if name.startswith(f".new-{self.path.name}"):  # what a crash left
                    folder.remove(name)
            yield folder

    def _read(self, folder: Folder, name: str) -> tuple[HostKey, ...]:
        path = self.path.with_name(name)
        try:
            return tuple(_parse(path, number, line) for number, line in _lines(folder, name))
        except StorageAbsent:
            return ()

    def _write(self, folder: Folder, name: str, keys: tuple[HostKey, ...]) -> None:
        folder.replace(name, "".join(f"{key.line}\n" for key in keys).encode("ascii"))


def _lines(folder: Folder, name: str) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, with their numbers. Raises StorageFailed, StorageAbsent."""
    text = folder.read(name, _MOST_BYTES).decode("ascii", "replace")
    return ((number, line) for number, line in enumerate(text.splitlines(), 1) if line)


def _parse(path: Path, number: int, line: str) -> HostKey:
    match = _LINE.fullmatch(line)
    try:
        if match:
            return HostKey.of(Endpoint(match[1], int(match[2])), match[3], match[4])
    except binascii.Error:
        match = None
    raise StorageFailed(
        f"Line {number} of {path} is no host key.",
        "Correct or remove the line; one reads: [host]:port algorithm key. Then approve the key again.",
    )


def _state(key: HostKey, filed: tuple[HostKey, ...]) -> KeyState:
    here = [one for one in filed if one.endpoint == key.endpoint]
    if any(one.blob == key.blob for one in here):
        return "approved"
    if any(one.algorithm == key.algorithm for one in here):
        return "changed"
    return "new-type" if here else "unknown"


class Trust:
    """Verification is always on: this only says against what. `ca_pem` adds authorities to the system's."""

    def __init__(self, ca_pem: str | None, host_keys: HostKeys) -> None:
        self.ca_pem = ca_pem
        self.host_keys = host_keys

    def tls_context(self) -> ssl.SSLContext:
        """A client context: TLS 1.2 at least, name and chain checked. Raises TmError on a CA that is none.

        Whom the admin trusts is trusted: a chain may end at an intermediate authority of the CA file
        (RFC 5280, 6.1: a trust anchor need not be self-signed).
        """
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ca_pem:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            try:
                context.load_verify_locations(cadata=self.ca_pem)
            except (ssl.SSLError, ValueError):
                raise TmError("The CA file holds no usable certificate.", _REMEDY) from None
        return context
