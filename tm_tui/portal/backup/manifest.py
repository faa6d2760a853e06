"""What a backup holds, and the check that it still does.

DIR/portal.sqlite3   the database at one moment
DIR/home/            settings, certificate, keys, patterns
DIR/blobs/           batches and cases, each of those that the database speaks of, and batches that came later
DIR/blobs.ndjson     their names, sizes and SHA-256
DIR/backup.json      written last: without it a backup is none
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from tm_tui.atomic import storage_failure
from tm_tui.errors import TmError
from tm_tui.text import safe_text

__all__ = [
    "DATABASE",
    "LIST",
    "MANIFEST",
    "Entry",
    "Manifest",
    "checked",
    "entries_of",
    "pieces_of",
    "written",
]

DATABASE, LIST, MANIFEST = "portal.sqlite3", "blobs.ndjson", "backup.json"
_MOST_BYTES = 16 << 20
_PIECE = 1 << 20
_FORM = 1


class Entry(BaseModel):
    """A file of a backup: its size in bytes, and its SHA-256 in hexadecimal."""

    model_config = ConfigDict(frozen=True)
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", max_length=1024)]
    size: int
    sha256: str

    @field_validator("name")
    @classmethod
    def _stays_below(cls, name: str) -> str:
        if ".." in name.split("/"):
            raise ValueError("it leads out of the backup")
        return name


class Manifest(BaseModel):
    """`backup.json`. `files` are by their path below the backup; those of `blobs/` stand in the list."""

    model_config = ConfigDict(frozen=True)
    form: int = _FORM
    version: str
    made_at: AwareDatetime
    blobs: int | None
    """How many are in the list; None: they were left out."""
    files: tuple[Entry, ...]


def written(path: Path, pieces: Iterator[bytes], name: str) -> Entry:
    """Write a new file (0600, its folders 0700), on the disk at the end. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    size, seen = 0, hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        for piece in pieces:
            file.write(piece)
            seen.update(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    return Entry(name=name, size=size, sha256=seen.hexdigest())


def entries_of(folder: Path) -> Iterator[Entry]:
    """The blobs of a backup, in the order of its list. Raises OSError, ValidationError."""
    path = folder / LIST
    if not path.exists():
        return
    with path.open(encoding="ascii") as lines:
        for line in lines:
            yield Entry.model_validate_json(line)


def checked(folder: Path) -> Manifest:
    """Read a backup from end to end. Raises TmError when it is none, or anything in it has changed."""
    shown = safe_text(str(folder))
    try:
        found = Manifest.model_validate_json((folder / MANIFEST).read_bytes()[:_MOST_BYTES])
        if found.form != _FORM:
            cause = f"{shown} was made by a newer portal ({safe_text(found.version, 40)})."
            raise TmError(cause, "Restore it with that version.")
        for entry in found.files:
            _check(folder / entry.name, entry)
        count = 0
        for count, entry in enumerate(entries_of(folder), 1):  # noqa: B007 # counted to the end
            _check(folder / "blobs" / entry.name, entry)
    except FileNotFoundError as error:
        cause = f"{shown} is no whole backup: {safe_text(str(error.filename or MANIFEST))} is missing."
        raise TmError(cause, "Take another backup.") from None
    except OSError as error:
        raise storage_failure(folder, error) from None
    except (ValidationError, json.JSONDecodeError):
        raise TmError(f"{shown} is no backup of a portal.", "Name the folder that `backup` made.") from None
    if found.blobs is not None and count != found.blobs:
        raise _changed(folder / LIST)
    return found


def _check(path: Path, entry: Entry) -> None:
    with path.open("rb") as file:
        seen = hashlib.file_digest(file, "sha256").hexdigest()
    if seen != entry.sha256:
        raise _changed(path)


def _changed(path: Path) -> TmError:
    return TmError(f"{safe_text(str(path))} is not what was backed up.", "Take another backup.")


def pieces_of(path: Path) -> Iterator[bytes]:
    """A file, bit by bit. Raises OSError."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
