"""The agent without its process: settings in force, services, and what the control socket asks of them."""

import asyncio
import logging
import random
from collections.abc import Callable
from functools import partial

from tm_tui.agent.identity import appliance_name
from tm_tui.agent.log_server import LogServerCheck, LogServerService
from tm_tui.agent.snapshot import snapshot
from tm_tui.agent.supervisor import Supervisor
from tm_tui.clock import Clock, SystemClock
from tm_tui.control.api import AgentStatus, SpoolStatus
from tm_tui.control.core import Changed, SecretsByName
from tm_tui.errors import StorageFailed, TmError
from tm_tui.link.host_keys import HostKeys
from tm_tui.pace import Chance
from tm_tui.paths import Home
from tm_tui.settings.model import Settings
from tm_tui.settings.store import Revision, SettingsStore
from tm_tui.status_server.heartbeat import Facts
from tm_tui.status_server.service import StatusServerService

__all__ = ["Agent"]

_log = logging.getLogger(__name__)


class Agent:
    """Owns one home (its folders are there, its lock is held). Made inside a running event loop.

    Raises StorageFailed when the folders or the appliance's name cannot be trusted.
    """

    def __init__(self, home: Home, *, clock: Clock | None = None, chance: Chance = random.random) -> None:
        self.clock: Clock = clock or SystemClock()
        self.changed = Changed()
        self.stopping = asyncio.Event()
        self.store = SettingsStore(home.config)
        self.host_keys = HostKeys(home.config / "host_keys")
        self.appliance = appliance_name(home.state)
        self._started = self.clock.monotonic()
        self._saving = asyncio.Lock()
        loaded = self.store.load()
        self.revision: Revision
        self._problem: TmError | None
        announce = self.changed.announce
        self._status_server = StatusServerService(
            self.appliance, self.host_keys, self._facts, changed=announce, clock=self.clock, chance=chance
        )
        self._log_server: LogServerService = LogServerCheck(
            self.appliance, self.host_keys, changed=announce, clock=self.clock, chance=chance
        )
        self._supervisor = Supervisor((self._status_server, self._log_server), announce, self.clock, chance)
        self._adopt(loaded.revision, loaded.problem)

    async def stop(self) -> None:
        """End streams and services, a beat that is under way too."""
        self.stopping.set()
        await self._supervisor.stop()

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
        return await self._saved(save)

    async def restore(self, number: int, *, expected: int, saved_by: str) -> Revision:
        """Save an old revision again and put it in force. Raises like `SettingsStore.restore`."""
        return await self._saved(partial(self.store.restore, number, expected=expected, saved_by=saved_by))

    def trust_changed(self) -> None:
        """A host key was approved or forgotten: the log server is tried again at once."""
        self._log_server.trust_changed()

    def status(self) -> AgentStatus:
        """The snapshot of this moment."""
        problem = self._problem
        alerts = (f"{problem.cause} {problem.remedy}",) if problem is not None else ()
        return snapshot(
            self.revision,
            appliance=self.appliance,
            uptime_seconds=self._uptime(),
            taken_at=self.clock.now(),
            status_server=self._status_server.status(),
            log_server=self._log_server.status(),
            spool=SpoolStatus(),
            alerts=(*alerts, *self._supervisor.alerts()),
        )

    async def _saved(self, save: Callable[[], Revision]) -> Revision:
        async with self._saving:
            revision = await asyncio.to_thread(save)
            self._adopt(revision, None)
        return revision

    def _adopt(self, revision: Revision, problem: TmError | None) -> None:
        self.revision, self._problem = revision, problem
        if problem is not None:
            _log.error("%s %s", problem.cause, problem.remedy)
        _log.info("Revision %d is in force.", revision.number)
        self._supervisor.apply(revision)
        self.changed.announce()

    def _uptime(self) -> float:
        return self.clock.monotonic() - self._started

    def _facts(self) -> Facts:
        return Facts(revision=self.revision.number, uptime_seconds=self._uptime())
