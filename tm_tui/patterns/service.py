"""Keeps the custom patterns up to date while sending to TMSP is switched on: after a notice, and daily."""

import asyncio
import logging
import random
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tm_tui.api.shapes import LastFailure
from tm_tui.clock import Clock, wait_until
from tm_tui.errors import StorageFailed, TmError
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.build import build_links, status_server_way
from tm_tui.link.failures import LinkFailure
from tm_tui.link.failures import failure as made_of
from tm_tui.link.host_keys import HostKeys
from tm_tui.link.https import https_client
from tm_tui.patterns.fetcher import Patience, in_thread
from tm_tui.patterns.store import PatternStore, StoredPattern
from tm_tui.patterns.trusted_root import MOST_ROOT_BYTES, Anchor
from tm_tui.retry import SELDOM, Chance, Retry, last_failure, spread
from tm_tui.service import Service
from tm_tui.settings.store import Revision
from tm_tui.tasks import threaded

if TYPE_CHECKING:
    from datetime import datetime

    from tm_tui.api.patterns import PatternsState
    from tm_tui.patterns.pattern import Pattern
    from tm_tui.patterns.repository import Seen

__all__ = ["PatternService"]

_log = logging.getLogger(__name__)

_LOOK_AGAIN = 24 * 3600.0
_JITTER = 0.1
_PATIENCE = Patience()
_QUIET = frozenset({"pattern-root-missing"})
"""A portal without patterns is no reason to alarm anybody."""


class PatternService(Service):
    """Fetches patterns. `arrived` is told of new ones, `in_use` gives the ids that must stay.

    The check of one moment serves all who asked for it before it began.
    """

    name = "patterns"

    def __init__(
        self,
        appliance: str,
        host_keys: HostKeys,
        folder: Path,
        *,
        bandwidth: Bandwidth,
        changed: Callable[[], None],
        arrived: Callable[[tuple[StoredPattern, ...]], None] = lambda _: None,
        in_use: Callable[[], Collection[int]] = tuple,
        clock: Clock,
        chance: Chance = random.random,
        patience: Patience = _PATIENCE,
    ) -> None:
        self._patience = patience
        self.anchor = Anchor(folder)
        self.store = PatternStore(folder / "files")
        self._appliance, self._host_keys, self._bandwidth = appliance, host_keys, bandwidth
        self._changed, self._arrived, self._in_use = changed, arrived, in_use
        self._clock, self._chance = clock, chance
        self._retry = self._nothing_failed()
        self._wanted = asyncio.Event()
        self._offered: bytes | None = None
        self._seen: Seen | None = None
        self._connected = False
        self._loaded = asyncio.Event()
        self.state: PatternsState = "disabled"
        self.refused: dict[int, tuple[Pattern, LastFailure]] = {}
        self.last_check_at: datetime | None = None
        self.checks = 0
        """How many checks have ended."""

    # --- as the supervisor wants it

    def concerns(self, revision: Revision) -> object:
        """The way to the status server."""
        return status_server_way(revision)

    def prepare(self, revision: Revision) -> None:
        """Forget what was; `run` follows these settings."""
        self._offered = self._seen = None
        self._connected = False
        self._wanted = asyncio.Event()
        self.state = "waiting" if revision.settings.tmsp.enabled else "disabled"
        self._retry, self.refused = self._nothing_failed(), {}

    def _nothing_failed(self) -> Retry:
        return Retry(self._clock, self._chance, pace=SELDOM, log=_log, disk="service")

    @property
    def last_failure(self) -> LastFailure | None:
        """How the last check failed."""
        return self._retry.last

    async def loaded(self) -> None:
        """Wait until the patterns of earlier starts are read: a moment after the agent's start."""
        await self._loaded.wait()

    def alerts(self) -> tuple[str, ...]:
        """What an admin must know now."""
        found = self.last_failure
        if found is None or not found.code.startswith("pattern-") or found.code in _QUIET:
            return ()
        return (f"Custom patterns are not up to date. {found.cause}",)

    async def work(self, revision: Revision) -> None:
        """Check until cancelled; nothing to do when sending is switched off."""
        wanted = self._wanted
        try:
            await threaded(self.store.load)
        except StorageFailed as failed:
            self._failed(failed)
        self._loaded.set()
        self._changed()
        if not revision.settings.tmsp.enabled:
            return
        await wanted.wait()
        while True:
            wanted.clear()
            self.state = "checking"
            self._changed()
            wait = await self._check(revision)
            self.checks += 1
            self._changed()
            await wait_until(self._clock, self._clock.monotonic() + wait, wanted)

    # --- from outside, in the event loop

    def registered(self, root: str | None) -> None:
        """The portal accepted the registration, and gave this root for its patterns."""
        before, self._offered = self._offered, None if root is None else root.encode()[: MOST_ROOT_BYTES + 1]
        if before is not None and self._offered not in {None, before}:
            self.look()  # a portal that registered us anew may be another one

    def connection(self, *, connected: bool) -> None:
        """Whether beats are accepted: look each time they begin to be."""
        before, self._connected = self._connected, connected
        if connected and not before:
            self.look()

    def beat_accepted(self) -> None:
        """The status server takes the credentials: if it refused them before, it is asked again."""
        if self._retry.beat_accepted():
            self.look()

    def look(self) -> None:
        """There is something new, or there may be: check as soon as possible."""
        self._wanted.set()

    def lost(self) -> None:
        """A pattern that was here is damaged or gone: not all are here, and it is fetched again."""
        if self.state == "current":
            self.state = "waiting"
        self.look()
        self._changed()

    async def forget_root(self) -> bool:
        """Trust the keys that the portal names from now on; False if none were trusted."""
        known = await threaded(self.anchor.forget)
        self._seen = None
        if known:
            _log.warning("The keys of the portal's patterns were forgotten; those it names now are kept.")
        self.look()
        return known

    # --- a check

    async def _check(self, revision: Revision) -> float:
        """Check once; how many seconds to wait."""
        from tm_tui.patterns.check import PatternCheck

        links = build_links(revision, self._host_keys)
        try:
            client = https_client(links.status_server, bandwidth=self._bandwidth)
        except LinkFailure as unusable:
            return self._failed(unusable)
        async with client:
            check = PatternCheck(
                anchor=self.anchor,
                store=self.store,
                appliance=self._appliance,
                client=client,
                rate=self._bandwidth.download.rate,
                patience=self._patience,
                offered=self._offered,
                in_use=self._in_use(),
                seen=self._seen,
                now=self._clock.now,
            )
            done = await in_thread(partial(check.run))
        self._seen = done.seen
        self.last_check_at = self._clock.now()
        self.refused = {
            number: (offered.pattern, last_failure(refused, self.last_check_at))
            for number, (offered, refused) in done.refused.items()
        }
        for pattern in done.arrived:
            _log.info("Pattern %d (%s, version %s) is here.", pattern.id, pattern.type, pattern.version)
        if done.arrived:
            self._arrived(tuple(sorted(done.arrived, key=lambda pattern: pattern.id)))
        newest = max(self.store.patterns, default=0)
        worst = next((refused for number, (_, refused) in done.refused.items() if number > newest), None)
        failure = done.failure or worst
        if failure is None and done.unusable:
            link = links.status_server
            names = ", ".join(done.unusable)
            failure = made_of("pattern-unusable", "service", link.endpoint, link.proxy, detail=names)
        if failure is not None:
            return self._failed(failure)
        if self.last_failure is not None:
            _log.info("Patterns are up to date again.")
        self.state = "current"
        self._retry.succeeded()
        return spread(_LOOK_AGAIN, _JITTER, self._chance)

    def _failed(self, problem: TmError) -> float:
        self.state = "failing"
        return self._retry.failed(problem, "Patterns are not fetched")
