"""All of the agent that works with TMSP under the settings in force, and what one part tells the others."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from tm_tui.agent.announced import Announced
from tm_tui.agent.past import Past
from tm_tui.api.agent import ServerState
from tm_tui.cases.case_records import CaseBook
from tm_tui.cases.cases import Cases, Owner
from tm_tui.changes import Throttle
from tm_tui.delivery.log_delivery import LogDelivery
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.paths import Home
from tm_tui.patterns.custom_patterns import CustomPatterns
from tm_tui.reports.service import ReportService
from tm_tui.reports.store import ReportStore
from tm_tui.retry import Chance
from tm_tui.service import Service
from tm_tui.settings.model import Settings
from tm_tui.settings.store import Revision
from tm_tui.spool.store import Spool
from tm_tui.status_server.heartbeat import Facts
from tm_tui.status_server.protocol import Notice
from tm_tui.status_server.removal import RegistrationRecord
from tm_tui.status_server.service import StatusServerService

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Tmsp"]

_log = logging.getLogger(__name__)


class _Agent(Owner, Protocol):
    @property
    def spool(self) -> Spool: ...
    def facts(self) -> Facts: ...


class Tmsp:
    """Registration and beats, logs, cases, patterns, reports.

    `busy` announces changes that come in swarms; `beaten` is called when the status server said something,
    `removal_moved` when the portal removed the appliance, or took it back.
    """

    def __init__(
        self,
        home: Home,
        agent: _Agent,
        cases: CaseBook,
        chance: Chance,
        *,
        busy: Throttle,
        beaten: Callable[[], None],
        removal_moved: Callable[[], None],
    ) -> None:
        appliance, keys, spool, clock = agent.appliance, agent.host_keys, agent.spool, agent.clock
        self._announce, self._beaten = agent.changed.announce, beaten
        self._removal_moved = removal_moved
        self._registered_at: datetime | None = None
        self._removed = False
        self._beats = 0
        self._said = Announced(_log)
        self.past = Past(home.state, appliance, clock)
        bandwidth = self._bandwidth = Bandwidth()
        self.status_server = StatusServerService(
            appliance,
            keys,
            RegistrationRecord(home.state, appliance),
            agent.facts,
            changed=self._registration_moved,
            noticed=self._noticed,
            clock=clock,
            chance=chance,
        )
        known = self._registration_known
        self.log_server = LogDelivery(
            appliance,
            keys,
            spool,
            changed=busy,
            clock=clock,
            chance=chance,
            registration_known=known,
            counted=self.past.delivered,
        )
        self.patterns = CustomPatterns(
            home, appliance, keys, spool, bandwidth=bandwidth, changed=busy, clock=clock, chance=chance
        )
        store = ReportStore(home.state / "reports")
        store.load()
        self.reports = ReportService(
            appliance, keys, store, bandwidth, changed=self._announce, clock=clock, chance=chance
        )
        self.cases = Cases(home, agent, bandwidth, cases, chance, registration_known=known)

    @property
    def services(self) -> tuple[Service, ...]:
        """What works only while the portal has the appliance, beside `status_server`."""
        return (self.log_server, *self.cases.services, *self.patterns.services, self.reports)

    def while_registered(self, revision: Revision) -> Revision:
        """The settings for `services`: an appliance that the portal removed sends and fetches nothing."""
        if self.status_server.status().removed_at is None or not revision.settings.tmsp.enabled:
            return revision
        settings = revision.settings.plain()
        settings["tmsp"]["enabled"] = False
        return replace(revision, settings=Settings.parse(settings))

    def adopt(self, revision: Revision) -> None:
        """Take over what needs no restart; what failed is tried again once the status server has spoken."""
        self._registered_at = None
        self._removed = self.status_server.status().removed_at is not None
        self.past.adopt(revision)
        server = revision.settings.tmsp.status_server
        self._bandwidth.set(server.upload_kbps, server.download_kbps)
        self.patterns.deploy = revision.settings.patterns.deploy

    def _registration_known(self) -> bool:
        """Whether the status server has said yes or no to the registration."""
        status = self.status_server.status()
        return status.registered_at is not None or status.last_failure is not None

    def _registration_moved(self) -> None:
        """The status server said something: the others may hang on that."""
        status = self.status_server.status()
        connected = status.state is ServerState.CONNECTED
        if (status.removed_at is not None) != self._removed:
            self._removed = not self._removed
            self._removal_moved()
        self.past.heard(status)
        self.log_server.registration_moved()
        self.patterns.registered(self.status_server.pattern_root())
        self.patterns.connection(connected=connected)
        self.reports.connection(connected=connected)
        registered_at = status.registered_at
        if registered_at is not None and registered_at != self._registered_at:
            self.log_server.registered()
            self.cases.registered()
        self._registered_at = registered_at
        if status.beats_accepted > self._beats:
            self._beats = status.beats_accepted
            self._beat_accepted()
        self._beaten()
        self._announce()

    def _beat_accepted(self) -> None:
        """The credentials are right: who was refused may try again."""
        self.log_server.beat_accepted()
        self.cases.beat_accepted()
        self.patterns.beat_accepted()
        self.reports.beat_accepted()

    def _noticed(self, notices: tuple[Notice, ...]) -> None:
        """The status server has something for us."""
        self._said.tell(notices)
        self.patterns.noticed(notices)
        self.reports.noticed(notices)
