"""The service that brings packed cases to the status server, again and again until each is there."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

from tm_tui.cases.book import CaseBook
from tm_tui.cases.following import Following
from tm_tui.cases.record import Record
from tm_tui.cases.troubles import Troubles
from tm_tui.cases.tus import Tus
from tm_tui.cases.upload import PackDamaged, Progress, bring
from tm_tui.clock import Clock
from tm_tui.errors import StorageFailed, TmError
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.build import build_links
from tm_tui.link.failures import LinkFailure
from tm_tui.link.host_keys import HostKeys
from tm_tui.link.https import LinkClient, https_client
from tm_tui.pace import Chance, wait_until
from tm_tui.settings.store import Revision

__all__ = ["CaseUploads", "UploadState"]

_log = logging.getLogger(__name__)

_LONGEST_WAIT = 3600.0
_REGISTRATION_SECONDS = 10.0
_MOST_METADATA = 2000

UploadState = Literal["disabled", "idle", "sending", "retrying", "paused"]


class CaseUploads:
    """As the supervisor wants it: one upload at a time, the oldest case first."""

    name = "upload of cases"

    def __init__(
        self,
        appliance: str,
        host_keys: HostKeys,
        book: CaseBook,
        bandwidth: Bandwidth,
        *,
        changed: Callable[[], None],
        clock: Clock,
        chance: Chance = random.random,
        registration_known: Callable[[], bool] = lambda: True,
    ) -> None:
        self._appliance, self._host_keys, self._book = appliance, host_keys, book
        self._bandwidth, self._changed, self._clock, self._chance = bandwidth, changed, clock, chance
        self._registration_known = registration_known
        self._revision: Revision | None = None
        self._wake = asyncio.Event()
        self.troubles = Troubles(clock, chance)
        self.progress: dict[int, Progress] = {}
        """The upload that is under way, if any, by the case's number."""

    # --- as the supervisor wants it

    def concerns(self, revision: Revision) -> object:
        """The way to the status server. Its limits are followed without beginning anew."""
        settings = revision.settings
        tmsp, server = settings.tmsp, settings.tmsp.status_server
        proxy = settings.proxy.model_dump() if settings.proxy.enabled else None
        mine = (tmsp.enabled, tmsp.username, tmsp.heartbeat_seconds, server.host, server.port)
        return (*mine, proxy, revision.secrets, revision.ca_pem)

    def prepare(self, revision: Revision) -> None:
        """What failed before may work now."""
        self._revision, self.progress = revision, {}
        self.troubles.forget()

    def alerts(self) -> tuple[str, ...]:
        """What an admin must know now."""
        paused = self.troubles.paused
        if paused is None:
            return ()
        return (f"Uploading cases is paused. {paused.cause} Save other settings, or send now.",)

    async def run(self) -> None:
        """Upload until cancelled; nothing to do when sending is switched off."""
        revision = self._revision
        if revision is None or not revision.settings.tmsp.enabled:
            return
        links = build_links(revision, self._host_keys)
        try:
            client = https_client(links.status_server, bandwidth=self._bandwidth)
        except LinkFailure as unusable:  # the CA file: other settings can help, trying again cannot
            self.troubles.paused = unusable
            self._changed()
            return
        interval = revision.settings.tmsp.heartbeat_seconds
        async with client:
            await self._wait_for_registration()
            following = Following(
                client,
                self._appliance,
                self._book,
                interval=interval,
                clock=self._clock,
                chance=self._chance,
            )
            tasks = {asyncio.create_task(following.run(), name="fate of cases")}
            tasks.add(asyncio.create_task(self._upload_all(client, following.again), name=self.name))
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:  # only a bug ends one
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    async def _wait_for_registration(self) -> None:
        moment = self._clock.monotonic() + _REGISTRATION_SECONDS
        while not self._registration_known():
            self._wake.clear()
            if not await wait_until(self._clock, moment, self._wake):
                return

    # --- from outside

    def state(self, *, enabled: bool) -> UploadState:
        """One word for it."""
        if not enabled:
            return "disabled"
        if self.troubles.paused is not None:
            return "paused"
        if self.progress:
            return "sending"
        return "retrying" if self.troubles.any() else "idle"

    def send_now(self) -> None:
        """Try at once what waits for another try, and what is paused."""
        self.troubles.forget()
        self.wake()

    def wake(self) -> None:
        """Something outside changed: look again."""
        self._wake.set()
        self._book.announce()

    # --- the task

    async def _upload_all(self, client: LinkClient, asked: asyncio.Event) -> None:
        while True:
            news = self._book.news()
            record, wait = self._next()
            if record is None:
                self._changed()
                moment = self._clock.monotonic() + (wait if wait is not None else _LONGEST_WAIT)
                await wait_until(self._clock, moment, news)
                continue
            if await self._attempt(client, record):
                asked.set()

    def _next(self) -> tuple[Record | None, float | None]:
        """The case that is due, or the seconds until one is."""
        if self.troubles.paused is not None:
            return None, None
        open_ones = [
            record
            for record in reversed(self._book.records())
            if record.state == "waiting" or (record.state == "cancelled" and record.location)
        ]
        self.troubles.keep({record.number for record in open_ones})
        due = next((record for record in open_ones if not self.troubles.wait(record.number)), None)
        return due, self.troubles.soonest()

    async def _attempt(self, client: LinkClient, record: Record) -> bool:
        """Try one case once. True if it arrived."""
        progress = Progress(record.packed_bytes, self._clock.monotonic, self._changed)
        work = (
            self._ended(client, record)
            if record.state == "cancelled"
            else self._brought(client, record, progress)
        )
        if record.state == "waiting":
            self.progress = {record.number: progress}
        task = asyncio.ensure_future(work)
        try:
            await self._watch(task, record)
            await task
        except (LinkFailure, StorageFailed) as problem:
            await self._failed(record, problem, moved=progress.counted > 0)
            return False
        except asyncio.CancelledError:
            if task.done() and self._given_up(record):
                return False  # the admin cancelled it, not the supervisor us
            raise
        finally:
            self.progress = {}
            self._changed()
        self.troubles.over(record.number)
        return record.state == "waiting"

    async def _watch(self, task: "asyncio.Future[None]", record: Record) -> None:
        """Wait for its end; an admin's cancel ends it too."""
        try:
            while not task.done():
                await _either(task, self._book.news())
                if self._given_up(record) and not task.done():
                    task.cancel()
                    await asyncio.wait({task})
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    def _given_up(self, record: Record) -> bool:
        return record.state != "cancelled" == self._book.get(record.number).state

    async def _brought(self, client: LinkClient, record: Record, progress: Progress) -> None:
        async def keep(location: str) -> None:
            server = client.link.endpoint.authority
            await self._book.change(record.number, location=location, server=server)

        await bring(
            Tus(client),
            record,
            self._book.pack_of(record),
            _about(record, self._appliance),
            server=client.link.endpoint,
            rate=self._bandwidth.upload.rate,
            keep=keep,
            progress=progress,
        )
        await self._book.change(record.number, state="submitted")
        _log.info("Case %d is at the portal, whole: %d bytes.", record.number, record.packed_bytes)

    async def _ended(self, client: LinkClient, record: Record) -> None:
        """Tell the server that a case was given up. One that it has whole is submitted after all."""
        tus = Tus(client)
        here = record.server == client.link.endpoint.authority
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
                    record.number, state="failed", cause=problem.cause, remedy=problem.remedy
                )
                return
        others = [one for one in self._book.records() if one.open]
        if self.troubles.met(record, problem, others, moved=moved):
            code = getattr(problem, "code", "storage")
            _log.warning(
                "Case %d is not uploaded yet (%s). %s %s", record.number, code, problem.cause, problem.remedy
            )


async def _either(task: "asyncio.Future[None]", event: asyncio.Event) -> None:
    happened = asyncio.create_task(event.wait())
    both: set[asyncio.Future[Any]] = {task, happened}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        happened.cancel()


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
