"""All blobs of one store brought into another; again, and only what is new goes."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from tm_tui.errors import TmError
from tm_tui.portal.blobs.store import BlobAbsent, BlobExists, Blobs
from tm_tui.text import safe_text

__all__ = ["Copied", "copy_all"]

_PIECE = 1 << 20


@dataclass(slots=True)
class Copied:
    """What came of it. `bytes` are those that went now."""

    copied: int = 0
    there: int = 0
    bytes: int = 0


def copy_all(source: Blobs, target: Blobs, aside: Path, *, verify: bool = False) -> Copied:
    """Copy what `target` lacks, by way of the folder `aside`. With `verify` all of it is read and compared.

    Raises TmError where a name stands for other bytes, OSError.
    """
    done = Copied()
    for prefix in ("logs/", "cases/"):
        for blob in source.list(prefix):
            if _size(target, blob.name) is None and _copy(source, target, blob.name, aside):
                done.copied += 1
                done.bytes += blob.size
            else:
                done.there += 1
            if _size(target, blob.name) != blob.size or (verify and _differ(source, target, blob.name)):
                cause = f"{safe_text(blob.name)} is another file there."
                raise TmError(cause, "Copy into an empty store, or look at both.")
    return done


def _size(blobs: Blobs, name: str) -> int | None:
    try:
        return blobs.size(name)
    except BlobAbsent:
        return None


def _copy(source: Blobs, target: Blobs, name: str, aside: Path) -> bool:
    path = aside / f"{token_hex(16)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with source.open(name) as file, os.fdopen(os.open(path, flags, 0o600), "wb") as copy:
            while piece := file.read(_PIECE):
                copy.write(piece)
            copy.flush()
            os.fsync(copy.fileno())
        target.put(name, path)
    except BlobExists:
        return False
    finally:
        path.unlink(missing_ok=True)
    return True


def _differ(one: Blobs, other: Blobs, name: str) -> bool:
    return _digest(one, name) != _digest(other, name)


def _digest(blobs: Blobs, name: str) -> bytes:
    seen = hashlib.sha256()
    with blobs.open(name) as file:
        while piece := file.read(_PIECE):
            seen.update(piece)
    return seen.digest()
