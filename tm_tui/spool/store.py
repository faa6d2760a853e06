"""The spool as the agent sees it.

Events go in, sealed batches come out, and nothing waits in the event loop.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from tm_tui.atomic import storage_failure
from tm_tui.clock import Clock, SystemClock
from tm_tui.errors import StorageFailed
from tm_tui.spool import batch as files
from tm_tui.spool.batch import Batch, BatchDamaged
from tm_tui.spool.core import BatchLimits
from tm_tui.spool.disk import Quota
from tm_tui.spool.events import KINDS
from tm_tui.spool.intake import Intake, Rejection, check_lines, portions
from tm_tui.spool.opening import Opening, OpenSpool
from tm_tui.spool.sealing import BUG, Hook, Sealer
from tm_tui.spool.snapshot import KindWaiting, SpoolSnapshot, closed, snapshot
from tm_tui.spool.trace import Trace, untraced
from tm_tui.tasks import end, outcome, threaded

__all__ = ["BatchLimits", "KindWaiting", "Quota", "Spool", "SpoolSnapshot"]

_log = logging.getLogger(__name__)

_QUOTA, _LIMITS = Quota(), BatchLimits()
_AT_ONCE = 500
"""Lines of one long intake that share a commit; the next may be somebody else's."""
_LOOK_AROUND = 30.0
"""Seconds between two looks for events that have grown old, and for a disk that can be used again."""


class Spool:
    """Events that are accepted and not yet delivered.

    Open it with `Spool.open`; one process at a time may.
    """

    def __init__(self, opening: Opening) -> None:
        self._opening, self._quota, self._clock = opening, opening.quota, opening.clock
        self._open: OpenSpool | None = None
        self._problem = StorageFailed("The log queue is still being opened.", "Try again in a moment.")
        self._full, self._tried = asyncio.Event(), asyncio.Event()
        self._bug: BaseException | None = None
        self._worker: asyncio.Task[None] | None = None
        self.changed: Callable[[], None] = lambda: None
        """Called in the event loop when there is something new to show."""
        self.sealed: Hook = lambda _path, _batch: None
        """Called in a thread for each batch that is made of new events, before it can be delivered."""
        self._sealer = Sealer(self)

    @classmethod
    async def open(
        cls,
        folder: Path,
        appliance: str,
        *,
        quota: Quota = _QUOTA,
        limits: BatchLimits = _LIMITS,
        clock: Clock | None = None,
        trace: Trace = untraced,
        patience: float | None = None,
    ) -> Self:
        """Open or make the spool in `folder`, after any kind of end.

        `trace` is called at named points, in any thread. Raises SpoolBusy and other StorageFailed; but not
        with `patience`, the seconds to wait for it: where it cannot be opened it is there all the same, says
        why in its status and to each who calls, and goes on trying.
        """
        spool = cls(Opening(folder, appliance, quota, limits, clock or SystemClock(), trace))
        try:
            if patience is None:
                await threaded(spool._take)
            spool._worker = asyncio.create_task(spool._work(), name="spool")
            if patience is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(patience):
                        await spool._tried.wait()
        except BaseException:
            await spool.close()
            raise
        return spool

    def _take(self) -> None:
        """Open it, in a thread. What was opened is there for `close`, whoever waits for it."""
        self._open = self._opening()
        self._open.core.quota = self._quota

    @property
    def _opened(self) -> OpenSpool:
        if self._open is None:
            raise StorageFailed(self._problem.cause, self._problem.remedy)
        return self._open

    async def close(self) -> None:
        """Finish what is under way and close. Events that are not sealed stay as they are."""
        if self._worker is not None:
            await end([self._worker])
        if self._open is not None:
            await self._sealer.end()
            await self._open.writer.close()
            await threaded(self._open.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def limit(self, quota: Quota) -> None:
        """Follow new limits from now on. What waits stays, also above them: only intake is refused then."""
        self._quota = quota
        if self._open is not None:
            self._open.core.quota = quota
        self.changed()

    # --- what goes on beside

    async def _work(self) -> None:
        """Open the spool if need be, then seal what is full or old; a failure is told and tried again."""
        while True:
            if self._open is None:
                self._tell(await outcome(self._try_to_open()))
                self._tried.set()
            await self._clock.wait(self._full, _LOOK_AROUND)
            self._full.clear()
            if self._open is not None:
                self._tell(await outcome(self._look_around()))

    def _tell(self, bug: BaseException | None) -> None:
        if bug is not None:
            _log.error("%s", BUG.cause, exc_info=bug)
            self._problem = BUG
        if (bug is None) != (self._bug is None):
            self._bug = bug
            self.changed()

    async def _try_to_open(self) -> None:
        try:
            await threaded(self._take)
        except StorageFailed as failure:
            self._problem = failure
        self.changed()

    async def _look_around(self) -> None:
        await self._opened.writer.call(self._opened.core.age.keep)
        with suppress(StorageFailed):  # the status tells it, until it works
            await self.seal(everything=False)

    # --- intake

    async def add(self, lines: Sequence[bytes]) -> Intake:
        """Accept lines of NDJSON. What is counted as accepted is on the disk and will be delivered.

        Raises SpoolFull or another StorageFailed if nothing at all could be taken; once something
        was, the lines that came too late are rejected one by one with that reason.
        """
        accepted, rejected = 0, list[Rejection]()
        stopped: int | None = None
        why: StorageFailed | None = None
        for start, some in portions(lines, min(_AT_ONCE, self._opened.core.limits.events)):
            try:
                part = await self._opened.writer.add(check_lines(some))
            except StorageFailed as failure:
                if not accepted:
                    raise
                rejected += [Rejection(n, str(failure)) for n in range(start + 1, len(lines) + 1)]
                stopped, why = start + 1, failure
                break
            accepted += part.accepted
            rejected += [Rejection(one.line + start, one.reason) for one in part.rejected]
        if accepted:
            self._wake()
        return Intake(accepted, tuple(rejected), stopped, why)

    def _wake(self) -> None:
        limits = self._opened.core.limits
        if any(
            one.events >= limits.events or one.bytes >= limits.bytes
            for one in self._opened.core.waiting.values()
        ):
            self._full.set()
        self.changed()

    async def seal(self, *, everything: bool = True) -> None:
        """Seal all events that wait now, or only what fills a batch or has grown old.

        What could not be sealed the last time is sealed in any case. Raises StorageFailed.
        """
        await self._sealer.seal(self._opened, everything=everything)

    # --- delivery

    @property
    def folder(self) -> Path:
        """Where the sealed batches lie."""
        return self._opening.folder / "batches"

    def batches(self) -> tuple[Batch, ...]:
        """The sealed batches in the order of their first events."""
        return () if self._open is None else self._open.core.sealed.batches

    async def read(self, batch: Batch) -> bytes | None:
        """The bytes to deliver. None: the file was damaged, and what could be read is sealed anew.

        Raises StorageFailed.
        """
        try:
            return await threaded(files.file_of, self.folder, batch)
        except (BatchDamaged, FileNotFoundError):
            await self._opened.writer.call(partial(self._opened.core.sealed.mend, batch))
            self.changed()
            return None
        except OSError as error:
            raise storage_failure(self.folder / batch.name, error) from None

    async def confirm(self, batch: Batch) -> None:
        """The server has it. Raises StorageFailed; then it is still waiting, and may be delivered again."""
        await self._opened.writer.call(partial(self._opened.core.confirm, batch))
        self.changed()

    async def split(self, batch: Batch) -> tuple[Batch, ...]:
        """Seal a batch anew as two, on the disk when this returns; () if it holds one event.

        Raises StorageFailed.
        """
        halves = await self._opened.writer.call(partial(self._opened.core.sealed.split, batch))
        self.changed()
        return halves

    def mark(self, name: str) -> int:
        """A whole number kept beside the events, 0 if there is none."""
        return 0 if self._open is None else self._open.core.disk.marks.get(name)

    async def put_mark(self, **values: int) -> None:
        """Keep whole numbers; a full disk does not prevent it. Raises StorageFailed."""
        core = self._opened.core
        await self._opened.writer.call(lambda: core.disk.safely(lambda: core.disk.marks.put(**values)))

    # --- to look at

    async def pulse(self) -> None:
        """Return once the spool's thread has done all that was given to it before: it does not hang."""
        if self._open is not None:
            await self._open.writer.call(lambda: None)

    def status(self) -> SpoolSnapshot:
        """What waits, at this moment. Cheap."""
        if self._open is None:
            return closed(self._problem, self._quota)
        bug = () if self._bug is None else (str(BUG),)
        return snapshot(self._open.core, (*self._sealer.notes(), *bug))

    async def lines(self) -> AsyncIterator[bytes]:
        """Every event that waits, as it will be delivered; sealed batches first. Raises StorageFailed."""
        for batch in self.batches():
            with suppress(BatchDamaged, OSError):  # delivered meanwhile, or for `read` to deal with
                text = await threaded(files.read_lines, self.folder, batch)
                for line in text.splitlines():
                    yield line
        for kind in KINDS:
            after = -1
            while chunks := await self._opened.writer.call(
                partial(self._opened.core.some_chunks, kind, after)
            ):
                after = chunks[-1].first
                for chunk in chunks:
                    for line in chunk.lines.splitlines():
                        yield line
