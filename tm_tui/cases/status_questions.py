"""Asking the status server what became of the cases that it has: with the beats' cadence, or sooner."""

import asyncio
import logging
from datetime import timedelta

from tm_tui.api.case_words import CASE_STATUS
from tm_tui.cases.case_records import CaseBook
from tm_tui.cases.protocol import MOST_CASES, CaseTold
from tm_tui.clock import Clock, wait_until
from tm_tui.errors import StorageFailed
from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.https import LinkClient, call
from tm_tui.retry import SELDOM, Chance, Retry, spread
from tm_tui.status_server.replies import json_object, readable

__all__ = ["Following"]

_log = logging.getLogger(__name__)

_JITTER = 0.1
_FOLLOWED = timedelta(days=90)


class Following:
    """Keeps the records of submitted cases up to what the server says. `again` asks at once."""

    def __init__(
        self,
        appliance: str,
        book: CaseBook,
        *,
        interval: float,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._appliance, self._book = appliance, book
        self._interval, self._clock, self._chance = interval, clock, chance
        self.again = asyncio.Event()
        self._retry = Retry(clock, chance, pace=SELDOM)

    def beat_accepted(self) -> None:
        """The status server takes the credentials: if it refused them before, it is asked again."""
        if self._retry.beat_accepted():
            self.again.set()

    async def run(self, client: LinkClient) -> None:
        """Ask until cancelled. The uploads say what is wrong with the way; nothing is told here."""
        while True:
            self.again.clear()
            wait = await self._look(client) if self._wanted(client) else self._interval
            await wait_until(self._clock, self._clock.monotonic() + wait, self.again)

    def _wanted(self, client: LinkClient) -> bool:
        oldest = self._clock.now() - _FOLLOWED
        return any(
            record.state == "submitted"
            and record.server == client.link.endpoint.authority
            and record.created_at > oldest
            for record in self._book.records()
        )

    async def _look(self, client: LinkClient) -> float:
        """Ask once; seconds to wait."""
        try:
            reply = await call(client, "GET", f"/v1/cases?appliance={self._appliance}", accept=(200,))
        except LinkFailure as problem:
            return self._retry.failed(problem)
        told = json_object(reply.body)
        if told is None or not isinstance(told.get("cases"), list):
            return self._retry.failed(failure("reply-not-understood", "service", client.link.endpoint))
        cases = readable(CaseTold, told["cases"][:MOST_CASES])
        self._retry.succeeded()
        by_upload = {case.upload: case for case in cases}
        for record in self._book.records():
            if record.state == "submitted" and (case := by_upload.get(record.upload)) is not None:
                await self._take(record.number, case)
        return spread(self._interval, _JITTER, self._chance)

    async def _take(self, number: int, case: CaseTold) -> None:
        before = self._book.get(number)
        try:
            after = await self._book.change(
                number,
                case_id=case.case_id,
                status=case.status,
                received_at=case.received_at,
                updated_at=case.updated_at,
                pattern_id=case.pattern_id,
            )
        except StorageFailed:
            return  # told the next time, once there is room on this disk
        if (after.status, after.pattern_id) != (before.status, before.pattern_id):
            pattern = f", pattern {after.pattern_id}" if after.pattern_id else ""
            _log.info("Case %d (%s): %s%s.", number, after.case_id, CASE_STATUS[case.status], pattern)
