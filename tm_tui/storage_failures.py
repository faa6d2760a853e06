"""What the operating system refuses at a file, as a cause and a remedy."""

import errno
import os
from pathlib import Path

from tm_tui.errors import StorageFailed
from tm_tui.text import safe_text

__all__ = ["StorageAbsent", "storage_failure"]

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
