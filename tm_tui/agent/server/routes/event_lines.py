"""POST /v1/events: its body is taken line by line as it comes; memory stays bounded however long it is."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request

from tm_tui.agent.server.binding import Bound, bind
from tm_tui.api import calls
from tm_tui.api.spool import IntakeReply, RejectedLine
from tm_tui.errors import StorageFailed
from tm_tui.serving.refusals import Refused
from tm_tui.spool.disk import SpoolFull
from tm_tui.spool.intake import MOST_LINE_BYTES, Intake, Rejection
from tm_tui.spool.store import Spool

__all__ = ["event_route", "take_lines"]

_MOST_TOLD = 1000
_MOST_GATHERED = 512 << 10


def event_route(spool: Spool) -> Bound:
    """Make the route."""

    async def take(request: Request) -> IntakeReply:
        return await take_lines(spool, request.stream())

    return bind(calls.ADD_EVENTS, take)


async def take_lines(spool: Spool, stream: AsyncIterator[bytes]) -> IntakeReply:
    """Have every line on the disk, or say which is not, and why.

    Raises StorageFailed, SpoolFull as Refused, if nothing could be taken. Once something was, that is told,
    whatever happens to the others: who repeats all of it would hand in twice what has no id.
    """
    taking = _Taking(spool)
    try:
        async for part in stream:
            await taking.more(part)
        return await taking.end()
    finally:
        taking.stop()


class _Taking:
    """While some lines are on their way to the disk, the next ones gather, and go together."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._gathered = bytearray()
        self._before = 0
        """Lines that came before those under way."""
        self._under_way: asyncio.Task[Intake] | None = None
        self._lines: list[bytes] = []
        self._stopped: int | None = None
        """From which line on nothing was taken, once the disk has refused one,"""
        self._why: StorageFailed | None = None
        """and why."""
        self._accepted = self._more = 0
        self._told: list[Rejection] = []

    async def more(self, part: bytes) -> None:
        """Take the next bytes of the body."""
        self._gathered += part
        if len(self._gathered) > _MOST_GATHERED or self._under_way is None or self._under_way.done():
            await self._settle()
            end = self._gathered.rfind(b"\n") + 1
            self._begin(end)
            del self._gathered[MOST_LINE_BYTES + 1 :]  # a line without an end is cut just above the limit

    async def end(self) -> IntakeReply:
        """The body is complete: wait until the rest is accepted, and answer."""
        await self._settle()
        self._begin(len(self._gathered))
        await self._settle()
        rejected = tuple(RejectedLine(line=one.line, reason=one.reason) for one in self._told)
        return IntakeReply(
            accepted=self._accepted,
            rejected=rejected,
            rejected_more=self._more,
            not_taken_from=self._stopped,
        )

    def stop(self) -> None:
        """The producer hung up, or the queue takes nothing: nobody waits for the rest any more."""
        if self._under_way is not None:
            self._under_way.cancel()

    def _begin(self, end: int) -> None:
        """Take the first `end` bytes of what gathered."""
        if end:
            self._lines = bytes(self._gathered[:end]).removesuffix(b"\n").split(b"\n")
            del self._gathered[:end]
            if self._why is None:
                self._under_way = asyncio.create_task(self._spool.add(self._lines))
            else:
                self._reject(self._why)

    async def _settle(self) -> None:
        """Wait for what is under way, and note what became of it."""
        if self._under_way is None:
            return
        task, self._under_way = self._under_way, None
        try:
            intake = await task
        except StorageFailed as failure:
            if not self._accepted:
                if isinstance(failure, SpoolFull):
                    raise Refused(507, "spool-full", failure.cause, failure.remedy) from None
                raise
            self._why = failure
            self._reject(failure)
            return
        self._accepted += intake.accepted
        self._tell([Rejection(one.line + self._before, one.reason) for one in intake.rejected])
        if intake.stopped is not None:
            self._why, self._stopped = intake.why, self._before + intake.stopped
        self._before += len(self._lines)

    def _reject(self, failure: StorageFailed) -> None:
        if self._stopped is None:
            self._stopped = self._before + 1
        lines = enumerate(self._lines, self._before + 1)
        self._tell([Rejection(number, str(failure)) for number, line in lines if line.strip()])
        self._before += len(self._lines)

    def _tell(self, found: list[Rejection]) -> None:
        room = _MOST_TOLD - len(self._told)
        self._told += found[:room]
        self._more += len(found[room:])
