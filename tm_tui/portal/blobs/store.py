"""The five calls, and what their callers may rely on.

A blob is put whole and once, and never changed: a name stands for the same bytes until it is deleted. All
calls block, from any thread. What goes wrong is an OSError, as with files: callers know one kind of trouble.
"""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Protocol

__all__ = [
    "Blob",
    "BlobAbsent",
    "BlobExists",
    "Blobs",
    "BlobsAway",
    "BlobsFailed",
    "BlobsFull",
    "checked_name",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){0,7}")


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob in a list: its size in bytes, and when it was put, in seconds since 1970."""

    name: str
    size: int
    put_at: float


class BlobsFailed(OSError):
    """The store does not do what it is asked. `strerror` says why, without secrets."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EIO, why)
        self.why = why


class BlobsAway(BlobsFailed):
    """The store does not answer, or has no time: later the same may go well."""


class BlobsFull(BlobsFailed):
    """The store has no room left."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.errno = errno.ENOSPC


class BlobExists(FileExistsError):
    """The name is taken: what lies there stays as it is."""


class BlobAbsent(FileNotFoundError):
    """There is no blob of this name."""


class Blobs(Protocol):
    """A store. Names are `folder/.../name`, of letters, digits and `._-`."""

    def put(self, name: str, source: Path) -> None:
        """Bring a local file under a new name. Once this returns, it survives a power cut.

        `source` may be gone afterwards; its bytes have to be on the disk before. Raises BlobExists, OSError.
        """

    def open(self, name: str) -> BufferedReader:
        """Read one from its start, or from where one seeks to. Raises BlobAbsent, OSError."""

    def list(self, prefix: str) -> Iterator[Blob]:
        """All whose names begin with `prefix`, a whole folder such as `logs/tm-1/`, in no order."""

    def size(self, name: str) -> int:
        """Bytes of one. Raises BlobAbsent, OSError."""

    def delete(self, name: str) -> None:
        """Remove one; one that is absent is as good. Raises OSError."""


def checked_name(name: str) -> str:
    """The name, if it can be one. Raises ValueError: it comes from a bug of ours."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a blob")
    return name
