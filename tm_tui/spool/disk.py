"""What the spool has on the disk, and what is done when the disk is full, damaged or gone."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Self, TypeVar

from tm_tui.atomic import storage_failure
from tm_tui.errors import StorageFailed
from tm_tui.spool.database import is_damage
from tm_tui.spool.marks import Marks, Newest
from tm_tui.spool.quota import Ballast, Quota, full_disk, is_full
from tm_tui.spool.salvage import open_database
from tm_tui.text import safe_text

__all__ = ["Disk"]

R = TypeVar("R")
_MOST_NOTES = 20


class Disk:
    """The folder of a spool: `queue/` (database), `batches/`, `marks`, `newest`, `ballast`, `damaged/`."""

    def __init__(self, folder: Path, quota: Quota, now: Callable[[], datetime]) -> None:
        self.folder, self.sealed = folder, folder / "batches"
        self._now = now
        self.notes: list[str] = []
        self.ballast = Ballast(folder / "ballast")
        self.sealed.mkdir(mode=0o700, exist_ok=True)
        self.marks = Marks(folder / "marks")
        self.newest = Newest(folder / "newest")
        self.ballast.take(quota.reserve)
        self.database = self.with_room(lambda: open_database(folder, now(), self.note))

    @classmethod
    def open(cls, folder: Path, quota: Quota, now: Callable[[], datetime]) -> Self:
        """Open or make all of it, whatever state it is in. Raises StorageFailed."""
        try:
            return cls(folder, quota, now)
        except (OSError, sqlite3.Error) as error:
            raise _failure(folder, error) from None

    def close(self) -> None:
        """Close what is open."""
        with suppress(sqlite3.Error):
            self.database.close()
        self.marks.close()
        self.newest.close()

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

    def safely(self, action: Callable[[], R], heal: Callable[[], None] | None = None) -> R:
        """Do it, with the ballast's room if need be, once more after salvage if the database is damaged.

        `heal` is called with the salvaged database. Raises StorageFailed.
        """
        try:
            try:
                return self.with_room(action)
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
            self._salvage()
            if heal:
                heal()
            return self.with_room(action)
        except (OSError, sqlite3.Error) as error:
            raise _failure(self.folder, error) from None

    def _salvage(self) -> None:
        with suppress(sqlite3.Error):
            self.database.close()
        self.database = self.with_room(
            lambda: open_database(self.folder, self._now(), self.note, damaged=True)
        )


def _failure(folder: Path, error: OSError | sqlite3.Error) -> StorageFailed:
    if is_full(error):
        return full_disk(folder)
    if isinstance(error, OSError):
        return storage_failure(folder, error)
    cause = f"The log queue in {folder} cannot be used: {safe_text(str(error))}."
    return StorageFailed(cause, "Check the disk.")
