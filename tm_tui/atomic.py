"""Folders and files that are ours alone, changed whole or not at all.

All is reached through descriptors of folders that were checked, so that no link placed by somebody else leads
astray; what is written is on the disk (fsync) before its name counts.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tm_tui.errors import StorageFailed
from tm_tui.files import (
    StorageAbsent,
    opened,
    overwrite,
    put_new,
    read_all,
    storage_failure,
    sync_folder,
    take_lock,
    temporary_name,
    write_all,
)
from tm_tui.text import safe_text

__all__ = [
    "Folder",
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

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_OVER_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_APPEND_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_SETTLE_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK_SECONDS = 5.0
_OTHERS = 0o077
_OTHERS_WRITE = 0o022


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_failure(path, error) from None


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
    sync_folder(path.parent)


def _check(path: Path, found: os.stat_result, refused_bits: int, tidy: str) -> None:
    """Refuse what another user owns or may touch."""
    if found.st_uid == os.geteuid() and not found.st_mode & refused_bits:
        return
    shown = safe_text(str(path))
    if found.st_uid != os.geteuid():
        cause = f"{shown} belongs to user {found.st_uid}, not to {os.geteuid()} who runs this."
        raise StorageFailed(cause, "Correct its owner with chown, if you trust what is in it.")
    cause = f"Others have access to {shown} (mode {stat.S_IMODE(found.st_mode):04o})."
    raise StorageFailed(cause, f"Run `chmod {tidy} {shown}`, if you trust what is in it.")


def _check_file(path: Path, found: os.stat_result, most_bytes: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise StorageFailed(
            f"{safe_text(str(path))} is no regular file.", "Remove it, or put the real file there."
        )
    _check(path, found, _OTHERS, "600")
    if found.st_nlink > 1:  # none: it was replaced since it was opened, and is whole as it was
        shown = f"{safe_text(str(path))} has {found.st_nlink} hard links"
        cause = f"{shown}, so it can be changed under another name."
        raise StorageFailed(cause, "Copy it, and put the copy in its place.")
    if found.st_size > most_bytes:
        cause = f"{safe_text(str(path))} has {found.st_size} bytes, at most {most_bytes} are possible."
        raise StorageFailed(cause, "Restore it from a backup.")


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
            descriptor, held = take_lock(path.name, folder=self.descriptor, seconds=seconds)
        try:
            yield held
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
        with _translated(self.path / name):
            put_new(name, data, folder=self.descriptor)

    @contextmanager
    def written(self, name: str, buffering: int) -> Iterator[BinaryIO]:
        """Write a large file (0600) piece by piece, over an old one; it is on the disk at the end."""
        with _translated(self.path / name):
            descriptor = os.open(name, _OVER_FLAGS, 0o600, dir_fd=self.descriptor)
            with os.fdopen(descriptor, "wb", buffering=buffering) as file:
                yield file
                file.flush()
                os.fsync(descriptor)

    def append(self, name: str, data: bytes) -> None:
        """Add to the end of a file (0600), made if need be. It is on the disk then, or nothing of it."""
        with _translated(self.path / name), opened(name, _APPEND_FLAGS, folder=self.descriptor) as descriptor:
            size = os.fstat(descriptor).st_size
            try:
                write_all(descriptor, data)
                os.fsync(descriptor)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(descriptor, size)
                raise

    def settle(self, name: str) -> None:
        """Bring a file that somebody else has written here to the disk, as one of ours (0600)."""
        with _translated(self.path / name), opened(name, _SETTLE_FLAGS, folder=self.descriptor) as descriptor:
            os.fchmod(descriptor, 0o600)
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
