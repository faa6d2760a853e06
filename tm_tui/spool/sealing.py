"""Puts waiting events into batches, and does not forget what it could not do."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from tm_tui.errors import StorageFailed
from tm_tui.spool.batch import Batch
from tm_tui.spool.events import KINDS, EventKind
from tm_tui.spool.opening import OpenSpool
from tm_tui.tasks import outcome, threaded

__all__ = ["BUG", "Hook", "Sealer"]

_log = logging.getLogger(__name__)

BUG = StorageFailed(
    "Work on the log queue failed by a programming error and is tried again.", "Look into the agent's log."
)

Hook = Callable[[Path, Batch], None]
"""Told, in a thread, of each batch that is made of new events, before it can be delivered."""


class Owner(Protocol):
    """Whose batches are sealed."""

    @property
    def folder(self) -> Path:
        """Where the sealed batches lie."""

    sealed: Hook
    changed: Callable[[], None]
    """Called after each batch."""


class Sealer:
    """Seals one batch after the other."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._sealing = asyncio.Lock()
        self._failure: StorageFailed | None = None
        self._owed = False
        """All that waits should be sealed, and could not be."""
        self._bug: BaseException | None = None

    def notes(self) -> tuple[str, ...]:
        """What an admin must know until it works again."""
        found = () if self._failure is None else (f"Events are not in a batch yet. {self._failure}",)
        return found if self._bug is None else (*found, str(BUG))

    async def seal(self, spool: OpenSpool, *, everything: bool) -> None:
        """See `Spool.seal`."""
        async with self._sealing:
            everything = everything or self._owed
            try:
                for kind in KINDS:
                    upto = spool.core.next_seq
                    while await self._seal_one(spool, kind, upto, everything=everything):
                        self._owner.changed()
            except StorageFailed as failure:
                self._failure, self._owed = failure, everything
                self._owner.changed()
                raise
            self._failure, self._owed = None, False

    async def end(self) -> None:
        """Return once nothing is being sealed."""
        async with self._sealing:
            return

    async def _seal_one(self, spool: OpenSpool, kind: EventKind, upto: int, *, everything: bool) -> bool:
        core, writer = spool.core, spool.writer
        chunks = await writer.call(partial(core.choose, kind, everything=everything))
        if not chunks or chunks[0].first >= upto:
            return False
        written = await threaded(core.write, chunks)
        if written is not None:
            await self._tell(written[0])
        await writer.call(partial(core.record, chunks, written))
        return True

    async def _tell(self, batch: Batch) -> None:
        """Whoever wants to know of a batch and fails does not hold up the logs; it is a bug, and is told."""
        self._bug = await outcome(threaded(self._owner.sealed, self._owner.folder / batch.name, batch))
        if self._bug is not None:
            _log.error("A sealed batch could not be told of: a programming error.", exc_info=self._bug)
