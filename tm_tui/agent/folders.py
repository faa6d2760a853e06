"""The home's folders: made and kept for the agent's user alone; others at most pass through `run`.

One agent a home: its lock is given back by the kernel when the holder dies, however it dies.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tm_tui.atomic import storage_failure, take_lock
from tm_tui.errors import StorageFailed, TmError
from tm_tui.paths import Home
from tm_tui.text import safe_text

__all__ = ["AgentRuns", "agent_lock", "prepare_folders"]

_NAME = "agent.lock"


def prepare_folders(home: Home) -> None:
    """Make config, state and run (0700), or take back what others may do in them. Raises StorageFailed.

    `run` may be 0750, as systemd's RuntimeDirectoryMode= makes it.
    """
    for folder, refused in ((home.config, 0o077), (home.state, 0o077), (home.run, 0o027)):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_ours(folder, refused)
        except OSError as error:
            raise storage_failure(folder, error) from None


def _make_ours(folder: Path, refused: int) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if found.st_uid != os.geteuid():
            shown = safe_text(str(folder))
            cause = f"{shown} belongs to user {found.st_uid}, not to the agent's user {os.geteuid()}."
            raise StorageFailed(cause, "Start the agent as that user, or correct the folder's owner.")
        if found.st_mode & refused:
            os.fchmod(handle, found.st_mode & 0o777 & ~refused)
    finally:
        os.close(handle)


class AgentRuns(TmError):
    """Another agent has this home."""

    def __init__(self, pid: str) -> None:
        who = f"process {pid}" if pid.isdigit() else "another process"
        super().__init__(f"An agent runs in this home already: {who}.", "Use that one, or end it first.")


@contextmanager
def agent_lock(state: Path) -> Iterator[None]:
    """Hold `state/agent.lock`, in which our pid stands. Raises AgentRuns, StorageFailed."""
    path = state / _NAME
    try:
        handle, held = take_lock(path)
    except OSError as error:
        raise storage_failure(path, error) from None
    try:
        if not held:
            raise AgentRuns(os.pread(handle, 20, 0).decode("ascii", "replace").strip())
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
