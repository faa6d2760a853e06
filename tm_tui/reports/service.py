"""Keeps the reports of TMSP coming: after a notice and after each (re)connection the list is compared."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tm_tui.api.reports import ReportInfo, ReportsStatus
from tm_tui.api.shapes import Unreadable
from tm_tui.clock import Clock, wait_until
from tm_tui.errors import TmError
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.build import build_links, status_server_way
from tm_tui.link.failures import LinkFailure
from tm_tui.link.host_keys import HostKeys
from tm_tui.link.https import LinkClient, https_client
from tm_tui.link.trying_again import HOUR, Subject, meaning_of
from tm_tui.reports.fetch import fetch_report, list_reports
from tm_tui.reports.protocol import NOTICE_KIND
from tm_tui.reports.store import KeptReport, ReportStore
from tm_tui.retry import Chance, Retry, code_of
from tm_tui.service import Service
from tm_tui.settings.store import Revision
from tm_tui.status_server.protocol import Notice
from tm_tui.tasks import threaded

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["ReportService"]

_log = logging.getLogger(__name__)

_TELL_SECONDS = 1.0


class ReportService(Service):
    """Fetches under the settings in force. What was fetched stays when TMSP is switched off."""

    name = "reports"

    def __init__(
        self,
        appliance: str,
        host_keys: HostKeys,
        store: ReportStore,
        bandwidth: Bandwidth,
        *,
        changed: Callable[[], None],
        clock: Clock,
        chance: Chance = random.random,
    ) -> None:
        self._appliance, self._host_keys, self._store = appliance, host_keys, store
        self._bandwidth, self._changed = bandwidth, changed
        self._clock, self._chance = clock, chance
        self._wanted = asyncio.Event()
        self._retry = self._nothing_failed()
        self._disk = asyncio.Lock()
        self._enabled = False
        self._connected = self._fetching = False
        self._checked_at: datetime | None = None

    # --- as the supervisor wants it

    def concerns(self, revision: Revision) -> object:
        """The way to the status server."""
        return status_server_way(revision)

    def prepare(self, revision: Revision) -> None:
        """Forget how it stood with the server before."""
        self._enabled = revision.settings.tmsp.enabled
        self._connected = self._fetching = False
        self._checked_at, self._retry = None, self._nothing_failed()

    def _nothing_failed(self) -> Retry:
        return Retry(self._clock, self._chance, log=_log, disk="reports")

    def alerts(self) -> tuple[str, ...]:
        """What an admin must know now."""
        problem = self._store.problem
        return (f"{problem.cause} {problem.remedy}",) if problem else ()

    async def work(self, revision: Revision) -> None:
        """Fetch what is there and not kept, whenever there is a reason to look, until cancelled."""
        if not revision.settings.tmsp.enabled:
            return
        links = build_links(revision, self._host_keys)
        try:
            client = https_client(links.status_server, bandwidth=self._bandwidth)
        except LinkFailure as unusable:  # the CA file; other settings can help, trying again cannot
            self._failed(unusable)
            return
        async with client:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                wait = await self._look(client)
                if wait is not None:
                    await wait_until(self._clock, self._clock.monotonic() + wait, self._wanted)
                    self._wanted.set()

    # --- reasons to look

    def noticed(self, notices: Iterable[Notice]) -> None:
        """The status server announced something; a report of whatever id is a reason."""
        if any(notice.kind == NOTICE_KIND for notice in notices):
            self._wanted.set()

    def connection(self, *, connected: bool) -> None:
        """Whether beats are accepted: each time they begin to be, a notice may have been missed."""
        before, self._connected = self._connected, connected
        if connected and not before:
            self._wanted.set()

    def beat_accepted(self) -> None:
        """The status server takes the credentials: if it refused them before, it is asked again."""
        if self._retry.beat_accepted():
            self._wanted.set()

    # --- at work

    async def _look(self, client: LinkClient) -> float | None:
        """Compare and fetch. Returns after how many seconds to try again, None when it went well."""
        self._fetching = True
        self._changed()
        try:
            await self._fetch_missing(client)
        except TmError as problem:
            return self._failed(problem)
        else:
            self._checked_at = self._clock.now()
            self._retry.succeeded()
            return None
        finally:
            self._fetching = False
            self._changed()

    async def _fetch_missing(self, client: LinkClient) -> None:
        """The newest first: it is what the admin was told of."""
        found = await list_reports(client, self._appliance, self._bandwidth)
        async with self._disk:
            await threaded(self._store.expire, self._clock.now())
        wrong: LinkFailure | None = None
        titles: list[str] = []
        told = self._clock.monotonic()
        for entry in found:
            if self._store.knows(entry.id):
                continue
            try:
                text = await fetch_report(client, entry, self._bandwidth)
            except LinkFailure as failure:
                if Subject.REPORT not in meaning_of(failure.code).alone:
                    raise
                wrong = wrong or failure
                continue
            if text is not None:
                async with self._disk:
                    await threaded(self._store.put, entry, text, self._clock.now())
                titles.append(entry.title)
                if self._clock.monotonic() - told >= _TELL_SECONDS:
                    told = self._clock.monotonic()
                    self._changed()
        if titles:
            _log.info("Reports fetched: %d, the newest: %s.", len(titles), titles[0])
        if wrong is not None:
            raise wrong

    def _failed(self, problem: TmError) -> float | None:
        wait = self._retry.failed(problem, "Reports are not fetched")
        self._changed()
        if meaning_of(code_of(problem)).absent:  # no reports here: a notice or connection begins anew
            return HOUR if self._checked_at is not None else None
        return wait

    # --- to look at, and to mark

    def reports(self) -> tuple[ReportInfo, ...]:
        """What is kept, the newest first."""
        return tuple(_info(one) for one in self._store.reports)

    def unreadable(self) -> tuple[Unreadable, ...]:
        """What the list on the disk says and nobody can read."""
        return tuple(Unreadable(what=one.what, cause=one.cause) for one in self._store.damaged)

    def status(self) -> ReportsStatus:
        """The status of this moment."""
        kept = self._store.reports
        return ReportsStatus(
            enabled=self._enabled,
            unread=sum(not one.read for one in kept),
            kept=len(kept),
            newest=_info(kept[0]) if kept else None,
            checked_at=self._checked_at,
            fetching=self._fetching,
            last_failure=self._retry.last,
        )

    async def text(self, number: int) -> str | None:
        """The Markdown of a report; None if there is none of this number. Raises StorageFailed."""
        async with self._disk:
            return await threaded(self._store.text, number)

    async def mark(self, numbers: Iterable[int], *, read: bool) -> None:
        """Mark reports as read or unread. Raises StorageFailed."""
        async with self._disk:
            changed = await threaded(self._store.mark, frozenset(numbers), read=read)
        if changed:
            self._changed()


def _info(one: KeptReport) -> ReportInfo:
    return ReportInfo(**{name: getattr(one, name) for name in ReportInfo.__struct_fields__})
