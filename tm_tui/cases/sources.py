"""What may go into a case, and reading it: by descriptors, so that no link leads elsewhere meanwhile.

The agent reads with its own rights for whoever may write to its control socket; its own folders never leave.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tm_tui.atomic import storage_failure
from tm_tui.errors import TmError
from tm_tui.paths import Home
from tm_tui.text import safe_text

__all__ = ["Entry", "Sources"]

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_DEEPEST = 64
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_KERNEL = ("/proc", "/sys")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something below what was chosen. `path` begins with the chosen one's own name.

    `descriptor` is open until the next entry is asked for; without one the entry is left out, for `why`.
    """

    path: bytes
    descriptor: int | None = None
    why: str = ""
    full: Path | None = None


class Sources:
    """Tells what may be read, and goes through it. Blocks: use it in a thread."""

    def __init__(self, home: Home, inbox: Path) -> None:
        self._own = tuple(folder.resolve() for folder in (home.config, home.state, home.run))
        self._inbox = inbox.resolve()
        self._folders = {_identity(folder.stat()) for folder in self._own if folder.exists()}
        self._files = set(_files_below(home.config))
        self._kernel = {Path(path).stat().st_dev for path in _KERNEL if Path(path).exists()}

    def check(self, source: Path) -> None:
        """Raise TmError for a path that cannot be part of a case."""
        with self._opened(source):
            pass

    def walk(self, source: Path) -> Iterator[Entry]:
        """All files below `source`, or the one it is, in the order of their names. Raises TmError."""
        with self._opened(source) as descriptor:
            yield from self._below(os.fsencode(source.name or "root"), descriptor, source, 0)

    def _opened(self, source: Path) -> "_Open":
        shown = safe_text(str(source))
        if not source.is_absolute() or ".." in source.parts:
            raise TmError(f"{shown} is no absolute path.", "Give the whole path, beginning with /.")
        try:
            descriptor = os.open(source, _FLAGS)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise TmError(f"{shown} is a symbolic link.", "Give the path of the real file.") from None
            raise storage_failure(source, error) from None
        opened = _Open(descriptor)
        try:
            self._permit(shown, descriptor)
        except BaseException:
            opened.close()
            raise
        return opened

    def _permit(self, shown: str, descriptor: int) -> None:
        found, real = os.fstat(descriptor), Path(f"/proc/self/fd/{descriptor}").readlink()
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            raise TmError(f"{shown} is no file and no folder.", "Choose files or folders.")
        if self._is_ours(real, found) or any(own.is_relative_to(real) for own in self._own):
            cause = f"{shown} holds the agent's own files, passwords among them."
            raise TmError(cause, "Choose what does not contain the agent's own folders.")
        if found.st_dev in self._kernel:
            raise TmError(f"{shown} is a view of the running system.", "Copy what you need of it first.")

    def _is_ours(self, real: Path, found: os.stat_result) -> bool:
        if real.is_relative_to(self._inbox):
            return _identity(found) in self._files
        return any(real.is_relative_to(own) for own in self._own) or _identity(found) in self._files

    def _below(self, path: bytes, descriptor: int, full: Path, depth: int) -> Iterator[Entry]:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            yield Entry(path, descriptor, full=full)
            return
        try:
            names = sorted(os.fsencode(name) for name in os.listdir(descriptor))
        except OSError as error:
            yield Entry(path, why=f"cannot be read: {safe_text(error.strerror or '')}")
            return
        for name in names:
            yield from self._one(path + b"/" + name, name, descriptor, full, depth)

    def _one(self, path: bytes, name: bytes, folder: int, full: Path, depth: int) -> Iterator[Entry]:
        try:
            mode = stat.S_IFMT(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
            if why := _KINDS.get(mode):
                yield Entry(path, why=f"is {why}{_target(name, folder) if mode == stat.S_IFLNK else ''}")
                return
            opened = _Open(os.open(name, _FLAGS, dir_fd=folder))
        except OSError as error:
            yield Entry(path, why=f"cannot be read: {safe_text(error.strerror or '')}")
            return
        with opened as descriptor:
            if why := self._refused(os.fstat(descriptor), depth):
                yield Entry(path, why=why)
            else:
                yield from self._below(path, descriptor, full / os.fsdecode(name), depth + 1)

    def _refused(self, found: os.stat_result, depth: int) -> str:
        if _identity(found) in self._folders | self._files:
            return "belongs to the agent"
        if found.st_dev in self._kernel:
            return "is a view of the running system"
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            return "is no file and no folder"
        return "lies too deep" if depth >= _DEEPEST else ""


class _Open:
    """A descriptor that is closed at the end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._descriptor)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _files_below(folder: Path) -> Iterator[tuple[int, int]]:
    """What settings and secrets are, under whatever further name."""
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                yield _identity(os.lstat(os.path.join(place, name)))  # noqa: PTH118  os.walk gives strings


def _target(name: bytes, folder: int) -> str:
    with suppress(OSError):
        return f" to {safe_text(os.fsdecode(os.readlink(name, dir_fd=folder)), 200)}"
    return ""
