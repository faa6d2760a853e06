"""The agent without its process: settings in force, services, and what the control socket asks of them."""

import asyncio
import logging
import random
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Self

from tm_tui.agent.cases import Cases
from tm_tui.agent.identity import appliance_name
from tm_tui.agent.log_delivery import LogDelivery
from tm_tui.agent.snapshot import snapshot, spool_status
from tm_tui.agent.supervisor import Supervisor
from tm_tui.agent.throttle import Throttle
from tm_tui.cases.book import CaseBook
from tm_tui.cases.desk import CaseDesk
from tm_tui.clock import Clock, SystemClock
from tm_tui.control.activity import Activity
from tm_tui.control.api import AgentStatus, ServerState
from tm_tui.control.core import Changed, SecretsByName
from tm_tui.delivery.service import DeliveryService
from tm_tui.errors import StorageFailed, TmError
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.host_keys import HostKeys
from tm_tui.pace import Chance
from tm_tui.paths import Home
from tm_tui.patterns.custom_patterns import CustomPatterns
from tm_tui.reports.service import ReportService
from tm_tui.reports.store import ReportStore
from tm_tui.settings.differences import differences
from tm_tui.settings.model import Settings
from tm_tui.settings.store import Revision, SettingsStore
from tm_tui.spool.quota import quota_of
from tm_tui.spool.store import Spool
from tm_tui.status_server.heartbeat import Facts
from tm_tui.status_server.protocol import Notice
from tm_tui.status_server.service import StatusServerService

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Agent"]

_log = logging.getLogger(__name__)

_MOST_FIELDS = 8
_NUMBER = re.compile(r"\d+")


class Agent:
    """Owns one home (its folders are there, its lock is held). Opened by `Agent.open`."""

    def __init__(
        self, home: Home, appliance: str, spool: Spool, cases: CaseBook, *, clock: Clock, chance: Chance
    ) -> None:
        self.clock = clock
        self.changed = Changed()
        self.stopping = asyncio.Event()
        self.store = SettingsStore(home.config)
        self.host_keys = HostKeys(home.config / "host_keys")
        self.appliance = appliance
        self.spool = spool
        loaded = self.store.load()
        self.activity = Activity(clock)
        self._started = self.clock.monotonic()
        self._saving = asyncio.Lock()
        self.revision: Revision
        self._problem: TmError | None
        announce = self.changed.announce
        self._busy = Throttle(self._spool_changed)
        self._spool_alerts: frozenset[str] = frozenset()
        self._registered_at: datetime | None = None
        self.bandwidth = Bandwidth()
        self._status_server = StatusServerService(
            appliance,
            self.host_keys,
            self._facts,
            changed=self._registration_moved,
            noticed=self._noticed,
            clock=clock,
            chance=chance,
        )
        self._log_server = LogDelivery(
            appliance,
            self.host_keys,
            spool,
            changed=self._busy,
            clock=clock,
            chance=chance,
            registration_known=self._registration_known,
        )
        self.patterns = self._custom_patterns(home, chance)
        store = ReportStore(home.state / "reports")
        store.load()
        self.reports = ReportService(
            appliance, self.host_keys, store, self.bandwidth, changed=announce, clock=clock, chance=chance
        )
        self._cases = Cases(home, self, cases, chance)
        more = (*self._cases.services, *self.patterns.services, self.reports)
        services = (self._status_server, self._log_server, *more)
        self._supervisor = Supervisor(services, announce, clock, chance)
        spool.changed = self._busy
        self._spool_changed()
        self._adopt(loaded.revision, loaded.problem)

    @classmethod
    async def open(cls, home: Home, *, clock: Clock | None = None, chance: Chance = random.random) -> Self:
        """Open log queue and cases, and begin.

        Raises StorageFailed when the folders or the appliance's name cannot be trusted, or the log queue is
        another process's or cannot be used. A damaged queue is set aside, and told in the alerts.
        """
        clock = clock or SystemClock()
        appliance = appliance_name(home.state)
        spool = await Spool.open(home.state / "spool", appliance, clock=clock)
        try:
            cases = await asyncio.to_thread(CaseBook.open, home.state / "cases")
            return cls(home, appliance, spool, cases, clock=clock, chance=chance)
        except BaseException:
            await spool.close()
            raise

    def _custom_patterns(self, home: Home, chance: Chance) -> CustomPatterns:
        return CustomPatterns(
            home,
            self.appliance,
            self.host_keys,
            self.spool,
            bandwidth=self.bandwidth,
            changed=self._busy,
            clock=self.clock,
            chance=chance,
        )

    async def stop(self) -> None:
        """End streams and services, a beat that is under way too."""
        self.stopping.set()
        await asyncio.gather(self._supervisor.stop(), self.patterns.stop())

    async def close(self) -> None:
        """Close the log queue, once nobody can hand in events any more."""
        self._busy.stop()
        self._cases.stop()
        await self.spool.close()
        self.activity.close()

    async def reload(self) -> None:
        """Read the settings from the disk again; a damaged revision leaves the last good one in force."""
        async with self._saving:
            try:
                loaded = await asyncio.to_thread(self.store.load)
            except StorageFailed as failure:
                self._adopt(self.revision, failure)
            else:
                self._adopt(loaded.revision, loaded.problem)

    async def save(
        self, settings: Settings, secrets: SecretsByName, *, expected: int, saved_by: str, note: str
    ) -> Revision:
        """Save and put in force. Raises like `SettingsStore.save`."""
        save = partial(self.store.save, settings, secrets, expected=expected, saved_by=saved_by, note=note)
        return await self._saved(save, f"{saved_by} saved revision")

    async def restore(self, number: int, *, expected: int, saved_by: str) -> Revision:
        """Save an old revision again and put it in force. Raises like `SettingsStore.restore`."""
        restore = partial(self.store.restore, number, expected=expected, saved_by=saved_by)
        return await self._saved(restore, f"{saved_by} went back to revision {number} by revision")

    def trust_changed(self) -> None:
        """A host key was approved or forgotten: the log server is tried again at once."""
        self._log_server.trust_changed()

    @property
    def cases(self) -> CaseDesk:
        """Cases: submit, cancel, look."""
        return self._cases.desk

    def registration_known(self) -> bool:
        """Whether the status server has said yes or no to the registration."""
        return self._registration_known()

    def delivery(self) -> DeliveryService | None:
        """What delivers logs under the settings in force; None when sending is switched off."""
        return self._log_server.delivery()

    def status(self) -> AgentStatus:
        """The snapshot of this moment."""
        problem, spool = self._problem, self.spool.status()
        alerts = (f"{problem.cause} {problem.remedy}",) if problem is not None else ()
        return snapshot(
            self.revision,
            appliance=self.appliance,
            uptime_seconds=self._uptime(),
            taken_at=self.clock.now(),
            status_server=self._status_server.status(),
            log_server=self._log_server.status(),
            spool=spool_status(spool),
            patterns=self.patterns.status(),
            reports=self.reports.status(),
            cases=self.cases.status(enabled=self.revision.settings.tmsp.enabled),
            alerts=(*alerts, *spool.alerts, *self._supervisor.alerts()),
        )

    async def _saved(self, save: Callable[[], Revision], what: str) -> Revision:
        async with self._saving:
            before = self.revision
            revision = await asyncio.to_thread(save)
            _log.info("%s %d: %s.", what, revision.number, _changed_fields(before, revision))
            self._adopt(revision, None)
        return revision

    def _adopt(self, revision: Revision, problem: TmError | None) -> None:
        self.revision, self._problem = revision, problem
        if problem is not None:
            _log.error("%s %s", problem.cause, problem.remedy)
        _log.info("Revision %d is in force.", revision.number)
        server, queue = revision.settings.tmsp.status_server, revision.settings.spool
        self.bandwidth.set(server.upload_kbps, server.download_kbps)
        self.spool.limit(quota_of(queue.max_mib, queue.max_days))
        self.patterns.deploy = revision.settings.patterns.deploy
        self._supervisor.apply(revision)
        self.changed.announce()

    def _uptime(self) -> float:
        return self.clock.monotonic() - self._started

    def _facts(self) -> Facts:
        waiting = self.spool.status().events
        return Facts(self.revision.number, self._uptime(), waiting)

    def _registration_known(self) -> bool:
        status = self._status_server.status()
        return status.registered_at is not None or status.last_failure is not None

    def _registration_moved(self) -> None:
        """The status server said something: logs may hang on that."""
        status = self._status_server.status()
        registered_at = status.registered_at
        self.reports.connection(connected=status.state is ServerState.CONNECTED)
        self._log_server.registration_moved()
        self.patterns.registered(self._status_server.pattern_root())
        if registered_at is not None and registered_at != self._registered_at:
            self._log_server.registered()
            self._cases.registered()
        self._registered_at = registered_at
        self.changed.announce()

    def _noticed(self, notices: tuple[Notice, ...]) -> None:
        """The status server has something for us; it may also be the first beat that it accepts."""
        for notice in notices:
            _log.info("TMSP announces a %s: %s.", notice.kind, notice.title or notice.id)
        self.patterns.registered(self._status_server.pattern_root())
        self.patterns.noticed(notices)
        self.reports.noticed(notices)

    def _spool_changed(self) -> None:
        """Announce it, and write down an alert when it is new; its numbers may grow without another line."""
        alerts = {_NUMBER.sub("#", alert): alert for alert in self.spool.status().alerts}
        for kind in alerts.keys() - self._spool_alerts:
            _log.warning("%s", alerts[kind])
        self._spool_alerts = frozenset(alerts)
        self.changed.announce()


def _changed_fields(old: Revision, new: Revision) -> str:
    names = [change.field for change in differences(old, new)]
    more = f" and {len(names) - _MOST_FIELDS} more" if len(names) > _MOST_FIELDS else ""
    return ", ".join(names[:_MOST_FIELDS]) + more or "nothing differs"
