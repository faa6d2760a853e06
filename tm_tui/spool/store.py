"""The spool as the agent sees it.

Events go in, sealed batches come out, and nothing waits in the event loop.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self

from tm_tui.atomic import storage_failure
from tm_tui.clock import Clock, SystemClock
from tm_tui.errors import StorageFailed
from tm_tui.spool import batch as files
from tm_tui.spool.batch import Batch, BatchDamaged
from tm_tui.spool.core import BatchLimits, SpoolCore
from tm_tui.spool.disk import Disk
from tm_tui.spool.events import KINDS, EventKind
from tm_tui.spool.intake import Intake, Rejection, check_lines
from tm_tui.spool.lock import lock
from tm_tui.spool.quota import Quota
from tm_tui.spool.snapshot import KindWaiting, SpoolSnapshot, snapshot
from tm_tui.spool.trace import Trace, untraced
from tm_tui.spool.writer import Writer

__all__ = ["BatchLimits", "KindWaiting", "Quota", "Spool", "SpoolSnapshot"]

_QUOTA, _LIMITS = Quota(), BatchLimits()
_AT_ONCE = 500
"""Lines of one long intake that share a commit; the next may be somebody else's."""
_BYTES_AT_ONCE = 1 << 20
_LOOK_AROUND = 30.0
"""Seconds between two looks for events that have grown old without filling a batch."""


class Spool:
    """Events that are accepted and not yet delivered.

    Open it with `Spool.open`; one process at a time may.
    """

    def __init__(self, core: SpoolCore, lock_descriptor: int, clock: Clock) -> None:
        self._core, self._lock, self._clock = core, lock_descriptor, clock
        self._writer = Writer(core.accept, core.limits.events, settled=core.settle)
        self._sealing = asyncio.Lock()
        self._full = asyncio.Event()
        self._sealer = asyncio.create_task(self._seal_when_full(), name="spool sealer")
        self.changed: Callable[[], None] = lambda: None
        """Called in the event loop when there is something new to show."""
        self.sealed: Callable[[Path, Batch], None] = lambda _path, _batch: None
        """Called in a thread for each batch that is made of new events, before it can be delivered."""

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
    ) -> Self:
        """Open or make the spool in `folder`, after any kind of end.

        `trace` is called at named points, in any thread. Raises SpoolBusy and other StorageFailed.
        """
        clock = clock or SystemClock()
        core = partial(SpoolCore, appliance=appliance, quota=quota, limits=limits, now=clock.now, trace=trace)
        return cls(*await asyncio.to_thread(_opened, folder, quota, clock.now, core), clock)

    async def close(self) -> None:
        """Finish what is under way and close. Events that are not sealed stay as they are."""
        self._sealer.cancel()
        with suppress(asyncio.CancelledError):
            await self._sealer
        async with self._sealing:
            await self._writer.close()
        await asyncio.to_thread(_closed, self._core, self._lock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def limit(self, quota: Quota) -> None:
        """Follow new limits from now on. What waits stays, also above them: only intake is refused then."""
        self._core.quota = quota
        self.changed()

    # --- intake

    async def add(self, lines: Sequence[bytes]) -> Intake:
        """Accept lines of NDJSON. What is counted as accepted is on the disk and will be delivered.

        Raises SpoolFull or another StorageFailed if nothing at all could be taken; once something
        was, the lines that came too late are rejected one by one with that reason.
        """
        accepted, rejected = 0, list[Rejection]()
        for start, some in _portions(lines, min(_AT_ONCE, self._core.limits.events)):
            try:
                part = await self._writer.add(check_lines(some))
            except StorageFailed as failure:
                if not accepted:
                    raise
                rejected += [Rejection(n, str(failure)) for n in range(start + 1, len(lines) + 1)]
                break
            accepted += part.accepted
            rejected += [Rejection(one.line + start, one.reason) for one in part.rejected]
        if accepted:
            self._wake()
        return Intake(accepted, tuple(rejected))

    def _wake(self) -> None:
        limits = self._core.limits
        if any(
            one.events >= limits.events or one.bytes >= limits.bytes for one in self._core.waiting.values()
        ):
            self._full.set()
        self.changed()

    # --- sealing

    async def seal(self, *, everything: bool = True) -> None:
        """Seal all events that wait now, or only what fills a batch or has grown old.

        Raises StorageFailed.
        """
        async with self._sealing:
            for kind in KINDS:
                upto = self._core.next_seq
                while await self._seal_one(kind, upto, everything=everything):
                    self.changed()

    async def _seal_one(self, kind: EventKind, upto: int, *, everything: bool) -> bool:
        core = self._core
        chunks = await self._writer.call(partial(core.choose, kind, everything=everything))
        if not chunks or chunks[0].first >= upto:
            return False
        written = await asyncio.to_thread(core.write, chunks)
        if written is not None:
            await asyncio.to_thread(self.sealed, self.folder / written[0].name, written[0])
        await self._writer.call(partial(core.record, chunks, written))
        return True

    async def _seal_when_full(self) -> None:
        while True:
            await self._clock.wait(self._full, _LOOK_AROUND)
            self._full.clear()
            with suppress(StorageFailed):  # a full disk: intake says so, and delivery makes room
                await self.seal(everything=False)

    # --- delivery

    @property
    def folder(self) -> Path:
        """Where the sealed batches lie."""
        return self._core.disk.sealed

    def batches(self) -> tuple[Batch, ...]:
        """The sealed batches in the order of their first events."""
        return self._core.sealed.batches

    async def read(self, batch: Batch) -> bytes | None:
        """The bytes to deliver. None: the file was damaged, and what could be read is sealed anew.

        Raises StorageFailed.
        """
        try:
            return await asyncio.to_thread(files.file_of, self._core.disk.sealed, batch)
        except (BatchDamaged, FileNotFoundError):
            await self._writer.call(partial(self._core.sealed.mend, batch))
            self.changed()
            return None
        except OSError as error:
            raise storage_failure(self._core.disk.sealed, error) from None

    async def confirm(self, batch: Batch) -> None:
        """The server has it. Raises StorageFailed; then it is still waiting, and may be delivered again."""
        await self._writer.call(partial(self._core.confirm, batch))
        self.changed()

    async def split(self, batch: Batch) -> tuple[Batch, ...]:
        """Seal a batch anew as two, on the disk when this returns; () if it holds one event.

        Raises StorageFailed.
        """
        halves = await self._writer.call(partial(self._core.sealed.split, batch))
        self.changed()
        return halves

    def mark(self, name: str) -> int:
        """A whole number kept beside the events, 0 if there is none."""
        return self._core.disk.marks.get(name)

    async def put_mark(self, **values: int) -> None:
        """Keep whole numbers; a full disk does not prevent it. Raises StorageFailed."""
        core = self._core
        await self._writer.call(lambda: core.disk.safely(lambda: core.disk.marks.put(**values)))

    # --- to look at

    async def pulse(self) -> None:
        """Return once the spool's thread has done all that was given to it before: it does not hang."""
        await self._writer.call(lambda: None)

    def status(self) -> SpoolSnapshot:
        """What waits, at this moment. Cheap."""
        return snapshot(self._core, self._clock.now())

    async def lines(self) -> AsyncIterator[bytes]:
        """Every event that waits, as it will be delivered; sealed batches first. Raises StorageFailed."""
        for batch in self.batches():
            with suppress(BatchDamaged, FileNotFoundError):  # delivered meanwhile, or for `read` to deal with
                text = await asyncio.to_thread(files.read_lines, self._core.disk.sealed, batch)
                for line in text.splitlines():
                    yield line
        for kind in KINDS:
            after = -1
            while chunks := await self._writer.call(partial(self._core.some_chunks, kind, after)):
                after = chunks[-1].first
                for chunk in chunks:
                    for line in chunk.lines.splitlines():
                        yield line


def _portions(lines: Sequence[bytes], most: int) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Cut a long intake so that no commit holds more lines, or much more bytes, than a batch should."""
    if len(lines) <= most and sum(map(len, lines)) <= _BYTES_AT_ONCE:
        yield 0, lines
        return
    start = size = 0
    for number, line in enumerate(lines):
        if number - start >= most or (size and size + len(line) > _BYTES_AT_ONCE):
            yield start, lines[start:number]
            start, size = number, 0
        size += len(line)
    yield start, lines[start:]


def _opened(
    folder: Path, quota: Quota, now: Callable[[], datetime], core: Callable[[Disk], SpoolCore]
) -> tuple[SpoolCore, int]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = lock(folder / "lock")
    except OSError as error:
        raise storage_failure(folder, error) from None
    try:
        return core(Disk.open(folder, quota, now)), descriptor
    except StorageFailed:
        os.close(descriptor)
        raise


def _closed(core: SpoolCore, descriptor: int) -> None:
    core.disk.close()
    os.close(descriptor)
