"""Sending the cases under one set of settings: the oldest first, each again and again until it is there.

What it knows belongs to it alone: other settings make another one, which nothing of this one reaches.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tm_tui.cases.case_records import CaseBook, Record
from tm_tui.cases.one_upload import PackDamaged, Progress, bring
from tm_tui.cases.status_questions import Following
from tm_tui.cases.troubles import Troubles
from tm_tui.cases.tus import Tus
from tm_tui.clock import Clock, wait_until
from tm_tui.errors import StorageFailed, TmError
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.failures import LinkFailure
from tm_tui.link.https import LinkClient
from tm_tui.retry import Chance
from tm_tui.spoken import size
from tm_tui.tasks import either, end

__all__ = ["CaseSending"]

_log = logging.getLogger(__name__)

_LOOK_AGAIN = 3600.0
_MOST_METADATA = 2000


class CaseSending:
    """`troubles` and `progress` are to look at; `interval` is that of the beats, in seconds."""

    def __init__(
        self,
        appliance: str,
        book: CaseBook,
        bandwidth: Bandwidth,
        *,
        interval: float,
        changed: Callable[[], None],
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._appliance, self._book, self._bandwidth = appliance, book, bandwidth
        self._changed, self._clock = changed, clock
        self.troubles = Troubles(clock, chance)
        self.following = Following(appliance, book, interval=interval, clock=clock, chance=chance)
        self.progress: dict[int, Progress] = {}
        """The upload that is under way, if any, by the case's number."""

    async def run(self, client: LinkClient) -> None:
        """Send and follow until cancelled."""
        following = self.following
        async with asyncio.TaskGroup() as group:
            group.create_task(following.run(client), name="fate of cases")
            group.create_task(self._send_all(client, following.again), name="upload of cases")

    async def _send_all(self, client: LinkClient, asked: asyncio.Event) -> None:
        tus = Tus(client)
        while True:
            news = self._book.news()
            record, wait = self._next()
            if record is None:
                self._changed()
                moment = self._clock.monotonic() + (wait if wait is not None else _LOOK_AGAIN)
                await wait_until(self._clock, moment, news)
                continue
            if await self._attempt(tus, record):
                asked.set()

    def _next(self) -> tuple[Record | None, float | None]:
        """The case that is due, or the seconds until one is."""
        open_ones = [
            record
            for record in reversed(self._book.records())
            if record.state == "waiting" or (record.state == "cancelled" and record.location)
        ]
        self.troubles.keep({record.number for record in open_ones})
        due = next((record for record in open_ones if not self.troubles.wait(record.number)), None)
        return due, self.troubles.soonest()

    async def _attempt(self, tus: Tus, record: Record) -> bool:
        """Try one case once. True if it arrived, or the server knows that it was given up."""
        progress = Progress(record.packed_bytes, self._clock.monotonic, self._changed)
        work = (
            self._ended(tus, record) if record.state == "cancelled" else self._brought(tus, record, progress)
        )
        if record.state == "waiting":
            self.progress = {record.number: progress}
        try:
            arrived = await self._unless_given_up(asyncio.create_task(work), record)
        except (LinkFailure, StorageFailed) as problem:
            await self._failed(record, problem, moved=progress.counted > 0)
            return False
        finally:
            self.progress = {}
            self._changed()
        if arrived:
            self.troubles.over(record.number)
        return arrived

    async def _unless_given_up(self, task: "asyncio.Task[None]", record: Record) -> bool:
        """Wait for its end, and raise what it raises. False: an admin cancelled the case, which ended it."""
        try:
            while not task.done() and not self._given_up(record):
                news = self._book.news()
                if not self._given_up(record):
                    await either(task, news)
        finally:
            if not task.done():
                await end({task})
        if self._given_up(record):
            return False
        if task.cancelled():
            raise RuntimeError("an upload was cancelled by nobody")
        task.result()
        return True

    def _given_up(self, record: Record) -> bool:
        return record.state != "cancelled" and self._book.state_of(record.number) in {"cancelled", None}

    async def _brought(self, tus: Tus, record: Record, progress: Progress) -> None:
        async def keep(location: str) -> None:
            await self._book.change(record.number, location=location, server=tus.endpoint.authority)

        await bring(
            tus,
            record,
            self._book.pack_of(record),
            _about(record, self._appliance),
            server=tus.endpoint,
            rate=self._bandwidth.upload.rate,
            keep=keep,
            progress=progress,
        )
        after = await self._book.change(record.number, only_in=("waiting",), state="submitted")
        if after.state != "submitted":  # given up at the last moment: the server is told
            return
        _log.info("Case %d is at the portal, whole: %s.", record.number, size(record.packed_bytes))

    async def _ended(self, tus: Tus, record: Record) -> None:
        """Tell the server that a case was given up. One that it has whole is submitted after all."""
        here = record.server == tus.endpoint.authority
        if here and not await tus.terminate(record.location):
            whole = await tus.offset(record.location, record.packed_bytes) == record.packed_bytes
            if whole:
                await self._book.change(record.number, state="submitted")
                return
        await self._book.change(record.number, location="")

    async def _failed(self, record: Record, problem: TmError, *, moved: bool) -> None:
        if isinstance(problem, PackDamaged):
            _log.error("Case %d. %s %s", record.number, problem.cause, problem.remedy)
            with suppress(StorageFailed):  # else it is found damaged once more
                await self._book.change(
                    record.number,
                    only_in=("waiting",),
                    state="failed",
                    cause=problem.cause,
                    remedy=problem.remedy,
                )
                return
        self.troubles.met(record.number, problem, moved=moved)


def _about(record: Record, appliance: str) -> dict[str, Any]:
    """The upload's metadata; the manifest inside says the same at full length."""
    told = {"endpoint": record.endpoint, "threat": record.threat, "description": record.description}
    return {
        "filename": f"case.{record.form}",
        "appliance": appliance,
        "key": record.key,
        "sha256": record.sha256,
        **{
            key: value.encode()[:_MOST_METADATA].decode(errors="ignore")
            for key, value in told.items()
            if value
        },
    }
