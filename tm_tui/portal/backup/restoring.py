"""A portal made of a backup, in a home of its own: all of it, or nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tm_tui.atomic import storage_failure, temporary_name
from tm_tui.errors import TmError
from tm_tui.portal.backup.manifest import DATABASE, Entry, Manifest, checked, entries_of, pieces_of, written
from tm_tui.portal.blobs.address import blobs_at
from tm_tui.portal.blobs.store import BlobExists, Blobs
from tm_tui.portal.settings import database_at
from tm_tui.portal.settings_file import read_settings
from tm_tui.text import safe_text

__all__ = ["restore_backup"]

Load = Callable[[Path, str], None]
"""Brings the rows of a file into a server's database, which has to be empty."""


def restore_backup(source: Path, home: Path, load: Load) -> Manifest:
    """Check the backup, then make the home. Where blobs and database lie is said by the portal.toml in it.

    Raises TmError; then there is no home.
    """
    if home.exists() and any(home.iterdir()):
        cause = f"There is something in {safe_text(str(home))} already."
        raise TmError(cause, "Restore into a new home, or move this one away first.")
    found = checked(source)
    aside = home.with_name(temporary_name("restored"))
    try:
        home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside.mkdir(mode=0o700)
        for entry in found.files:
            if entry.name.startswith("home/"):
                name = entry.name.removeprefix("home/")
                written(aside / name, pieces_of(source / entry.name), name)
        settings = read_settings(aside, {})
        where = database_at(settings.database, aside)
        if isinstance(where, Path):
            written(where, pieces_of(source / DATABASE), DATABASE)
        else:
            load(source / DATABASE, where)
        if found.blobs is not None:
            blobs = blobs_at(settings.blobs, aside, settings.blobs_credentials)
            for entry in entries_of(source):
                _put(blobs, entry, source / "blobs" / entry.name, aside)
        aside.replace(home)
    except OSError as error:
        raise storage_failure(home, error) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return found


def _put(blobs: Blobs, entry: Entry, path: Path, aside: Path) -> None:
    """Raises TmError where another blob lies under the name, OSError."""
    copy = aside / "incoming" / temporary_name("blob")
    written(copy, pieces_of(path), entry.name)
    try:
        blobs.put(entry.name, copy)
    except BlobExists:  # in a store that was not lost
        if blobs.size(entry.name) != entry.size:
            cause = f"Another file lies under the name {safe_text(entry.name)} where the blobs are."
            raise TmError(cause, "Restore into an empty store: set another prefix in portal.toml.") from None
    finally:
        copy.unlink(missing_ok=True)
