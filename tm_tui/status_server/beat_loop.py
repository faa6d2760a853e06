"""The loop behind the beats: register, beat on the grid, back off, register again when forgotten.

The grid (`BeatSchedule`) is on the monotonic clock: no round trip and no other work shifts it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tm_tui.clock import Clock, wait_until
from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.https import LinkClient
from tm_tui.retry import Chance, asked_by, spread
from tm_tui.status_server.heartbeat import NOT_REGISTERED, Facts, beat
from tm_tui.status_server.protocol import Notice, RegistrationRequest
from tm_tui.status_server.registration import register
from tm_tui.status_server.removal import RegistrationRecord, Removed
from tm_tui.status_server.server_state import Standing

__all__ = ["BeatSchedule", "Heart", "Noticed"]

_log = logging.getLogger(__name__)

Noticed = Callable[[tuple[Notice, ...]], None]
"""Told the notices that are new."""


class Heart:
    """Beats for one set of settings, and notes in `standing` how it went, in `record` what is kept of it.

    `registration` makes the request anew for each time: it says what the record says. `limit` is how many
    seconds one exchange may take.
    """

    def __init__(
        self,
        client: LinkClient,
        registration: Callable[[], RegistrationRequest],
        standing: Standing,
        record: RegistrationRecord,
        *,
        facts: Callable[[], Facts],
        changed: Callable[[], None],
        noticed: Noticed,
        clock: Clock,
        chance: Chance,
        limit: float,
    ) -> None:
        self._client = client
        self._registration = registration
        self._standing, self._record = standing, record
        self._facts = facts
        self._changed = changed
        self._noticed = noticed
        self._clock = clock
        self._chance = chance
        self._limit = limit
        self._never = asyncio.Event()
        self._said: set[str] = set()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            # A portal that registers us and does not know us, again and again, is not asked at once.
            if self._standing.retry.count > 1:
                await self._wait(self._standing.retry.again)
            await self._register()
            removed = await self._beat()
            if removed is not None:
                await self._removed(removed)

    async def _register(self) -> None:
        """Try until the portal accepts."""
        while True:
            try:
                async with asyncio.timeout(self._limit):
                    reply = await register(self._client, self._registration())
            except Removed as removed:
                await self._removed(removed)
                continue
            except LinkFailure as error:
                refused = error
            except TimeoutError:
                refused = self._late()
            else:
                _log.info("Registered as %s.", reply.appliance)
                self._say_odd(reply.odd)
                since = reply.registered_at or self._clock.now()
                self._standing.registered(since, reply.pattern_root, reply.portal)
                await self._record.accepted()
                return
            self._standing.refused(refused)
            await self._wait(self._standing.retry.again)

    async def _removed(self, removed: Removed) -> None:
        """Note that the portal removed us, and wait: it is asked seldom whether it wants us back."""
        at = removed.removed_at or self._standing.removed_at or self._clock.now()
        self._standing.removed(removed, at)
        await self._record.removed(at)
        await self._wait(self._standing.retry.again)

    async def _beat(self) -> Removed | None:
        """Beat until the portal does not know us any more. Returns what it says if it removed us."""
        schedule = BeatSchedule(self._standing.interval, self._chance, self._clock.monotonic(), self._limit)
        while True:
            self._standing.missed += schedule.begin(self._clock.monotonic())
            refused = await self._beat_once()
            if refused is None:
                schedule.accepted()
            elif isinstance(refused, Removed):
                return refused
            elif refused.code == NOT_REGISTERED:
                return None
            else:
                schedule.failed(self._standing.retry.left(), self._clock.monotonic(), asked_by(refused))
            await self._wait(schedule.due)

    async def _beat_once(self) -> LinkFailure | None:
        request = self._registration()
        try:
            with self._lamp():
                async with asyncio.timeout(self._limit):
                    accepted = await beat(
                        self._client,
                        request.appliance,
                        request.heartbeat_seconds,
                        self._facts(),
                        self._clock,
                        instance=request.instance,
                    )
        except LinkFailure as error:
            refused = error
        except TimeoutError:
            refused = self._late()
        else:
            if self._standing.last_failure or self._standing.last_beat is None:
                _log.info("Beats are accepted.")
            self._say_odd(accepted.odd)
            new = self._standing.beat_accepted(accepted, self._clock.monotonic(), self._clock.now())
            if new:
                self._noticed(new)
            return None
        if isinstance(refused, Removed):
            self._standing.missed += 1
            return refused
        self._standing.beat_missed(refused)
        self._changed()
        return refused

    async def _wait(self, moment: float) -> None:
        """Wait, and tell when "connected" runs out meanwhile."""
        self._standing.next_try = moment
        self._changed()
        flip = self._standing.connected_until
        if flip is not None and self._clock.monotonic() < flip < moment:
            await wait_until(self._clock, flip, self._never)
            self._changed()
        await wait_until(self._clock, moment, self._never)

    @contextmanager
    def _lamp(self) -> Iterator[None]:
        """Tell when "connected" runs out during an exchange, which has its limit on the loop's clock too."""
        flip, now = self._standing.connected_until, self._clock.monotonic()
        if flip is None or not now < flip < now + self._limit:
            yield
            return
        timer = asyncio.get_running_loop().call_later(flip - now, self._changed)
        try:
            yield
        finally:
            timer.cancel()

    def _late(self) -> LinkFailure:
        link = self._client.link
        return failure("reply-timeout", "service", link.endpoint, link.proxy)

    def _say_odd(self, odd: tuple[str, ...]) -> None:
        """Log what was left out of a reply, each kind once."""
        for sentence in odd:
            if sentence not in self._said:
                self._said.add(sentence)
                _log.warning("%s", sentence)


_JITTER = 0.1


class BeatSchedule:
    """The due moments of the beats, and how many of them passed without one. All in monotonic seconds.

    No exchange takes longer than `exchange`, so that a beat which is later than that waited for a suspend.
    """

    def __init__(self, interval: float, chance: Chance, now: float, exchange: float | None = None) -> None:
        self._interval = interval
        self._exchange = 0.8 * interval if exchange is None else exchange
        self._chance = chance
        self._previous: float | None = None
        self.due = now

    def begin(self, now: float) -> int:
        """Take the beat that is due now. Return how many came due since the last one and were not sent.

        So it is after a long backoff, or when the machine was suspended. Then the grid begins anew: on the
        old one the next beat would follow at once.
        """
        if now - self.due > self._exchange:
            self.due = now
        previous, self._previous = self._previous, self.due
        return 0 if previous is None else max(0, round((self.due - previous) / self._interval) - 1)

    def accepted(self) -> None:
        """Plan the next beat: the interval give or take a tenth, counted from when this one was due."""
        self.due += spread(self._interval, _JITTER, self._chance)

    def failed(self, wait: float, now: float, asked: float = 0.0) -> None:
        """Plan the next beat after a failure: `wait` later, and not before the server `asked` for it."""
        self.due = max(self.due + wait, now + asked)
