"""What the spool has on the disk and may take of it, and what is done when that is full, damaged or gone.

Something is kept back so that deliveries end well.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self, TypeVar

from tm_tui.atomic import storage_failure
from tm_tui.errors import StorageFailed
from tm_tui.spool.marks import Marks, Newest
from tm_tui.spool.recovery import ROOM, make_room
from tm_tui.spool.rows import is_damage
from tm_tui.spool.salvage import open_database
from tm_tui.spool.tidy import tidy
from tm_tui.text import safe_text

__all__ = ["Ballast", "Disk", "Quota", "SpoolFull", "full_by_age", "full_by_bytes", "full_disk", "quota_of"]

_FULL_CODES = {sqlite3.SQLITE_FULL}
_NO_ROOM = {28, 122}  # ENOSPC, EDQUOT
_BALLAST, _SMALLEST = 8 << 20, 128 << 10
_REMEDY = (
    "Look at the log server's last failure; events are taken again as soon as some were delivered, "
    "or with a higher limit (Logs > Log Queue Limits)."
)

R = TypeVar("R")
_MOST_NOTES = 20
_OURS = ("marks", "newest", "queue", "batches")


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


class Disk:
    """The folder of a spool: `queue/` (database), `batches/`, `marks`, `newest`, `ballast`, `damaged/`."""

    def __init__(self, folder: Path, quota: Quota, now: Callable[[], datetime]) -> None:
        self.folder, self.sealed = folder, folder / "batches"
        self._now = now
        self.notes: list[str] = []
        self.trouble: StorageFailed | None = None
        """Why the last thing that was to be done could not be."""
        self.salvaged = False
        """The database is another one since all was counted."""
        self._identity = _identity(folder)
        tidy(folder, now(), self.note)
        self.is_new = not any((folder / name).exists() for name in _OURS)
        self.ballast = Ballast(folder / "ballast")
        self.sealed.mkdir(mode=0o700, exist_ok=True)
        with ExitStack() as opened:
            self.ballast.take(quota.reserve)
            self._broken = False
            self.database = self.with_room(lambda: open_database(folder, now(), self.note))
            opened.callback(self._close_database)
            if free_bytes(folder) >= quota.reserve + 2 * ROOM:
                with suppress(OSError):  # it is only quicker
                    make_room(folder / "queue" / "events.db-wal")
            self.marks = Marks(folder / "marks")
            opened.callback(self.marks.close)
            self.newest = Newest(folder / "newest")
            opened.callback(self.newest.close)
            self._opened = opened.pop_all()

    @classmethod
    def open(cls, folder: Path, quota: Quota, now: Callable[[], datetime]) -> Self:
        """Open or make all of it, whatever state it is in. Raises StorageFailed."""
        try:
            return cls(folder, quota, now)
        except (OSError, sqlite3.Error) as error:
            raise _failure(folder, error) from None

    def close(self) -> None:
        """Close what is open."""
        self._opened.close()

    def _close_database(self) -> None:
        with suppress(sqlite3.Error):
            self.database.close()

    def note(self, text: str) -> None:
        """Keep a sentence for the admin."""
        self.notes = [*self.notes, safe_text(text)][-_MOST_NOTES:]

    def with_room(self, action: Callable[[], R]) -> R:
        """Do it; on a full disk throw ballast away, piece by piece, and do it again."""
        while True:
            try:
                return action()
            except (OSError, sqlite3.Error) as error:
                if not is_full(error) or not self.ballast.drop():
                    raise

    def free(self) -> int:
        """Bytes that may still be written. Raises StorageFailed where the disk does not say, or is gone."""
        try:
            if _identity(self.folder) != self._identity:
                cause = f"Another folder stands where the log queue was: {safe_text(str(self.folder))}."
                raise StorageFailed(cause, "Mount the queue's disk there again, or restart the agent.")
            return free_bytes(self.folder)
        except OSError as error:
            raise _failure(self.folder, error) from None

    def safely(self, action: Callable[[], R], heal: Callable[[], None] | None = None) -> R:
        """Do it, with the ballast's room if need be, once more after salvage if the database is damaged.

        `heal` is called with the salvaged database. Raises StorageFailed.
        """
        try:
            try:
                if not self._broken:
                    return self._done(action)
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
            self._salvage()
            self.salvaged = heal is None
            if heal:
                heal()
            return self._done(action)
        except (OSError, sqlite3.Error) as error:
            self.trouble = _failure(self.folder, error)
            raise self.trouble from None

    def _done(self, action: Callable[[], R]) -> R:
        result = self.with_room(action)
        self.trouble = None
        return result

    def _salvage(self) -> None:
        self._close_database()
        self._broken = True  # until it is opened again, by the next who needs it
        self.database = self.with_room(
            lambda: open_database(self.folder, self._now(), self.note, damaged=True)
        )
        self._broken = False


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _failure(folder: Path, error: OSError | sqlite3.Error) -> StorageFailed:
    if is_full(error):
        return full_disk(folder)
    if isinstance(error, OSError):
        found = storage_failure(Path(error.filename) if isinstance(error.filename, str) else folder, error)
        return StorageFailed(found.cause, found.remedy)
    cause = f"The log queue in {folder} cannot be used: {safe_text(str(error))}."
    return StorageFailed(cause, "Check the disk.")
