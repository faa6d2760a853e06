"""Keeps the agent's tasks running: restarts what a save changed and what died of a bug, and tells of that."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from tm_tui.clock import Clock, wait_until
from tm_tui.errors import TmError
from tm_tui.retry import Chance, Retry
from tm_tui.service import Service
from tm_tui.settings.store import Revision
from tm_tui.tasks import either

__all__ = ["Supervisor"]

_log = logging.getLogger(__name__)

_HEALTHY_SECONDS = 600.0
_STOP_SECONDS = 1.0
_SLOW_SECONDS = 30.0


class Supervisor:
    """Runs services by the settings in force. `changed` is called when `alerts` would say something new."""

    def __init__(
        self, services: Sequence[Service], changed: Callable[[], None], clock: Clock, chance: Chance
    ) -> None:
        self._runners = [_Runner(service, changed, clock, chance) for service in services]

    def apply(self, revision: Revision) -> None:
        """Start or restart each service that these settings concern; after `stop`, none."""
        for runner in self._runners:
            runner.apply(revision)

    def alerts(self) -> tuple[str, ...]:
        """All sentences that an admin must see now."""
        return tuple(sentence for runner in self._runners for sentence in runner.alerts())

    async def stop(self) -> None:
        """End all, and wait a second for them."""
        keepers = {keeper for runner in self._runners if (keeper := runner.stop()) is not None}
        if keepers:
            await asyncio.wait(keepers, timeout=_STOP_SECONDS)


class _Runner:
    """One service and its keeper: one task for good, which alone starts runs, each after the end of the last.

    New settings end the run under way; those that come before the next run begins count for it.
    """

    def __init__(self, service: Service, changed: Callable[[], None], clock: Clock, chance: Chance) -> None:
        self._service = service
        self._changed = changed
        self._clock = clock
        self._retry = Retry(clock, chance)
        self._concerns: object = None
        self._revision: Revision
        self._keeper: asyncio.Task[None] | None = None
        self._run: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        """There are settings that no run has begun with, or none shall begin any more."""
        self._stopped = self._slow = False

    def apply(self, revision: Revision) -> None:
        concerns = self._service.concerns(revision)
        if self._stopped or (self._keeper is not None and concerns == self._concerns):
            return
        self._concerns, self._revision = concerns, revision
        self._end_run()
        self._service.prepare(revision)
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name=f"keeper of {self._service.name}")

    def stop(self) -> asyncio.Task[None] | None:
        if not self._stopped:
            self._stopped = True
            self._end_run()
        return self._keeper

    def _end_run(self) -> None:
        """Cancel it once: what it does on its way out takes the time that it takes."""
        if self._run is not None and not self._wanted.is_set():
            self._run.cancel()
        self._wanted.set()

    def alerts(self) -> tuple[str, ...]:
        name, found = self._service.name, self._service.alerts()
        if self._slow:
            slow = f"The task {name} does not end: new settings do not count for it. Restart the agent."
            found = (*found, slow)
        if self._recovered():
            return found
        again = f"The task {name} failed by a programming error and was started again"
        return (*found, f"{again} ({self._retry.count} in a row). The agent's log says more.")

    def _recovered(self) -> bool:
        """Whether it never failed, or not for long."""
        since = self._clock.monotonic() - self._retry.failed_at
        return self._retry.last is None or since > _HEALTHY_SECONDS

    async def _keep(self) -> None:
        while not self._stopped:
            self._wanted.clear()
            error = await self._one_run()
            if error is not None:
                await self._failed(error)
            elif not self._wanted.is_set():
                await self._wanted.wait()

    async def _one_run(self) -> BaseException | None:
        """Run it to its end. Returns the bug that ended it."""
        self._run = run = asyncio.create_task(self._service.run(self._revision), name=self._service.name)
        await either(run, self._wanted)
        if not run.done():
            await asyncio.wait({run}, timeout=_SLOW_SECONDS)
        if not run.done():
            self._tell_slow(slow=True)
            await asyncio.wait({run})
            self._tell_slow(slow=False)
        self._run = None
        if not run.cancelled():
            return run.exception()
        return None if self._wanted.is_set() else asyncio.CancelledError("nobody asked for its end")

    def _tell_slow(self, *, slow: bool) -> None:
        self._slow = slow
        _log.warning("The task %s %s", self._service.name, "does not end." if slow else "has ended at last.")
        self._changed()

    async def _failed(self, error: BaseException) -> None:
        """Tell of a bug, and wait before it is started again; new settings are a reason not to wait."""
        if self._recovered():
            self._retry.succeeded()
        self._retry.failed(
            TmError(f"A programming error ended {self._service.name}.", "See the agent's log.")
        )
        _log.error("The task %s failed by a programming error.", self._service.name, exc_info=error)
        self._changed()
        await wait_until(self._clock, self._retry.again, self._wanted)
