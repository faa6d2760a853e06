"""The task that delivers: by schedule or at once, again and again until the server has everything."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal

from tm_tui.clock import Clock, SystemClock, wait_until
from tm_tui.delivery.carrier import Carrier, carrier_for
from tm_tui.delivery.delivery_counts import Tally
from tm_tui.delivery.schedule import Schedule
from tm_tui.delivery.status import DeliveryStatus, Outcome, Progress, State
from tm_tui.delivery.waiters import Waiters
from tm_tui.errors import StorageFailed, TmError
from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.trying_again import Subject, meaning_of
from tm_tui.link.types import Link
from tm_tui.retry import Retry
from tm_tui.spool.batch import Batch
from tm_tui.spool.events import KINDS
from tm_tui.spool.store import Spool
from tm_tui.spool.trace import Trace, untraced

__all__ = ["DeliveryService"]

_LOOK_AGAIN = 30.0
"""Seconds after which the wall clock is read again: somebody may have set it."""
_SHORTEST = 0.05
_NO_PROGRESS = 60.0
_LAST_RUN = "last_run"
_TOO_LARGE = "http-too-large"
"""A smaller batch may be taken."""


class DeliveryService:
    """Delivers a spool's events over one link. New settings make a new service: end this one first.

    `no_progress` is how many seconds a session may stand still before it is cut.
    """

    def __init__(
        self,
        spool: Spool,
        link: Link,
        *,
        protocol: Literal["ssh", "ssl"],
        appliance: str,
        interval: float,
        clock: Clock | None = None,
        retry: Retry | None = None,
        no_progress: float = _NO_PROGRESS,
        trace: Trace = untraced,
    ) -> None:
        self._spool, self._link = spool, link
        self._carrier: Callable[[], Carrier] = lambda: carrier_for(link, protocol, appliance)
        self._schedule = Schedule.of(interval, appliance)
        self._clock: Clock = clock or SystemClock()
        self._retry = retry or Retry(self._clock, random.random, disk="spool")
        self._no_progress = no_progress
        self._trace = trace
        self._tally = Tally(self._clock)
        self._state: State = "stopped"
        self._ran: float | None = None
        self._waiters = Waiters()
        self._met: set[str] = set()
        self._tried: set[str] = set()
        """What a server may have already.

        Batches that were tried, and the first of each kind after a start.
        """
        self.changed: Callable[[], None] = lambda: None
        """Called in the event loop when there is something new to show."""

    # --- from outside

    async def begin(self) -> None:
        """Before `work`: what was missed while nothing ran is caught up once.

        Raises StorageFailed, and whoever waits for a sending is told so too.
        """
        try:
            if not self._last_run():
                await self._keep_mark(self._clock.now().timestamp())
        except StorageFailed as problem:
            self._waiters.serve()
            self._waiters.answer(Outcome(0, 0, problem))
            raise
        self._set("idle")

    async def work(self) -> None:
        """Deliver until cancelled, in the middle of a batch if need be: its name makes a repeat harmless."""
        try:
            while True:
                self._set("idle")
                await self._until_due()
                await self._drain()
        finally:
            self.dismiss()

    def dismiss(self) -> None:
        """Nothing is delivered any more: nobody waits for it in vain."""
        self._set("stopped")
        self._waiters.dismiss()

    @property
    def wanted(self) -> asyncio.Event:
        """Set while somebody waits for a sending that has not begun."""
        return self._waiters.wanted

    def send_now(self) -> "asyncio.Future[Outcome]":
        """Seal and deliver everything now, even when paused. The result comes after the first attempt.

        It is cancelled when delivery ends before that, however it ends.
        """
        return self._waiters.add()

    def beat_accepted(self) -> None:
        """The status server takes these credentials: what refused them may have been ill."""
        if self._state == "paused" and self._retry.beat_accepted():
            self.send_now()

    def progress(self) -> Progress | None:
        """How far the sending under way has come; None while nothing is sent."""
        return self._tally.progress() if self._state == "sending" else None

    def status(self) -> DeliveryStatus:
        """Everything to show, at this moment."""
        tally = self._tally
        failing = self._retry.last if self._state in {"retrying", "paused"} else None
        alerts = (
            ("Logs are not sent any more: " + failing.cause,) if failing and self._state == "paused" else ()
        )
        return DeliveryStatus(
            state=self._state,
            last_delivery_at=tally.last_at,
            last_delivery_age_seconds=tally.last_age(),
            next_delivery_in_seconds=self._next_in(),
            last_failure=self._retry.last,
            progress=self.progress(),
            delivered_batches=tally.delivered_batches,
            delivered_events=tally.delivered_events,
            alerts=alerts,
        )

    def _next_in(self) -> float | None:
        if self._state == "idle":
            return max(0.0, self._schedule.seconds_until_next(self._clock.now().timestamp()))
        if self._state == "retrying":
            return self._retry.left()
        return 0.0 if self._state == "sending" else None

    # --- the task

    async def _until_due(self) -> None:
        while not self._waiters.wanted.is_set():
            now = self._clock.now().timestamp()
            if self._schedule.is_due(self._last_run(), now):
                return
            if self._schedule.slot(now) < self._schedule.slot(self._last_run()):  # the clock was set back
                await self._mark(now)
            wait = self._schedule.seconds_until_next(now)
            await self._clock.wait(self._waiters.wanted, max(_SHORTEST, min(_LOOK_AGAIN, wait)))

    def _last_run(self) -> float:
        # The mark is rounded, maybe to before the slot that was served, which would be due again at once.
        return self._spool.mark(_LAST_RUN) / 1000 if self._ran is None else self._ran

    async def _keep_mark(self, moment: float) -> None:
        self._ran = moment
        await self._spool.put_mark(**{_LAST_RUN: round(moment * 1000)})

    async def _mark(self, moment: float) -> None:
        with suppress(StorageFailed):  # then the run is repeated after a restart, which does no harm
            await self._keep_mark(moment)

    async def _drain(self) -> None:
        """Try until nothing of what waited at the beginning waits any more."""
        began, first = self._clock.now().timestamp(), True
        while True:
            asked = self._waiters.serve()
            self._set("sending")
            before = self._tally.delivered()
            problem = await self._attempt(seal=first or asked)
            first = False
            batches, events = self._tally.since(before)
            self._waiters.answer(Outcome(batches, events, problem))
            if problem is None:
                break
            if batches:
                self._retry.moved()
            await self._after(problem)
        self._retry.succeeded()
        await self._mark(began)

    async def _after(self, problem: TmError) -> None:
        """Wait as the failure asks for, or until somebody wants it sent."""
        self._retry.failed(problem)
        self._set("paused" if self._retry.refused else "retrying")
        await wait_until(self._clock, self._retry.again, self._waiters.wanted)

    async def _attempt(self, *, seal: bool) -> TmError | None:
        """One session: seal what waits, deliver it in order; the failure that ended it, if any."""
        sealing: TmError | None = None
        try:
            await self._spool.seal(everything=seal)
        except StorageFailed as problem:  # a full disk: delivering what is sealed makes room
            sealing = problem
        if not self._spool.batches():
            return sealing
        self._tally.begin(self._spool.batches())
        try:
            async with self._watched(self._no_progress) as alive, self._carrier() as carrier:
                return await self._deliver_all(carrier, alive) or sealing
        except (LinkFailure, StorageFailed) as problem:
            return problem

    @asynccontextmanager
    async def _watched(self, seconds: float) -> AsyncIterator[Callable[[], None]]:
        """Cut whatever happens inside when there is no sign of life for so long."""
        loop = asyncio.get_running_loop()

        def alive() -> None:
            if not deadline.expired():  # else a part that has not heard of the end yet says so
                deadline.reschedule(loop.time() + seconds)

        try:
            async with asyncio.timeout(seconds) as deadline:
                yield alive
        except TimeoutError:
            raise failure("send-timeout", "service", self._link.endpoint, self._link.proxy) from None

    async def _deliver_all(self, carrier: Carrier, alive: Callable[[], None]) -> TmError | None:
        """Each kind in its order. What the server refuses of one kind does not hold up the other."""
        upto = self._tally.upto
        refused: LinkFailure | None = None
        for kind in KINDS:
            try:
                while batch := next((one for one in self._spool.batches() if one.kind == kind), None):
                    if batch.first > upto:
                        break
                    await self._deliver(carrier, batch, alive)
            except LinkFailure as problem:
                if Subject.BATCH not in meaning_of(problem.code).alone:
                    raise
                refused = problem
        return refused

    async def _deliver(self, carrier: Carrier, batch: Batch, alive: Callable[[], None]) -> None:
        data = await self._spool.read(batch)
        if data is None:  # damaged: what is left of it was sealed anew, and comes next
            return
        again = batch.name in self._tried or batch.kind not in self._met
        self._met.add(batch.kind)
        self._tried.add(batch.name)
        self._trace("send")
        left = len(data)

        def sent(size: int) -> None:
            nonlocal left
            self._sent(size, alive)
            left -= size
            if left <= 0:
                self._trace("reply")

        try:
            await carrier.deliver(batch.name, data, sent, again=again)
        except LinkFailure as problem:
            if problem.code != _TOO_LARGE or not await self._spool.split(batch):
                raise
            alive()
            return
        self._trace("sent")
        alive()
        await self._spool.confirm(batch)
        self._tried.discard(batch.name)
        self._tally.delivered_one(batch)
        self._retry.moved()
        self.changed()

    def _sent(self, size: int, alive: Callable[[], None]) -> None:
        alive()
        self._tally.sent(size)
        self.changed()

    def _set(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self.changed()
