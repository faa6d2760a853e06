"""Keeps logs going to the log server under the settings in force, and tells how that stands."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict

from tm_tui.api.agent import LastFailure, LogServerStatus, ServerState
from tm_tui.api.spool import ProgressInfo
from tm_tui.clock import Clock, moment_of, wait_until
from tm_tui.delivery.log_server_check import LogServerCheck
from tm_tui.delivery.narrator import Narrator
from tm_tui.delivery.service import DeliveryService
from tm_tui.delivery.status import DeliveryStatus
from tm_tui.errors import StorageFailed
from tm_tui.link.build import build_links, log_server_way
from tm_tui.link.host_keys import HostKeys
from tm_tui.retry import DISK, Chance, Retry
from tm_tui.service import Service
from tm_tui.settings.store import Revision
from tm_tui.settings.types import interval_seconds
from tm_tui.spool.store import Spool

__all__ = ["LogDelivery"]

_log = logging.getLogger(__name__)

_REGISTRATION_SECONDS = 10.0
_LAST_DELIVERY = "last_delivery"
_SPOOL = "spool"
_WAY_ON = "Save other settings, or send now, to go on. By itself it is tried again within the hour."
_IN_TROUBLE = frozenset({"retrying", "paused"})


class LogDelivery(Service):
    """Delivery by the schedule, and a light check of the log server while there is nothing to deliver.

    Switched off, neither runs; the spool goes on to take events, which wait.
    """

    name = "log delivery"

    def __init__(
        self,
        appliance: str,
        host_keys: HostKeys,
        spool: Spool,
        *,
        changed: Callable[[], None],
        clock: Clock,
        chance: Chance = random.random,
        registration_known: Callable[[], bool] = lambda: True,
        counted: Callable[[int, int], None] = lambda _delivered, _failed: None,
    ) -> None:
        self._counted = counted
        self._registration_known = registration_known
        self._registration = asyncio.Event()
        self._appliance, self._host_keys, self._spool = appliance, host_keys, spool
        self._changed, self._clock, self._chance = changed, clock, chance
        self._check = LogServerCheck(
            appliance, host_keys, changed=changed, clock=clock, chance=chance, wanted=self._quiet
        )
        self._delivery: DeliveryService | None = None
        self._moved = asyncio.Event()
        self._unstarted: LastFailure | None = None
        mark = spool.mark(_LAST_DELIVERY)
        self._last_at = moment_of(mark / 1000) if mark else None

    # --- as the supervisor wants it

    def concerns(self, revision: Revision) -> object:
        """What the way to the log server is made of, and the interval."""
        return log_server_way(revision)

    def prepare(self, revision: Revision) -> None:
        """Make the delivery of these settings; `run` starts it."""
        before, self._delivery = self._delivery, None
        if before is not None:
            self._last_at = before.status().last_delivery_at or self._last_at
            before.dismiss()
        self._check.prepare(revision)
        self._unstarted = None
        if revision.settings.tmsp.enabled:
            self._delivery = self._made(revision)

    def _made(self, revision: Revision) -> DeliveryService:
        server = revision.settings.tmsp.log_server
        links = build_links(revision, self._host_keys)
        made = DeliveryService(
            self._spool,
            links.log_server,
            protocol=server.protocol,
            appliance=self._appliance,
            interval=interval_seconds(server.interval),
            clock=self._clock,
            retry=Retry(self._clock, self._chance, disk=_SPOOL),
        )
        made.changed = self._on_change
        return made

    async def work(self, revision: Revision) -> None:
        """Deliver until cancelled; nothing to do when sending is switched off."""
        delivery = self._delivery
        if delivery is None:
            return
        try:
            await self._wait_for_registration()
            await self._begin(delivery)
            self.start(self._check.run(revision), self._check.name)
            self.start(self._narrate(delivery), "log of deliveries")
            await self.start(delivery.work(), "delivery")
        finally:
            delivery.dismiss()

    def stop(self) -> None:
        """No run begins any more: who waits for one is told."""
        delivery, self._delivery = self._delivery, None
        if delivery is not None:
            delivery.dismiss()

    async def _wait_for_registration(self) -> None:
        """A portal refuses logs of an appliance that it does not know yet; a plain log server would not."""
        moment = self._clock.monotonic() + _REGISTRATION_SECONDS
        while not self._registration_known():
            self._registration.clear()
            if not await wait_until(self._clock, moment, self._registration):
                return

    async def _begin(self, delivery: DeliveryService) -> None:
        retry = Retry(self._clock, self._chance, pace=DISK, log=_log, disk=_SPOOL)
        while True:
            try:
                await delivery.begin()
            except StorageFailed as problem:
                retry.failed(problem, "Logs are not delivered")
                if delivery is self._delivery:
                    self._unstarted = retry.last
                self._changed()
                await wait_until(self._clock, retry.again, delivery.wanted)
            else:
                if delivery is self._delivery:
                    self._unstarted = None
                return

    async def _narrate(self, delivery: DeliveryService) -> None:
        """Write down what became of the logs, and keep the date of the last delivery over a restart."""
        narrator = Narrator(_log)
        events, failed_at = 0, None
        while True:
            await self._moved.wait()
            self._moved.clear()
            seen = delivery.status()
            failed = seen.last_failure.at if seen.last_failure else None
            self._counted(seen.delivered_events - events, int(failed not in {None, failed_at}))
            events, failed_at = seen.delivered_events, failed or failed_at
            if narrator.tell(seen) and seen.last_delivery_at is not None:
                if delivery is self._delivery:  # and not one whose settings are gone
                    self._check.delivered()
                with suppress(StorageFailed):  # the date is for showing only
                    await self._spool.put_mark(
                        **{_LAST_DELIVERY: round(seen.last_delivery_at.timestamp() * 1000)}
                    )

    def _on_change(self) -> None:
        self._moved.set()
        self._changed()

    def _quiet(self) -> bool:
        return self._delivery is not None and self._delivery.status().state == "idle"

    # --- to look at

    def delivery(self) -> DeliveryService | None:
        """What delivers under these settings; None when sending is switched off."""
        return self._delivery

    def trust_changed(self) -> None:
        """A host key was approved or forgotten: try again at once what failed."""
        self._check.trust_changed()
        if self._delivery is not None and self._delivery.status().state in _IN_TROUBLE:
            self._delivery.send_now()

    def registration_moved(self) -> None:
        """The registration was accepted or refused: who waits for that goes on."""
        self._registration.set()

    def registered(self) -> None:
        """The portal knows the appliance (anew): what it refused before is tried again."""
        self.trust_changed()

    def beat_accepted(self) -> None:
        """The status server takes the credentials: a log server that refused them is asked again."""
        self._check.beat_accepted()
        if self._delivery is not None:
            self._delivery.beat_accepted()

    def answered(self) -> bool:
        """Whether the log server has taken something, a check or logs, under these settings."""
        return self._check.reached

    def alerts(self) -> tuple[str, ...]:
        """What an admin must know now."""
        seen = self._delivery.status() if self._delivery else None
        if seen is None or seen.last_failure is None:
            return self._check.alerts()
        failure = seen.last_failure
        if seen.state == "paused":
            return (f"Sending logs is paused. {failure.cause} {_WAY_ON}",)
        if failure.stage == "host_key":
            return (f"{failure.cause} Logs are not sent until this is settled.",)
        return ()

    def status(self) -> LogServerStatus:
        """The status of this moment."""
        if self._delivery is None:
            return self._shown(LogServerStatus(state=ServerState.DISABLED), None)
        seen = self._delivery.status()
        return self._shown(self._check.status(), seen)

    def _shown(self, check: LogServerStatus, seen: DeliveryStatus | None) -> LogServerStatus:
        failure, wait, last_at, age = check.last_failure, None, self._last_at, None
        if seen is not None:
            last_at, wait = seen.last_delivery_at or last_at, seen.next_delivery_in_seconds
            age = seen.last_delivery_age_seconds
            if seen.last_failure:
                failure = seen.last_failure
            elif failure and check.next_delivery_in_seconds is not None:
                wait = min(check.next_delivery_in_seconds, wait if wait is not None else float("inf"))
        failure = self._unstarted or failure
        if age is None and last_at is not None:  # delivered before this start: only its date is known
            age = max(0.0, (self._clock.now() - last_at).total_seconds())
        return LogServerStatus(
            state=ServerState.FAILING if failure else check.state,
            delivery=seen.state if seen else "disabled",
            progress=ProgressInfo(**asdict(seen.progress)) if seen and seen.progress else None,
            last_delivery_at=last_at,
            last_delivery_age_seconds=None if age is None else round(age, 3),
            next_delivery_in_seconds=None if wait is None else round(wait, 3),
            last_failure=failure,
        )
