"""What stands in the spool's folder and is not what it should be goes aside, for support to look at."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from tm_tui.spool.rows import Note

__all__ = ["is_file", "remove", "set_aside", "tidy"]

_KEPT = 4
"""So many damaged things are kept beside the newest."""
_LONGEST_NAME = 120
_FOLDERS = ("batches", "queue", "damaged")
_FILES = ("marks", "newest", "ballast", "queue/events.db", "queue/events.db-wal")


def tidy(folder: Path, now: datetime, note: Note) -> None:
    """Set aside each file that is none and each folder that is none; give ours back to us. Raises OSError."""
    for name in _FOLDERS:
        _check(folder / name, stat.S_ISDIR, 0o700, now, note)
    for name in _FILES:
        _check(folder / name, stat.S_ISREG, 0o600, now, note)


def _check(path: Path, is_right: Callable[[int], bool], mode: int, now: datetime, note: Note) -> None:
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if not is_right(found.st_mode):
        set_aside(path, now)
        note(f"{path.name} in the log queue is no plain file or folder of ours; it was set aside.")
    elif found.st_mode & mode != mode and found.st_uid == os.geteuid():
        path.chmod(mode)


def is_file(path: Path) -> bool:
    """Whether a plain file stands there: no folder, link or pipe. Raises OSError other than its absence."""
    with suppress(FileNotFoundError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def set_aside(path: Path, now: datetime) -> Path:
    """Move something damaged to `damaged/<time>-<name>` in the spool's folder. Raises OSError."""
    within = ("batches", "queue")
    spool = path.parent.parent if path.parent.name in within else path.parent
    folder = spool / "damaged"
    if path == folder:
        folder = spool / "damaged.0"
    folder.mkdir(mode=0o700, exist_ok=True)
    with suppress(OSError):
        for old in sorted(folder.iterdir(), key=lambda one: one.lstat().st_ctime_ns)[:-_KEPT]:
            remove(old)
    name = f"{now:%Y%m%dT%H%M%S.%f}-{path.name[:_LONGEST_NAME]}"
    target = next(one for one in _names(folder / name) if not os.path.lexists(one))
    path.rename(target)
    return target


def _names(path: Path) -> Iterator[Path]:
    yield path
    yield from (path.with_name(f"{path.name}.{number}") for number in count(1))


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
