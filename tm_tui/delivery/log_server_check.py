"""A light check of the log server: the status must not wait for the first logs to know how it stands."""

import asyncio
import logging
import random
from collections.abc import Callable

from tm_tui.api.agent import LogServerStatus, ServerState
from tm_tui.clock import Clock, wait_until
from tm_tui.delivery.check import check_log_server
from tm_tui.link.build import build_links
from tm_tui.link.failures import LinkFailure
from tm_tui.link.host_keys import HostKeys
from tm_tui.retry import Chance, Retry, spread
from tm_tui.settings.store import Revision
from tm_tui.settings.types import interval_seconds

__all__ = ["LogServerCheck"]

_log = logging.getLogger(__name__)

_JITTER = 0.1


class LogServerCheck:
    """Checks that the log server would take a batch: when settings change, and after intervals without logs.

    `wanted` says whether nothing else tells how the log server stands.
    """

    name = "log server check"

    def __init__(
        self,
        appliance: str,
        host_keys: HostKeys,
        *,
        changed: Callable[[], None],
        clock: Clock,
        chance: Chance = random.random,
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._wanted = wanted
        self._appliance = appliance
        self._host_keys = host_keys
        self._changed = changed
        self._clock = clock
        self._chance = chance
        self._again = asyncio.Event()
        self._seen = self._nothing_seen(enabled=False)
        self._fresh = False

    def prepare(self, revision: Revision) -> None:
        """Forget what was; `run` follows these settings."""
        self._seen = self._nothing_seen(enabled=revision.settings.tmsp.enabled)

    def _nothing_seen(self, *, enabled: bool) -> "_Seen":
        return _Seen(Retry(self._clock, self._chance, log=_log), enabled=enabled)

    @property
    def reached(self) -> bool:
        """Whether it was reached under these settings."""
        return self._seen.reached

    def status(self) -> LogServerStatus:
        """The status of this moment."""
        return self._seen.show(self._clock.monotonic())

    def alerts(self) -> tuple[str, ...]:
        """What an admin must know now."""
        failure = self._seen.retry.last
        if failure and self._seen.retry.refused:
            return (failure.cause,)
        if failure and failure.stage == "host_key":
            return (f"{failure.cause} Logs are not sent until this is settled.",)
        return ()

    def trust_changed(self) -> None:
        """Try again at once."""
        self._again.set()

    def beat_accepted(self) -> None:
        """The status server takes the credentials: if the log server refused them, it is asked again."""
        if self._seen.retry.beat_accepted():
            self._again.set()

    def delivered(self) -> None:
        """The log server took logs: it is reached, and need not be looked at for an interval."""
        self._seen.reached = True
        self._seen.retry.succeeded()
        self._fresh = True
        self._again.set()

    async def run(self, revision: Revision) -> None:
        """Check until cancelled; nothing to do when sending is switched off."""
        seen = self._seen
        if not revision.settings.tmsp.enabled:
            return
        while True:
            self._again.clear()
            fresh, self._fresh = self._fresh, False
            if fresh or not self._wanted():
                wait = self._interval(revision)
            else:
                wait = await self._check(revision, seen)
            seen.next_try = self._clock.monotonic() + wait
            self._changed()
            await wait_until(self._clock, seen.next_try, self._again)

    async def _check(self, revision: Revision, seen: "_Seen") -> float:
        """Check once; return how many seconds to wait."""
        link = build_links(revision, self._host_keys).log_server
        server = revision.settings.tmsp.log_server
        try:
            await check_log_server(link, server.protocol, self._appliance, clock=self._clock)
        except LinkFailure as failure:
            return seen.retry.failed(failure, "Log server")
        if not seen.reached or seen.retry.last:
            _log.info("The log server takes logs.")
        seen.reached = True
        seen.retry.succeeded()
        return self._interval(revision)

    def _interval(self, revision: Revision) -> float:
        return spread(interval_seconds(revision.settings.tmsp.log_server.interval), _JITTER, self._chance)


class _Seen:
    """What the checks found under these settings."""

    def __init__(self, retry: Retry, *, enabled: bool) -> None:
        self.retry, self.enabled = retry, enabled
        self.reached = False
        self.next_try: float | None = None

    def show(self, now: float) -> LogServerStatus:
        if not self.enabled:
            state = ServerState.DISABLED
        elif self.retry.last:
            state = ServerState.FAILING
        else:
            state = ServerState.CONNECTED if self.reached else ServerState.CONNECTING
        wait = None if self.next_try is None else round(max(0.0, self.next_try - now), 3)
        return LogServerStatus(state=state, next_delivery_in_seconds=wait, last_failure=self.retry.last)
