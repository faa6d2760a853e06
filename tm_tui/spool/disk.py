"""What the spool has on the disk, and what is done when the disk is full, damaged or gone."""

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Self, TypeVar

from tm_tui.atomic import storage_failure
from tm_tui.errors import StorageFailed
from tm_tui.spool.marks import Marks, Newest
from tm_tui.spool.quota import Ballast, Quota, free_bytes, full_disk, is_full
from tm_tui.spool.rows import is_damage
from tm_tui.spool.salvage import open_database
from tm_tui.spool.tidy import tidy
from tm_tui.text import safe_text

__all__ = ["Disk"]

R = TypeVar("R")
_MOST_NOTES = 20
_OURS = ("marks", "newest", "queue", "batches")


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
