"""Reads the appliance's own threat event logs as they are sealed, beside the way that they go.

Sealing only makes a hard link; the reading is done later, in a thread that leaves room for intake.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from tm_tui.clock import Clock
from tm_tui.errors import StorageFailed
from tm_tui.patterns.endpoints import Endpoint, Endpoints, endpoint_of
from tm_tui.service import Service
from tm_tui.settings.store import Revision
from tm_tui.spool.batch import Batch, BatchDamaged, is_name, unpack
from tm_tui.spool.store import Spool
from tm_tui.tasks import threaded
from tm_tui.text import safe_text

__all__ = ["EndpointReader"]

_log = logging.getLogger(__name__)

_KIND = "threat-event"
_MOST_WAITING = 2000
_REST = 2.0
"""Seconds between two readings: what was sealed meanwhile is read together."""
_LINES_AT_ONCE = 200
_BREATH = 0.002
_FRESH = 15.0


class EndpointReader(Service):
    """A task of the agent, which needs no settings."""

    name = "endpoint reader"

    def __init__(self, folder: Path, spool: Spool, *, changed: Callable[[], None], clock: Clock) -> None:
        self.endpoints = Endpoints(folder)
        self._folder = folder
        self._links = folder / "unread"
        self._spool, self._changed, self._clock = spool, changed, clock
        self._sealed = asyncio.Event()
        self._reading = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._fresh_at: float | None = None
        self._failed = False
        spool.sealed = self.sealed

    def sealed(self, path: Path, batch: Batch) -> None:
        """A batch lies at `path`, and may be delivered and gone soon: keep a link. Called in any thread."""
        if batch.kind != _KIND:
            return
        self._link(path)
        with suppress(RuntimeError):  # the loop has ended: it is read after the next start
            self._loop.call_soon_threadsafe(self._sealed.set)

    def _link(self, path: Path) -> None:
        with suppress(OSError):  # no room, or there already; then only the list of endpoints is poorer
            os.link(path, self._links / path.name)

    async def work(self, _revision: Revision) -> None:
        """Read what is sealed, until cancelled."""
        async with self._reading:
            try:
                await threaded(self._begin, self._spool.batches())
            except (OSError, StorageFailed) as failed:
                _log.warning("What was known of endpoints cannot be read: %s", safe_text(str(failed)))
        while True:
            self._sealed.clear()
            await self._read()
            await self._sealed.wait()
            await self._clock.wait(asyncio.Event(), _REST)

    async def fresh(self) -> Endpoints:
        """The endpoints with what was accepted up to now, or a few seconds ago."""
        now = self._clock.monotonic()
        if self._fresh_at is None or now - self._fresh_at > _FRESH:
            self._fresh_at = now
            with suppress(StorageFailed):  # a full disk: what is sealed already must do
                await self._spool.seal()
        await self._read()
        return self.endpoints

    def note(self, endpoint: Endpoint) -> None:
        """Something newer than any event is known of an endpoint."""
        self.endpoints.note([endpoint])
        self._changed()

    async def _read(self) -> None:
        async with self._reading:
            try:
                changed = await threaded(self._read_all)
            except OSError as failed:  # the disk; what was known before stays
                if not self._failed:
                    _log.warning("Sealed logs cannot be read for endpoints: %s", safe_text(str(failed)))
                self._failed, changed = True, False
            else:
                self._failed = False
            if changed:
                self._changed()

    # --- in a thread

    def _begin(self, batches: tuple[Batch, ...]) -> None:
        self._links.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.endpoints.load()
        for batch in batches:
            if batch.kind == _KIND and batch.last > self.endpoints.upto:
                self._link(self._spool.folder / batch.name)

    def _read_all(self) -> bool:
        if not self._links.is_dir():
            return False
        paths = sorted(path for path in self._links.iterdir() if is_name(path.name))
        for path in paths[: max(0, len(paths) - _MOST_WAITING)]:
            path.unlink()
        paths = paths[-_MOST_WAITING:]
        for path in paths:
            with suppress(BatchDamaged, OSError):  # delivery deals with it, and tells
                self._read_one(path)
        if paths:
            try:
                self.endpoints.save()
            except StorageFailed as failed:
                _log.warning("Endpoints are not kept. %s %s", failed.cause, failed.remedy)
                return True
            for path in paths:
                path.unlink(missing_ok=True)
        return bool(paths)

    def _read_one(self, path: Path) -> None:
        sealed_at = path.stat().st_mtime
        lines: Iterator[bytes] = iter(unpack(path.read_bytes()).splitlines())
        while some := list(islice(lines, _LINES_AT_ONCE)):
            found = [one for line in some if (one := endpoint_of(line, sealed_at)) is not None]
            self.endpoints.note(found)
            if found:
                self.endpoints.upto = max(self.endpoints.upto, found[-1].seq)
            time.sleep(_BREATH)
