"""The service that packs what was chosen, one case after the other; it needs no server."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tm_tui.atomic import storage_failure
from tm_tui.cases.archive import Limits, Packed, PackingStopped, Taken, pack
from tm_tui.cases.case_records import MOST_NOTES, CaseBook, Record
from tm_tui.cases.sources import Sources
from tm_tui.clock import Clock, wait_until
from tm_tui.errors import StorageFailed, TmError
from tm_tui.paths import Home
from tm_tui.retry import DISK, Chance, Retry
from tm_tui.service import Service
from tm_tui.settings.store import Revision
from tm_tui.spoken import count, size
from tm_tui.tasks import either, threaded
from tm_tui.text import safe_text

__all__ = ["CasePacking"]

_log = logging.getLogger(__name__)

_MOST_TOLD = 5


class CasePacking(Service):
    """As the supervisor wants it. A case that was half packed when the agent ended is packed anew."""

    name = "packing of cases"

    def __init__(
        self,
        home: Home,
        appliance: str,
        book: CaseBook,
        clock: Clock,
        chance: Chance,
        *,
        changed: Callable[[], None] = lambda: None,
        limits: Limits | None = None,
    ) -> None:
        self._changed = changed
        self._home, self._appliance, self._book = home, appliance, book
        self._clock, self._chance, self._limits = clock, chance, limits
        self.packed_bytes: tuple[int, int] | None = None
        """The case that is being packed, and how many bytes of it were read."""

    def alerts(self) -> tuple[str, ...]:
        """What of the cases on this disk needs a look."""
        damaged, folder = sorted(self._book.damaged), self._book.folder
        told = [
            safe_text(f"Case {number} is damaged: {folder / f'{number:06d}'} is left alone.")
            for number in damaged[:_MOST_TOLD]
        ]
        more = len(damaged) - len(told)
        return (*told, *([f"{more} more cases are damaged."] if more else []))

    async def work(self, _revision: Revision) -> None:
        """Pack until cancelled."""
        retry = Retry(self._clock, self._chance, pace=DISK, log=_log, disk="cases")
        while True:
            news = self._book.news()
            waiting = [record for record in self._book.records() if record.state == "packing"]
            if not waiting:
                await news.wait()
                continue
            try:
                await self._pack(waiting[-1])
                retry.succeeded()
            except StorageFailed as problem:  # the record itself cannot be written: the disk is full
                retry.failed(problem, "Cases are not packed")
                await wait_until(self._clock, retry.again, asyncio.Event())

    async def _pack(self, record: Record) -> None:
        stop = threading.Event()
        work = asyncio.ensure_future(
            asyncio.to_thread(self._packed, record, stop, asyncio.get_running_loop())
        )
        try:
            while not work.done():
                news = self._book.news()
                if self._book.state_of(record.number) != "packing":
                    stop.set()
                await either(work, news)
        finally:
            stop.set()
            await asyncio.wait({work})
            self.packed_bytes = None
            if work.cancelled() or isinstance(work.exception(), PackingStopped):
                self._book.pack_of(record).unlink(missing_ok=True)
        await self._settle(record, work)

    async def _settle(self, record: Record, work: "asyncio.Future[Packed]") -> None:
        try:
            done = work.result()
        except PackingStopped:
            return
        except TmError as refused:
            with suppress(OSError):
                self._book.pack_of(record).unlink(missing_ok=True)
            _log.warning("Case %d was not packed. %s %s", record.number, refused.cause, refused.remedy)
            told = {"cause": refused.cause, "remedy": refused.remedy}
            await self._book.change(record.number, only_in=("packing",), state="failed", **told)
            return
        after = await self._book.change(record.number, only_in=("packing",), state="waiting", **_values(done))
        if after.state != "waiting":  # given up at the last moment
            self._book.pack_of(record).unlink(missing_ok=True)
            return
        what = f"{count(done.files, 'file')}, {size(done.packed_bytes)}"
        _log.info("Case %d is packed: %s.", record.number, what)
        if record.inbox:
            await threaded(_clear, self._book.inbox, done.taken)

    def _packed(self, record: Record, stop: threading.Event, loop: asyncio.AbstractEventLoop) -> Packed:
        """On a thread."""

        def told(read: int) -> None:
            self.packed_bytes = (record.number, read)
            loop.call_soon_threadsafe(self._changed)

        about: dict[str, Any] = {
            "appliance": self._appliance,
            "case": record.number,
            "created_at": record.created_at.isoformat(),
            "submitted_by": record.submitted_by,
            "endpoint": record.endpoint,
            "threat": record.threat,
            "description": record.description,
        }
        try:
            sources = Sources(self._home, self._book.inbox)
            inbox = self._book.inbox
            chosen = sorted(inbox.iterdir()) if record.sources == (str(inbox),) else record.paths
        except OSError as error:
            raise storage_failure(self._book.inbox, error) from None
        target = self._book.pack_of(record)
        return pack(sources, chosen, target, record.form, about, stop=stop, told=told, limits=self._limits)


def _values(done: Packed) -> dict[str, Any]:
    return {
        "files": done.files,
        "bytes": done.bytes,
        "packed_bytes": done.packed_bytes,
        "sha256": done.sha256,
        "notes": tuple(done.notes[:MOST_NOTES]),
        "notes_more": max(0, len(done.notes) - MOST_NOTES),
    }


def _clear(inbox: Path, taken: list[Taken]) -> None:
    """Remove from the inbox what was packed as it was found; what came or changed since stays."""
    for file in taken:
        with suppress(OSError):
            found = file.path.lstat()
            if (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns) == file.identity:
                file.path.unlink()
    folders = sorted({parent for file in taken for parent in file.path.parents if inbox in parent.parents})
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()
