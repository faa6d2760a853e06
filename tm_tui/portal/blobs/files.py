"""Blobs as files below one folder, each brought to the disk with its name."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from tm_tui.atomic import temporary_name
from tm_tui.portal.blobs.store import Blob, BlobAbsent, BlobExists, checked_name

__all__ = ["FileBlobs"]

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_UNFINISHED = (".new-", ".part")


class FileBlobs:
    """`root/<name>`. A name is given by a hard link, which the kernel gives once, to whichever process."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        """Where one lies."""
        return self.root / checked_name(name)

    def put(self, name: str, source: Path) -> None:
        """Give `source` its name; a copy of it where that is on another disk."""
        target = self.path(name)
        _make_folders(self.root, target.parent)
        try:
            _link(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            near = target.with_name(temporary_name())
            try:
                _copy(source, near)
                _link(near, target)
            finally:
                near.unlink(missing_ok=True)
        else:
            source.unlink()
        for folder in target.relative_to(self.root).parents:
            _sync(self.root / folder)

    def open(self, name: str) -> BufferedReader:
        """Open the file; what is no regular file is none."""
        try:
            descriptor = os.open(self.path(name), _READ)
        except FileNotFoundError as error:
            raise BlobAbsent(*error.args) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BlobAbsent(errno.ENOENT, os.strerror(errno.ENOENT))
        return os.fdopen(descriptor, "rb")

    def list(self, prefix: str) -> Iterator[Blob]:
        """Walk the folder; links, and what is not finished, are passed over."""
        for name, entry in _entries(str(self.root), prefix):
            if entry.name.startswith(_UNFINISHED[0]) or entry.name.endswith(_UNFINISHED[1]):
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # deleted meanwhile
                continue
            if stat.S_ISREG(found.st_mode):
                yield Blob(name, found.st_size, found.st_mtime)

    def links(self, prefix: str) -> Iterator[str]:
        """The names that are links: somebody made them by hand, and they are no blobs."""
        return (name for name, entry in _entries(str(self.root), prefix) if entry.is_symlink())

    def size(self, name: str) -> int:
        """As the file system says."""
        try:
            found = self.path(name).lstat()
        except FileNotFoundError as error:
            raise BlobAbsent(*error.args) from None
        if not stat.S_ISREG(found.st_mode):
            raise BlobAbsent(errno.ENOENT, os.strerror(errno.ENOENT))
        return found.st_size

    def delete(self, name: str) -> None:
        """Remove the file."""
        path = self.path(name)
        path.unlink(missing_ok=True)
        if path.parent.exists():
            _sync(path.parent)


def _entries(root: str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All below a prefix that are no folders, by their names. Made for hundreds of thousands."""
    top = prefix.rstrip("/")
    waiting = [f"{top}/" if top else ""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(f"{root}/{folder}") as found:
                entries = list(found)
        except (FileNotFoundError, NotADirectoryError):  # nothing is there, or it was deleted meanwhile
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(f"{folder}{entry.name}/")
            else:
                yield f"{folder}{entry.name}", entry


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError as error:
        raise BlobExists(*error.args) from None


def _copy(source: Path, target: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with source.open("rb") as old, os.fdopen(os.open(target, flags, 0o600), "wb") as new:
        shutil.copyfileobj(old, new, 1 << 20)
        new.flush()
        os.fsync(new.fileno())


def _make_folders(root: Path, folder: Path) -> None:
    """Each missing one (0700)."""
    if folder.is_dir():
        return
    if folder == root:
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)
        return
    _make_folders(root, folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
