"""Taking a backup, beside a portal that runs: the database first, at one moment, then what it speaks of."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from tm_tui import __version__
from tm_tui.atomic import storage_failure
from tm_tui.errors import StorageFailed, TmError
from tm_tui.portal.backup.manifest import DATABASE, LIST, MANIFEST, Entry, Manifest, pieces_of, written
from tm_tui.portal.blobs.store import BlobAbsent, Blobs
from tm_tui.portal.home import PortalHome
from tm_tui.portal.pattern_repository import PatternRepository
from tm_tui.text import safe_text

__all__ = ["make_backup"]

_PIECE = 1 << 20
_FOLDERS = ("keys", "patterns")
_SWEPT = (
    (
        "SELECT name, swept_at FROM batches WHERE swept_at IS NOT NULL",
        "SELECT 'logs/' || appliance || '/' || name FROM batches WHERE name = ? AND swept_at IS NULL",
        "UPDATE batches SET swept_at = ? WHERE name = ?",
    ),
    (
        "SELECT upload, swept_at FROM cases WHERE swept_at IS NOT NULL",
        """SELECT printf('cases/C-%06d.%s', number, form), 'cases/' || upload FROM cases
            WHERE upload = ? AND swept_at IS NULL""",
        "UPDATE cases SET swept_at = ? WHERE upload = ?",
    ),
)
_LEFT_OUT = ("lock", "turns.lock", ".lock", "alerts.lock")


def make_backup(home: PortalHome, source: Path, blobs: Blobs | None, target: Path, now: datetime) -> Manifest:
    """Make `target`, a new folder. `source` is the portal's database, a file. Raises TmError.

    Without `blobs` they are left out.
    """
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(target.iterdir()):
            cause = f"{safe_text(str(target))} is not empty."
            raise TmError(cause, "Name a new folder for each backup.")
        database = target / DATABASE
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        _copy(source, database)
        files: list[Entry] = []
        with PatternRepository(home).held():
            files += _home_files(home, target / "home")
        count = None
        if blobs is not None:
            entries = list(_blobs(blobs, database, target / "blobs"))
            count = len(entries)
            _swept_since(source, database, {entry.name for entry in entries})
            lines = (entry.model_dump_json().encode() + b"\n" for entry in entries)
            files.append(written(target / LIST, lines, LIST))
        files.insert(0, _entry_of(database))
        made = Manifest(version=__version__, made_at=now, blobs=count, files=tuple(files))
        written(target / MANIFEST, iter([made.model_dump_json(indent=1).encode()]), MANIFEST)
        _sync(target)
    except OSError as error:
        raise storage_failure(target, error) from None
    except sqlite3.Error as error:
        cause = f"The database cannot be copied: {safe_text(str(error))}."
        raise StorageFailed(cause, "Check the disks of the portal and of the backup.") from None
    return made


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source, timeout=30)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")


def _swept_since(source: Path, target: Path, kept: set[str]) -> None:
    """A batch or case whose blob was swept while blobs were copied is told as swept, from then on.

    Else its row would speak of a blob that is nowhere: the name of the batch would be forgotten.
    """
    kept |= {name.rpartition("/")[0] for name in kept if name.startswith("cases/")}
    with closing(sqlite3.connect(target)) as copy, closing(sqlite3.connect(source, timeout=30)) as live:
        if "swept_at" not in {row[1] for row in copy.execute("PRAGMA table_info(batches)")}:
            return  # of a portal of before, which sweeps nothing
        for swept, blobs, mark in _SWEPT:
            for name, at in live.execute(swept):
                row = copy.execute(blobs, (name,)).fetchone()
                if row is not None and not kept & set(row):
                    copy.execute(mark, (at, name))
        copy.commit()


def _entry_of(database: Path) -> Entry:
    """What the manifest says of a file that is there already, brought to the disk."""
    entry = written(database.with_name("again"), pieces_of(database), DATABASE)
    database.with_name("again").replace(database)
    return entry


def _home_files(home: PortalHome, target: Path) -> Iterator[Entry]:
    top = [path for path in home.path.iterdir() if not path.name.startswith(DATABASE)]
    inner = [path for name in _FOLDERS for path in (home.path / name).rglob("*")]
    for path in sorted((*top, *inner)):
        if path.is_file() and not path.is_symlink() and path.name not in _LEFT_OUT:
            name = path.relative_to(home.path)
            yield written(target / name, pieces_of(path), f"home/{name}")


def _blobs(blobs: Blobs, database: Path, target: Path) -> Iterator[Entry]:
    """Every batch, and every case of which the database knows: a later one gets its number anew."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        known = set()
        for number, form, upload in connection.execute("SELECT number, form, upload FROM cases"):
            known |= {f"C-{number or 0:06d}.{form}", upload}
    for prefix in ("logs/", "cases/"):
        for blob in blobs.list(prefix):
            if prefix == "cases/" and blob.name.split("/")[1] not in known:
                continue
            try:
                yield written(target / blob.name, _pieces(blobs, blob.name), blob.name)
            except BlobAbsent:  # its time was over meanwhile
                (target / blob.name).unlink(missing_ok=True)


def _pieces(blobs: Blobs, name: str) -> Iterator[bytes]:
    with blobs.open(name) as file:
        while piece := file.read(_PIECE):
            yield piece


def _sync(folder: Path) -> None:
    for path in (*(one for one in folder.rglob("*") if one.is_dir()), folder, folder.parent):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
