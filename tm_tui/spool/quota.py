"""What the spool may take of the disk, and how it says no.

Something is kept back so that deliveries end well.
"""

import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tm_tui.errors import StorageFailed

__all__ = ["Ballast", "Quota", "SpoolFull", "full_by_age", "full_by_bytes", "full_disk", "quota_of"]

_FULL_CODES = {sqlite3.SQLITE_FULL}
_NO_ROOM = {28, 122}  # ENOSPC, EDQUOT
_BALLAST, _SMALLEST = 8 << 20, 128 << 10
_REMEDY = (
    "Look at the log server's last failure; events are taken again as soon as some were delivered, "
    "or with a higher limit (Logs > Log Queue Limits)."
)


@dataclass(frozen=True, slots=True)
class Quota:
    """Most bytes and the greatest age (seconds) of what waits; `reserve` bytes of the disk stay free.

    What is too old is never dropped: it makes the spool full, and intake refuses until it is delivered.
    """

    bytes: int = 1 << 30
    age: float = 14 * 86400.0
    reserve: int = 16 << 20


def quota_of(max_mib: int, max_days: int) -> Quota:
    """The limits in the units of the settings."""
    return Quota(bytes=max_mib << 20, age=max_days * 86400.0)


class SpoolFull(StorageFailed):
    """Nothing more can be accepted now. What was accepted before is safe."""


def full_by_bytes(quota: Quota) -> SpoolFull:
    """Say that the limit in bytes is reached."""
    cause = f"The log queue is full: its limit is {quota.bytes >> 20} MiB."
    return SpoolFull(cause, _REMEDY)


def full_by_age(quota: Quota) -> SpoolFull:
    """Say that the limit in age is reached."""
    cause = f"The log queue is full: its oldest event has waited for more than {quota.age / 86400:.3g} days."
    return SpoolFull(cause, _REMEDY)


def full_disk(folder: Path) -> SpoolFull:
    """Say that the disk is full, or that no further file can be made on it."""
    with suppress(OSError):
        found = os.statvfs(folder)
        if found.f_files and not found.f_favail:
            cause = (
                f"No more files can be made on the disk of the log queue, its inodes are used up: {folder}."
            )
            return SpoolFull(cause, "Delete files on this disk.")
    return SpoolFull(f"The disk of the log queue is full: {folder}.", "Make room on this disk.")


def is_full(error: BaseException) -> bool:
    """Tell a full disk (or a full database) from other failures."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) in _FULL_CODES


class Ballast:
    """A file that only takes room: thrown away in pieces when the disk is full.

    Sealing, confirming and a restart go on in the room that it gives back.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self, reserve: int) -> None:
        """Keep room back, if the disk has plenty."""
        with suppress(OSError):
            free = free_bytes(self._path.parent)
            size = min(_BALLAST, free // 8)
            if free < reserve + 2 * size or (self._path.exists() and self._path.stat().st_size >= size):
                return
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, size)
            finally:
                os.close(descriptor)

    def drop(self) -> bool:
        """Give half of it back; False if there was none left."""
        try:
            size = self._path.stat().st_size
            os.truncate(self._path, size // 2 if size > _SMALLEST else 0)
        except OSError:
            return False
        return size > 0


def free_bytes(folder: Path) -> int:
    """Bytes of this disk that we may still write."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
