"""Folders and files that are ours alone, changed whole or not at all.

All is reached through descriptors of folders that were checked, so that no link placed by somebody else leads
astray; what is written is on the disk (fsync) before its name counts.
"""

import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tm_tui.errors import StorageFailed
from tm_tui.text import safe_text

__all__ = [
    "Folder",
    "StorageAbsent",
    "opened",
    "read_all",
    "storage_failure",
    "temporary_name",
    "write_all",
]

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_LOCK_SECONDS = 5.0
_OTHERS = 0o077
_OTHERS_WRITE = 0o022

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


def temporary_name(purpose: str = "") -> str:
    """A name for what is not finished: `.new-` and the purpose, then 16 random hex digits."""
    return f".new-{purpose}{'-' if purpose else ''}{secrets.token_hex(8)}"


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_failure(path, error) from None


@contextmanager
def opened(name: str | Path, flags: int, *, folder: int | None = None) -> Iterator[int]:
    """Open a file (made with 0600) and close it again. Raises OSError."""
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _opened_folder(path: Path, name: str | Path, folder: int | None = None) -> Iterator[int]:
    with _translated(path):
        descriptor = os.open(name, _FOLDER_FLAGS, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _make(path: Path) -> None:
    """Make a folder and its parents, each brought to the disk. Raises OSError."""
    if path.exists():
        return
    _make(path.parent)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    with opened(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as descriptor:
        os.fsync(descriptor)


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


def _check(path: Path, found: os.stat_result, refused_bits: int, tidy: str) -> None:
    """Refuse what another user owns or may touch."""
    shown = safe_text(str(path))
    if found.st_uid != os.geteuid():
        cause = f"{shown} belongs to user {found.st_uid}, not to {os.geteuid()} who runs this."
        raise StorageFailed(cause, "Correct its owner with chown, if you trust what is in it.")
    if found.st_mode & refused_bits:
        cause = f"Others have access to {shown} (mode {stat.S_IMODE(found.st_mode):04o})."
        raise StorageFailed(cause, f"Run `chmod {tidy} {shown}`, if you trust what is in it.")


def _check_file(path: Path, found: os.stat_result, most_bytes: int) -> None:
    shown = safe_text(str(path))
    if not stat.S_ISREG(found.st_mode):
        raise StorageFailed(f"{shown} is no regular file.", "Remove it, or put the real file there.")
    _check(path, found, _OTHERS, "600")
    if found.st_nlink > 1:  # none: it was replaced since it was opened, and is whole as it was
        cause = f"{shown} has {found.st_nlink} hard links, so it can be changed under another name."
        raise StorageFailed(cause, "Copy it, and put the copy in its place.")
    if found.st_size > most_bytes:
        cause = f"{shown} has {found.st_size} bytes, at most {most_bytes} are possible."
        raise StorageFailed(cause, "Restore it from a backup.")


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


class Folder:
    """An open folder of ours. Its methods raise StorageFailed, and StorageAbsent for what is not there."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, create: bool = False) -> Iterator["Folder"]:
        """Open a folder that others may see, not change; `create` makes it (0700) with its parents."""
        if create:
            with _translated(path):
                _make(path)
        with _opened_folder(path, path) as descriptor:
            _check(path, os.fstat(descriptor), _OTHERS_WRITE, "700")
            yield cls(path, descriptor)

    @classmethod
    @contextmanager
    def writing(cls, path: Path) -> Iterator["Folder"]:
        """Open a folder, made if need be, for one writer at a time, of this process and of all others.

        Raises StorageFailed if another one does not come to an end.
        """
        with cls.open(path, create=True) as folder, folder.locked(_LOCK_SECONDS) as held:
            if not held:
                cause = (
                    f"Another program has been saving to {safe_text(str(path))} for {_LOCK_SECONDS:.0f} s."
                )
                raise StorageFailed(cause, "Find it and end it, then save again.")
            yield folder

    @contextmanager
    def locked(self, seconds: float = _LOCK_SECONDS) -> Iterator[bool]:
        """Hold the writers' lock; False if it is still taken after `seconds`. It ends with its holder."""
        path = self.path / ".lock"
        with _translated(path):
            descriptor = os.open(path.name, _LOCK_FLAGS, 0o600, dir_fd=self.descriptor)
        try:
            yield _try_lock(descriptor, time.monotonic() + seconds)
        finally:
            os.close(descriptor)

    @contextmanager
    def folder(self, name: str, *, create: bool = False) -> Iterator["Folder"]:
        """Open a folder in this one, which nobody else may even read (0700)."""
        path = self.path / name
        if create:
            with _translated(path), suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=self.descriptor)
        with _opened_folder(path, name, self.descriptor) as descriptor:
            _check(path, os.fstat(descriptor), _OTHERS, "700")
            yield Folder(path, descriptor)

    def names(self) -> tuple[str, ...]:
        """What is in it, sorted."""
        with _translated(self.path):
            return tuple(sorted(os.listdir(self.descriptor)))  # noqa: PTH208  by descriptor, as no Path can

    def read(self, name: str, most_bytes: int) -> bytes:
        """Read a whole file: regular, ours, 0600, without further hard links, of at most `most_bytes`."""
        path = self.path / name
        with _translated(path), opened(name, _READ_FLAGS, folder=self.descriptor) as descriptor:
            _check_file(path, os.fstat(descriptor), most_bytes)
            data = read_all(descriptor, most_bytes)
        if len(data) > most_bytes:
            raise StorageFailed(f"{safe_text(str(path))} grows while it is read.", "Try again.")
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write a new file (0600) and bring it to the disk. The name must be free."""
        path = self.path / name
        with _translated(path), opened(name, _WRITE_FLAGS, folder=self.descriptor) as descriptor:
            os.fchmod(descriptor, 0o600)
            write_all(descriptor, data)
            os.fsync(descriptor)

    def replace(self, name: str, data: bytes) -> None:
        """Put new content in place at once: a reader, or a crash, finds the old or the new, whole."""
        temporary = temporary_name(name)
        try:
            self.write(temporary, data)
            self.rename(temporary, name)
        except StorageFailed:
            self.remove(temporary)
            raise
        self.sync()

    def link(self, name: str, target: str) -> None:
        """Make a symbolic link. The name must be free."""
        with _translated(self.path / name):
            os.symlink(target, name, dir_fd=self.descriptor)

    def target(self, name: str) -> str | None:
        """Where a symbolic link leads; None if nothing has this name."""
        try:
            with _translated(self.path / name):
                return os.readlink(name, dir_fd=self.descriptor)
        except StorageAbsent:
            return None

    def rename(self, old: str, new: str) -> None:
        """Rename within this folder, replacing what has the new name."""
        with _translated(self.path / new):
            os.rename(old, new, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def sync(self) -> None:
        """Bring the names in this folder to the disk."""
        with _translated(self.path):
            os.fsync(self.descriptor)

    def remove(self, name: str) -> None:
        """Remove a file, a link, or a folder of files, as far as it goes: tidying hides no other failure."""
        try:
            os.unlink(name, dir_fd=self.descriptor)
        except IsADirectoryError:
            self._remove_folder(name)
        except OSError:
            return

    def _remove_folder(self, name: str) -> None:
        with suppress(StorageFailed), self.folder(name) as inner:
            for inside in inner.names():
                with suppress(OSError):
                    os.unlink(inside, dir_fd=inner.descriptor)
        with suppress(OSError):
            os.rmdir(name, dir_fd=self.descriptor)
