"""How an upload becomes a batch: written aside, checked, on the disk, then under its name, once."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from io import BufferedReader
from pathlib import Path
from typing import NoReturn

from tm_tui.clock import Clock
from tm_tui.portal import appliances, index
from tm_tui.portal.batch_file import MOST_BYTES, BatchName, Contents, checked_contents, too_large
from tm_tui.portal.blobs.store import BlobAbsent, BlobExists, Blobs
from tm_tui.portal.database import Database
from tm_tui.portal.home import PortalHome
from tm_tui.portal.log import PortalLog
from tm_tui.portal.reading import Collector, Portion
from tm_tui.portal.refusals import Refused, storage_refused

__all__ = ["AlreadyThere", "BatchStore", "blob_of"]

_WRITE_BYTES = 1 << 20
_MOST_FRESH, _MOST_FRESH_EVENTS = 32, 2000
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class AlreadyThere(Refused):
    """A batch of this name and content was received before: nothing to do, for the sender a success."""

    def __init__(self) -> None:
        super().__init__(412, "exists", "The batch is there already.", "Nothing is left to do.")


def other_content() -> Refused:
    """A different file lies under this name; it is not touched."""
    cause = "A different file lies under the name of this batch."
    return Refused(409, "other-content", cause, "Look at the portal's files.")


class BatchStore:
    """The batches of one running portal. Two at a time are checked, each on a thread."""

    def __init__(
        self, home: PortalHome, database: Database, blobs: Blobs, log: PortalLog, clock: Clock
    ) -> None:
        self._home = home
        self._database = database
        self._blobs = blobs
        self._log = log
        self._clock = clock
        self._turns = asyncio.Semaphore(2)
        self.arrived = asyncio.Event()
        """Set when there is a new batch in the index; who reads them clears it."""
        self._fresh: dict[str, list[Portion]] = {}

    def fresh(self, name: str) -> list[Portion]:
        """What a small batch says that came just now: it was unpacked once. Empty: read its file."""
        return self._fresh.pop(name, [])

    def aside(self) -> Path:
        """A fresh place for what is not yet a batch."""
        return self._home.incoming / f"{secrets.token_hex(16)}.part"

    async def receive(self, name: BatchName, account: str, chunks: AsyncIterator[bytes]) -> Contents:
        """Take a batch of one of the account's appliances as it streams in. Raises AlreadyThere, Refused."""
        await self._database.read(appliances.check_sender, name.appliance, account)
        part = self.aside()
        try:
            if (there := await asyncio.to_thread(self._there, name)) is not None:
                await _repeated(there, chunks)
            await self._write(part, chunks)
            return await self.settle(part, name)
        except AlreadyThere:
            await self.enter(name)
            raise
        except OSError as error:
            raise storage_refused(error) from None
        finally:
            part.unlink(missing_ok=True)

    async def _write(self, part: Path, chunks: AsyncIterator[bytes]) -> None:
        size, pending = 0, bytearray()
        with os.fdopen(os.open(part, _NEW_FILE, 0o600), "wb", buffering=0) as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > MOST_BYTES:
                    raise too_large()
                pending += chunk
                if len(pending) >= _WRITE_BYTES:
                    await asyncio.to_thread(_write_all, file.fileno(), bytes(pending))
                    pending.clear()
            _write_all(file.fileno(), bytes(pending))

    async def settle(self, part: Path, name: BatchName) -> Contents:
        """Check `part` and give it its name. Raises AlreadyThere, Refused, OSError; then `part` stays.

        Refused also when the database cannot take it: it is there, and counts once it is sent again.
        """
        if await self._database.read(index.is_swept, name.text):
            await asyncio.to_thread(_check, part, name)
            raise AlreadyThere
        now = self._clock.now()
        collector = Collector(now, _MOST_FRESH_EVENTS)
        async with self._turns:
            contents = await asyncio.to_thread(self._settle, part, name, collector)
        if contents.kind in index.READ and len(self._fresh) < _MOST_FRESH:
            self._fresh[name.text] = collector.portions
        await self._database.call(index.add, name, contents, now)
        self.arrived.set()
        return contents

    async def enter(self, name: BatchName) -> None:
        """It lies there; a process that was killed then may not have said so in the index. Raises Refused."""
        if await self._database.read(index.named, name.text) is not None:
            return
        contents = await asyncio.to_thread(self._contents, name)
        await self._database.call(index.add, name, contents, self._clock.now())
        self._log.say("entered-late", batch=name.text)
        self.arrived.set()

    def _contents(self, name: BatchName) -> Contents:
        with self._blobs.open(blob_of(name)) as file:
            return checked_contents(file, name)

    def _settle(self, part: Path, name: BatchName, collector: Collector) -> Contents:
        self._look(part, name)  # first: what lies there is the news, whatever came
        with part.open("rb") as file:
            contents = checked_contents(file, name, collector.add)
            os.fsync(file.fileno())
        # an appliance sees its folder over SSH, wherever the blobs are
        (self._home.logs / name.appliance).mkdir(mode=0o700, exist_ok=True)
        try:
            self._blobs.put(blob_of(name), part)
        except BlobExists:
            self._look(part, name)
            raise
        return contents

    def _there(self, name: BatchName) -> BufferedReader | None:
        """The batch, if it is there. Raises OSError."""
        try:
            return self._blobs.open(blob_of(name))
        except BlobAbsent:
            return None

    def _look(self, part: Path, name: BatchName) -> None:
        """Raises AlreadyThere or Refused when something lies there."""
        if (there := self._there(name)) is None:
            return
        with there, part.open("rb") as file:
            while piece := file.read(_WRITE_BYTES):
                if there.read(len(piece)) != piece:
                    raise other_content()
            raise other_content() if there.read(1) else AlreadyThere


def blob_of(name: BatchName) -> str:
    """The name of the blob that a batch is."""
    return index.blob_of(name.appliance, name.text)


def _check(part: Path, name: BatchName) -> None:
    """Whether it is what its name says. Raises Refused, OSError."""
    with part.open("rb") as file:
        checked_contents(file, name)


async def _repeated(there: BufferedReader, chunks: AsyncIterator[bytes]) -> NoReturn:
    """Read what comes beside what is there. Raises AlreadyThere, Refused at the first difference, OSError."""
    with there as file:
        async for chunk in chunks:
            if await asyncio.to_thread(file.read, len(chunk)) != chunk:
                raise other_content()
        if await asyncio.to_thread(file.read, 1):
            raise other_content()
    raise AlreadyThere


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
