"""The agent without its process: settings in force, services, and what the control socket asks of them."""

import asyncio
import logging
import random
import re
from typing import Self

from tm_tui.agent.activity import Activity
from tm_tui.agent.drafts import Drafts
from tm_tui.agent.identity import appliance_name
from tm_tui.agent.in_force import InForce
from tm_tui.agent.sessions import Sessions
from tm_tui.agent.snapshot import snapshot, spool_status
from tm_tui.agent.supervisor import Supervisor
from tm_tui.agent.tmsp import Tmsp
from tm_tui.agent.trial_answers import Answers
from tm_tui.api.agent import AgentStatus
from tm_tui.cases.case_calls import CaseDesk
from tm_tui.cases.case_records import CaseBook
from tm_tui.changes import Changed, Throttle
from tm_tui.clock import Clock, SystemClock
from tm_tui.delivery.service import DeliveryService
from tm_tui.diagnostics.last_test import LastTest
from tm_tui.link.host_keys import HostKeys
from tm_tui.paths import Home
from tm_tui.patterns.custom_patterns import CustomPatterns
from tm_tui.reports.service import ReportService
from tm_tui.retry import Chance
from tm_tui.settings.store import Revision, SettingsStore
from tm_tui.spool.disk import quota_of
from tm_tui.spool.store import Spool
from tm_tui.status_server.heartbeat import Facts

__all__ = ["Agent"]

_log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds to wait for the log queue before all else goes on without it."""
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
        self.activity = Activity(clock)
        self.last_test = LastTest()
        self._started = self.clock.monotonic()
        announce = self.changed.announce
        self._busy = Throttle(self._spool_changed)
        self._spool_alerts: frozenset[str] = frozenset()
        self._tmsp = Tmsp(
            home,
            self,
            cases,
            chance,
            busy=self._busy,
            beaten=self._beaten,
            removal_moved=lambda: self._supervise(self.revision),
        )
        self._registering = Supervisor((self._tmsp.status_server,), announce, clock, chance)
        self._supervisor = Supervisor(self._tmsp.services, announce, clock, chance)
        self._consoles = Throttle(announce)
        self.sessions = Sessions(clock, self._consoles)
        self.drafts = Drafts(clock)
        answers = Answers(self._beats_accepted, self._tmsp.log_server.answered)
        self._settings = settings = InForce(
            self.store, clock, apply=self._apply, changed=announce, answers=answers
        )
        self.reload, self.save, self.restore = settings.reload, settings.save, settings.restore
        self.confirm, self.take_back = settings.confirm, settings.take_back
        self.acknowledge = settings.acknowledge
        spool.changed = self._busy
        self._spool_changed()
        settings.begin()

    @classmethod
    async def open(cls, home: Home, *, clock: Clock | None = None, chance: Chance = random.random) -> Self:
        """Open log queue and cases, and begin.

        Raises StorageFailed when the folders or the appliance's name cannot be trusted. A damaged log queue
        is set aside, and told in the alerts; one that cannot be used, or takes long to be read, is told there
        too and opened as soon as it can be: beats and console wait for nothing of it.
        """
        clock = clock or SystemClock()
        appliance = appliance_name(home.state)
        spool = await Spool.open(home.state / "spool", appliance, clock=clock, patience=_PATIENCE)
        try:
            cases = await asyncio.to_thread(CaseBook.open, home.state / "cases")
            return cls(home, appliance, spool, cases, clock=clock, chance=chance)
        except BaseException:
            await spool.close()
            raise

    async def stop(self) -> None:
        """End streams and services, a beat that is under way too."""
        self.stopping.set()
        await self._settings.stop()
        await asyncio.gather(self._registering.stop(), self._supervisor.stop(), self.patterns.stop())
        self._tmsp.log_server.stop()

    async def close(self) -> None:
        """Close the log queue, once nobody can hand in events any more."""
        self._busy.stop()
        self._consoles.stop()
        self._tmsp.cases.stop()
        await self._tmsp.past.close()
        await self.spool.close()
        self.activity.close()

    @property
    def revision(self) -> Revision:
        """The settings in force."""
        return self._settings.revision

    @property
    def cases(self) -> CaseDesk:
        """Cases: submit, cancel, look."""
        return self._tmsp.cases.desk

    @property
    def patterns(self) -> CustomPatterns:
        """Custom patterns and their deployment."""
        return self._tmsp.patterns

    @property
    def reports(self) -> ReportService:
        """The reports of TMSP."""
        return self._tmsp.reports

    def trust_changed(self) -> None:
        """A host key was approved or forgotten: the log server is tried again at once."""
        self._tmsp.log_server.trust_changed()

    def delivery(self) -> DeliveryService | None:
        """What delivers logs under the settings in force; None when sending is switched off."""
        return self._tmsp.log_server.delivery()

    def status(self) -> AgentStatus:
        """The snapshot of this moment."""
        settings, spool = self._settings, self.spool.status()
        problem = settings.problem
        alerts = (f"{problem.cause} {problem.remedy}",) if problem is not None else ()
        return snapshot(
            self.revision,
            appliance=self.appliance,
            uptime_seconds=self._uptime(),
            taken_at=self.clock.now(),
            status_server=self._tmsp.past.completed(self._tmsp.status_server.status()),
            log_server=self._tmsp.log_server.status(),
            spool=spool_status(spool),
            last_day=self._tmsp.past.last_day(),
            patterns=self.patterns.status(),
            reports=self.reports.status(),
            cases=self.cases.status(enabled=self.revision.settings.tmsp.enabled),
            alerts=(
                *settings.trials.alerts(),
                *alerts,
                *spool.alerts,
                *self._registering.alerts(),
                *self._supervisor.alerts(),
            ),
            trial=settings.trials.info(),
            trial_ended=settings.trials.ended,
            rollback=settings.trials.rollback(),
            sessions=self.sessions.entries(),
        )

    def _apply(self, revision: Revision) -> None:
        queue = revision.settings.spool
        self.spool.limit(quota_of(queue.max_mib, queue.max_days))
        self._registering.apply(revision)
        self._tmsp.adopt(revision)
        self._supervise(revision)

    def _supervise(self, revision: Revision) -> None:
        self._supervisor.apply(self._tmsp.while_registered(revision))

    def _uptime(self) -> float:
        return self.clock.monotonic() - self._started

    def facts(self) -> Facts:
        """What a beat tells."""
        waiting = self.spool.status().events
        return Facts(self.revision.number, self._uptime(), waiting)

    def _beats_accepted(self) -> int:
        return self._tmsp.status_server.status().beats_accepted

    def _beaten(self) -> None:
        self._settings.trials.heard()

    def _spool_changed(self) -> None:
        """Announce it, and write down an alert when it is new; its numbers may grow without another line."""
        alerts = {_NUMBER.sub("#", alert): alert for alert in self.spool.status().alerts}
        for kind in alerts.keys() - self._spool_alerts:
            _log.warning("%s", alerts[kind])
        self._spool_alerts = frozenset(alerts)
        self._settings.trials.heard()
        self.changed.announce()
