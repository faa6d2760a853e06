"""How a case arrives: chunk by chunk, each checked and kept before its offset counts; then whole."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tm_tui.portal import appliances, cases, doomed
from tm_tui.portal.blobs.files import FileBlobs
from tm_tui.portal.blobs.store import BlobAbsent, BlobsFailed
from tm_tui.portal.case_files import CaseFiles
from tm_tui.portal.case_parts import CaseParts, Checksum, too_many
from tm_tui.portal.cases import NewUpload, Upload
from tm_tui.portal.core import Portal
from tm_tui.portal.refusals import Refused, storage_refused
from tm_tui.portal.turns import turn
from tm_tui.tasks import threaded

__all__ = ["MOST_BYTES", "CaseStore", "gone"]

MOST_BYTES = 8 << 30
_TURN_SECONDS = 5.0
_LOOK_SECONDS = 0.5
"""So often an upload in progress asks whether a newer request came."""
_ABANDONED_AFTER = 7 * 86400


def _taken_over() -> Refused:
    return Refused(423, "locked", "A newer request took over.", "Ask for the offset.")


def _check(found: Upload, offset: int) -> None:
    if offset != found.arrived:
        cause = f"The upload stands at {found.arrived}."
        raise Refused(409, "wrong-offset", cause, "Ask for the offset and go on there.")


async def _nothing_more(found: Upload, chunks: AsyncIterator[bytes]) -> None:
    async for chunk in chunks:
        if chunk:
            raise too_many(found.bytes)


def gone() -> Refused:
    """No upload has this name (any more)."""
    return Refused(404, "no-such-upload", "There is no such upload.", "Create it anew.")


class CaseStore:
    """The cases of one running portal: how far each is. `CaseFiles` or `CaseParts` keeps their bytes."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._bytes: CaseFiles | CaseParts
        if isinstance(portal.blobs, FileBlobs):
            self._bytes = CaseFiles(portal.blobs.root / "cases")
        else:
            self._bytes = CaseParts(portal.blobs, portal.home.incoming)

    async def create(self, new: NewUpload) -> Upload:
        """Begin an upload. Raises Refused: unknown or another's appliance, too large, no room."""
        call = self._portal.database.call
        await self._portal.database.read(appliances.check_sender, new.appliance, new.account)
        if new.bytes > MOST_BYTES:
            cause = f"A case has at most {MOST_BYTES} bytes."
            raise Refused(413, "too-large", cause, "Submit fewer files.")
        if await asyncio.to_thread(self._bytes.room) < new.bytes:
            cause = "The portal's disk has no room for this case."
            raise Refused(507, "disk-full", cause, "Make room on it; the case may come again.")
        made = await call(cases.begin, new, self._portal.clock.now())
        return await self._settled(made)

    async def find(self, upload: str, account: str) -> Upload:
        """How far it is. Raises Refused: 404, 403 for an upload of another account's appliance."""
        found = await self._found(upload)
        await self._portal.database.read(appliances.check_owner, found.appliance, account)
        return found

    async def _found(self, upload: str) -> Upload:
        found = await self._portal.database.read(cases.upload_of, upload)
        if found is None:
            raise gone()
        return found

    async def append(
        self, upload: str, account: str, offset: int, chunks: AsyncIterator[bytes], checksum: Checksum | None
    ) -> int:
        """Take the bytes of one PATCH; the new offset. Raises Refused: 403, 404, 409, 413, 423, 460, 507."""
        _check(await self.find(upload, account), offset)  # neither ends the request that is under way
        async with self._alone(upload) as mine:
            found = await self._found(upload)
            _check(found, offset)
            if found.arrived < found.bytes:
                async with self._until_newer(upload, mine):
                    arrived = await self._appended(found, mine, chunks, checksum)
                    await self._count(upload, mine, arrived)
                found = await self._found(upload)
            else:
                await _nothing_more(found, chunks)
            await self._settled(found)
            return found.arrived

    async def _appended(
        self, found: Upload, mine: str, chunks: AsyncIterator[bytes], checksum: Checksum | None
    ) -> int:
        async def broken_off(arrived: int) -> None:
            with contextlib.suppress(Refused):  # it does not count then, and comes again
                await self._count(found.upload, mine, arrived)

        try:
            return await self._bytes.append(found, chunks, checksum, broken_off)
        except BlobAbsent:  # as after a backup was restored, which holds no half upload
            await self._drop(found)
            raise gone() from None
        except OSError as error:
            raise storage_refused(error) from None

    async def _count(self, upload: str, mine: str, arrived: int) -> None:
        now = self._portal.clock.now()
        if not await self._portal.database.call(cases.advance, upload, mine, arrived, now):
            raise _taken_over()

    async def remove(self, upload: str, account: str) -> None:
        """Give up an upload. A whole one is a case and stays. Raises Refused (404, 403)."""
        await self.find(upload, account)
        async with self._alone(upload):
            found = await self._found(upload)
            if not await self._drop(found):
                cause = "This upload is whole and became a case."
                raise Refused(403, "is-a-case", cause, "Ask the portal's operator to set it aside.")

    async def _drop(self, found: Upload) -> bool:
        """False: it has become a case meanwhile, and stays."""
        call = self._portal.database.call
        if not await call(cases.remove, found.upload):
            return False
        try:
            await asyncio.to_thread(self._bytes.drop, found.upload)
        except BlobsFailed:  # the sweep does it
            await call(doomed.doom, [f"cases/{found.upload}/"])
        return True

    @asynccontextmanager
    async def _alone(self, upload: str) -> AsyncIterator[str]:
        """One at a time, whichever processes they came to; yields the turn's name.

        Where the older request is under way, it ends: its connection is most likely dead.
        """
        mine = new_name()
        await self._portal.database.call(cases.begin_turn, upload, mine)
        async with contextlib.AsyncExitStack() as stack:
            try:
                held = turn(self._portal.home.turns, upload, _TURN_SECONDS, self._portal.clock)
                await stack.enter_async_context(held)
            except TimeoutError:
                cause = "The upload is being written to."
                raise Refused(423, "locked", cause, "Try again soon.") from None
            except OSError as error:
                raise storage_refused(error) from None
            yield mine

    @asynccontextmanager
    async def _until_newer(self, upload: str, mine: str) -> AsyncIterator[None]:
        """End the block with 423 when a newer request comes."""
        try:
            async with asyncio.timeout(None) as ends:
                looking = asyncio.create_task(self._look(upload, mine, ends))
                try:
                    yield
                finally:
                    looking.cancel()
        except TimeoutError:
            raise _taken_over() from None

    async def _look(self, upload: str, mine: str, ends: asyncio.Timeout) -> None:
        ours, never = True, asyncio.Event()
        while ours:
            await self._portal.clock.wait(never, _LOOK_SECONDS)
            with contextlib.suppress(Refused):  # the database is away: the bytes may count yet
                ours = await self._portal.database.read(cases.has_turn, upload, mine)
        ends.reschedule(asyncio.get_running_loop().time())

    async def _settled(self, found: Upload) -> Upload:
        """Once all bytes are there: check the whole, number it, put it under its name."""
        if found.number is not None or found.arrived < found.bytes:
            return found
        if not await asyncio.to_thread(self._bytes.is_whole, found):
            if not await self._drop(found):  # another process was quicker
                return await self._found(found.upload)
            cause = "The case is not what was announced, or a part of it is lost."
            raise Refused(422, "damaged", cause, "Check the file, then send it again from the start.")
        case = await self._portal.database.call(cases.complete, found.upload, self._portal.clock.now())
        await threaded(self._bytes.finish, case)
        self._portal.log.say("case-received", case=cases.case_id(case.number or 0), bytes=case.bytes)
        return case

    async def catch_up(self) -> None:
        """Finish what a crash interrupted, and sweep uploads that nobody went on with for a week."""
        oldest = self._portal.clock.now().timestamp() - _ABANDONED_AFTER
        for found in await self._portal.database.call(cases.uploads):
            if found.number is not None:
                await threaded(self._bytes.finish, found)
            elif found.arrived == found.bytes:
                try:
                    await self._settled(found)
                except Refused as refused:
                    self._portal.log.say("case-dropped", upload=found.upload, cause=refused.cause)
                except BlobsFailed as error:  # its sender comes again, or the next start
                    self._portal.log.say("case-not-finished", upload=found.upload, cause=error.why)
            elif found.touched_at < oldest:
                await self._drop(found)


def new_name() -> str:
    """A name for an upload that nobody can guess."""
    return secrets.token_hex(16)
