"""Uploads over SFTP that are not whole: files in the home, so that any process may go on with them."""

import io
import os
import shutil
from pathlib import Path

from asyncssh import FXF_APPEND, FXF_CREAT, FXF_EXCL, FXF_READ, FXF_TRUNC, FXF_WRITE, SFTPFailure

__all__ = ["Upload", "opened"]


class Upload(io.FileIO):
    """An open `.part` file; `path` is None for a probe, which lives in memory only.

    The newest to open one may write to it, in whichever process: what it goes on with is a new file under
    the name. A dead session's late bytes go nowhere.
    """

    path: Path | None = None

    @property
    def ours(self) -> bool:
        """Whether it is still what its name stands for."""
        if self.path is None:
            return True
        try:
            return os.path.samestat(self.path.lstat(), os.fstat(self.fileno()))
        except FileNotFoundError:
            return False


def opened(path: Path, pflags: int, aside: Path) -> Upload:
    """Open a `.part` file as SFTP's flags say; `aside` is a fresh name beside it. Blocks.

    Raises SFTPFailure, OSError.
    """
    writing = bool(pflags & FXF_WRITE)
    if writing and pflags & FXF_TRUNC:
        path.unlink(missing_ok=True)
    elif writing and not pflags & FXF_EXCL:
        _take_over(path, aside)
    flags = os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_RDWR if writing else os.O_RDONLY)
    for asked, meant in ((FXF_CREAT, os.O_CREAT), (FXF_EXCL, os.O_EXCL), (FXF_APPEND, os.O_APPEND)):
        flags |= meant if writing and pflags & asked else 0
    upload = Upload(os.open(path, flags, 0o600), "r+b" if writing else "rb")
    upload.path = path
    if not writing and not pflags & FXF_READ:
        upload.close()
        raise SFTPFailure("The file is opened neither for reading nor for writing.")
    return upload


def _take_over(path: Path, aside: Path) -> None:
    """Have a file of our own under the name, with what came so far."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as old:
            new = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(new, "wb") as file:
                shutil.copyfileobj(old, file)
        aside.rename(path)
    except FileNotFoundError:  # nothing came so far
        return
    finally:
        aside.unlink(missing_ok=True)
