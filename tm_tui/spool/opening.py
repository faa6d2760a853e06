"""Opening the spool for one process, whatever stands in its folder, and closing all of it again."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tm_tui.atomic import storage_failure, take_lock
from tm_tui.clock import Clock
from tm_tui.errors import StorageFailed
from tm_tui.spool.core import BatchLimits, SpoolCore
from tm_tui.spool.disk import Disk, Quota
from tm_tui.spool.tidy import is_file, set_aside
from tm_tui.spool.trace import Trace
from tm_tui.spool.writer import Writer

__all__ = ["OpenSpool", "Opening", "SpoolBusy", "lock"]


@dataclass(frozen=True, slots=True)
class OpenSpool:
    """A spool's files, and the thread that works on them."""

    core: SpoolCore
    writer: Writer
    lock: int

    def close(self) -> None:
        """Close the files."""
        try:
            self.core.close()
        finally:
            os.close(self.lock)


@dataclass(frozen=True, slots=True)
class Opening:
    """How a spool is opened; can be done again."""

    folder: Path
    appliance: str
    quota: Quota
    limits: BatchLimits
    clock: Clock
    trace: Trace

    def __call__(self) -> OpenSpool:
        """Open it. Blocks. Raises SpoolBusy, another StorageFailed."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = lock(self.folder / "lock", self.clock.now())
        except OSError as error:
            raise storage_failure(self.folder, error) from None
        try:
            core = self._core()
        except BaseException:
            os.close(descriptor)
            raise
        return OpenSpool(core, Writer(core.accept, core.limits.events, settled=core.settle), descriptor)

    def _core(self) -> SpoolCore:
        disk = Disk.open(self.folder, self.quota, self.clock.now)
        try:
            return SpoolCore(
                disk,
                appliance=self.appliance,
                quota=self.quota,
                limits=self.limits,
                clock=self.clock,
                trace=self.trace,
            )
        except BaseException:
            disk.close()
            raise


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
