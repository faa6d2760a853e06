"""One process a spool: two would deliver twice."""

import os
from datetime import datetime
from pathlib import Path

from tm_tui.atomic import take_lock
from tm_tui.errors import StorageFailed
from tm_tui.spool.tidy import is_file, set_aside

__all__ = ["SpoolBusy", "lock"]


class SpoolBusy(StorageFailed):
    """Another process has this spool open."""


def lock(path: Path, now: datetime) -> int:
    """Take the lock until the returned descriptor is closed. Raises SpoolBusy, OSError."""
    if os.path.lexists(path) and not is_file(path):
        set_aside(path, now)
    descriptor, held = take_lock(path)
    if not held:
        os.close(descriptor)
        cause = f"Another process uses the log queue in {path.parent}."
        raise SpoolBusy(cause, "Stop the other agent first, or choose another TM_TUI_HOME.")
    return descriptor
