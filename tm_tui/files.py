"""Files by descriptor: opened, written whole, brought to the disk, locked. Nobody else syncs or locks.

All of it raises OSError; `storage_failure` says that in words, as `tm_tui/atomic.py` does with all of them.
"""

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tm_tui.errors import StorageFailed
from tm_tui.text import safe_text

__all__ = [
    "StorageAbsent",
    "opened",
    "overwrite",
    "put_new",
    "read_all",
    "storage_failure",
    "sync_folder",
    "take_lock",
    "temporary_name",
    "write_all",
]

_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def temporary_name(purpose: str = "") -> str:
    """A name for what is not finished: `.new-` and the purpose, then 16 random hex digits."""
    return f".new-{purpose}{'-' if purpose else ''}{secrets.token_hex(8)}"


@contextmanager
def opened(name: str | Path, flags: int, *, folder: int | None = None) -> Iterator[int]:
    """Open a file (made with 0600) and close it again. Raises OSError."""
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_all(descriptor: int, most_bytes: int) -> bytes:
    """Read to the end, or one byte more than `most_bytes`. Raises OSError."""
    parts = []
    left = most_bytes + 1
    while left and (part := os.read(descriptor, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it: the system may take less at once. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk. Raises OSError."""
    with opened(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as descriptor:
        os.fsync(descriptor)


def put_new(name: str | Path, data: bytes, *, folder: int | None = None, mode: int = 0o600) -> None:
    """Write a new file and bring it to the disk; the name must be free. Raises OSError."""
    with opened(name, _WRITE_FLAGS, folder=folder) as descriptor:
        os.fchmod(descriptor, mode)
        write_all(descriptor, data)
        os.fsync(descriptor)


def overwrite(descriptor: int, data: bytes, at: int) -> None:
    """Write over what stands at a place of an open file, and bring it to the disk. Raises OSError."""
    os.pwrite(descriptor, data, at)
    os.fdatasync(descriptor)


def take_lock(name: str | Path, *, folder: int | None = None, seconds: float = 0.0) -> tuple[int, bool]:
    """Open a file for its lock; whether it could be taken in time. It is held until the descriptor is closed.

    The kernel gives it back when its holder dies, however it dies. Raises OSError.
    """
    descriptor = os.open(name, _LOCK_FLAGS, 0o600, dir_fd=folder)
    return descriptor, _try_lock(descriptor, time.monotonic() + seconds)


def _try_lock(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        else:
            return True


_CAUSES = {
    errno.ENOSPC: ("The disk is full", "Make room on this disk, then try again."),
    errno.EDQUOT: ("The disk quota is used up", "Make room on this disk, then try again."),
    errno.EFBIG: ("The file would be larger than this process may write", "Raise its file size limit."),
    errno.EROFS: ("The disk is mounted read-only", "Mount it for writing, then try again."),
    errno.EACCES: (
        "Access is not permitted",
        "Run this as the user who owns it, or correct its owner and mode.",
    ),
    errno.EPERM: (
        "Access is not permitted",
        "Run this as the user who owns it, or correct its owner and mode.",
    ),
    errno.ELOOP: ("A symbolic link stands in its place", "Remove the link, or put the real file there."),
    errno.ENOTDIR: ("There is no folder of this name", "Remove what stands in its place."),
    errno.ENXIO: ("This is no regular file", "Remove it, or put the real file there."),
    errno.EIO: ("The disk reports an error", "Check the disk; its data may be at risk."),
    errno.EMFILE: ("Too many files are open", "Restart the program, or raise its limit of open files."),
    errno.ENAMETOOLONG: ("The path is too long", "Choose a shorter one."),
}


class StorageAbsent(StorageFailed):
    """What should be read is not there."""


def storage_failure(path: Path, error: OSError) -> StorageFailed:
    """Say an operating system's refusal at `path` as a cause and a remedy."""
    shown = safe_text(str(path))
    if error.errno == errno.ENOENT:
        return StorageAbsent(f"{shown} does not exist.", "Check the path, or restore it from a backup.")
    fallback = (safe_text(os.strerror(error.errno or 0)), "Check the disk and the folder's owner and mode.")
    cause, remedy = _CAUSES.get(error.errno or 0, fallback)
    return StorageFailed(f"{cause}: {shown}.", remedy)
