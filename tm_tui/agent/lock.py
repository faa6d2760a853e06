"""One agent a home: a lock that the kernel gives back when its holder dies, however it dies."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tm_tui.atomic import storage_failure, take_lock
from tm_tui.errors import TmError

__all__ = ["AgentRuns", "agent_lock"]

_NAME = "agent.lock"


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
