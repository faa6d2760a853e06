"""Keeps the agent's tasks running: restarts what a save changed and what died of a bug, and tells of that."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from tm_tui.clock import Clock
from tm_tui.pace import Chance, full_jitter, wait_until
from tm_tui.settings.store import Revision

__all__ = ["Service", "Supervisor"]

_log = logging.getLogger(__name__)

_FIRST_BACKOFF, _LONGEST_BACKOFF = 1.0, 300.0
_HEALTHY_SECONDS = 600.0
_STOP_SECONDS = 1.0


class Service(Protocol):
    """One of the agent's tasks."""

    name: str

    def concerns(self, revision: Revision) -> object:
        """What of a revision it follows: while this stays equal, it is not restarted."""

    def prepare(self, revision: Revision) -> None:
        """Take over new settings. The task of the old ones ends meanwhile and must not disturb."""

    async def run(self) -> None:
        """Work until cancelled, or return when these settings leave nothing to do. Only bugs raise."""

    def alerts(self) -> tuple[str, ...]:
        """Sentences that an admin must see now."""


class Supervisor:
    """Runs services by the settings in force. `changed` is called when `alerts` would say something new."""

    def __init__(
        self, services: Sequence[Service], changed: Callable[[], None], clock: Clock, chance: Chance
    ) -> None:
        self._runners = [_Runner(service, changed, clock, chance) for service in services]

    def apply(self, revision: Revision) -> None:
        """Start or restart each service that these settings concern."""
        for runner in self._runners:
            runner.apply(revision)

    def alerts(self) -> tuple[str, ...]:
        """All sentences that an admin must see now."""
        return tuple(sentence for runner in self._runners for sentence in runner.alerts())

    async def stop(self) -> None:
        """Cancel all, and wait a second for them."""
        tasks = {task for runner in self._runners if (task := runner.cancel()) is not None}
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_SECONDS)


class _Runner:
    """One service and its task."""

    def __init__(self, service: Service, changed: Callable[[], None], clock: Clock, chance: Chance) -> None:
        self._service = service
        self._changed = changed
        self._clock = clock
        self._chance = chance
        self._concerns: object = None
        self._task: asyncio.Task[None] | None = None
        self._faults = 0
        self._last_fault: float | None = None
        self._never = asyncio.Event()

    def apply(self, revision: Revision) -> None:
        concerns = self._service.concerns(revision)
        if self._task is not None and concerns == self._concerns:
            return
        self._concerns = concerns
        before = self.cancel()
        self._service.prepare(revision)
        self._task = asyncio.create_task(self._keep(before), name=self._service.name)

    def cancel(self) -> asyncio.Task[None] | None:
        if self._task is not None:
            self._task.cancel()
        return self._task

    def alerts(self) -> tuple[str, ...]:
        found = self._service.alerts()
        if self._last_fault is None or self._clock.monotonic() - self._last_fault > _HEALTHY_SECONDS:
            return found
        again = f"The task {self._service.name} failed by a programming error and was started again"
        return (*found, f"{again} ({self._faults} in a row). The agent's log says more.")

    async def _keep(self, before: asyncio.Task[None] | None) -> None:
        """Run until it ends by itself, and start it again when that was a bug."""
        if before is not None:
            await asyncio.wait({before})
        while (error := await _outcome(self._service)) is not None:
            now = self._clock.monotonic()
            recovered = self._last_fault is None or now - self._last_fault > _HEALTHY_SECONDS
            self._faults = 1 if recovered else self._faults + 1
            self._last_fault = now
            _log.error("The task %s failed by a programming error.", self._service.name, exc_info=error)
            self._changed()
            wait = full_jitter(self._faults, _FIRST_BACKOFF, _LONGEST_BACKOFF, self._chance)
            await wait_until(self._clock, now + wait, self._never)


async def _outcome(service: Service) -> BaseException | None:
    """Run a service in a task of its own: how that ends is a value, not an exception to be caught."""
    task = asyncio.create_task(service.run(), name=service.name)
    try:
        await asyncio.wait({task})
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    return None if task.cancelled() else task.exception()
