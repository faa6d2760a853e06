"""Asking the status server what became of the cases that it has: with the beats' cadence, or sooner."""

import asyncio
import logging
from datetime import timedelta

from tm_tui.api.case_words import CASE_STATUS
from tm_tui.cases.book import CaseBook
from tm_tui.cases.protocol import MOST_CASES, CaseTold
from tm_tui.clock import Clock
from tm_tui.errors import StorageFailed
from tm_tui.link.failures import LinkFailure
from tm_tui.link.https import LinkClient, call
from tm_tui.pace import Chance, full_jitter, spread, wait_until
from tm_tui.status_server.replies import json_object, readable

__all__ = ["Following"]

_log = logging.getLogger(__name__)

_FIRST_BACKOFF, _LONGEST_BACKOFF = 5.0, 600.0
_LONGEST_WAIT = 3600.0
_JITTER = 0.1
_FOLLOWED = timedelta(days=90)


class Following:
    """Keeps the records of submitted cases up to what the server says. `again` asks at once."""

    def __init__(
        self,
        client: LinkClient,
        appliance: str,
        book: CaseBook,
        *,
        interval: float,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._client, self._appliance, self._book = client, appliance, book
        self._interval, self._clock, self._chance = interval, clock, chance
        self.again = asyncio.Event()
        self._failures = 0

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            self.again.clear()
            wait = await self._look() if self._wanted() else self._interval
            await wait_until(self._clock, self._clock.monotonic() + wait, self.again)

    def _wanted(self) -> bool:
        oldest = self._clock.now() - _FOLLOWED
        return any(
            record.state == "submitted"
            and record.server == self._client.link.endpoint.authority
            and record.created_at > oldest
            for record in self._book.records()
        )

    async def _look(self) -> float:
        """Ask once; seconds to wait."""
        try:
            reply = await call(self._client, "GET", f"/v1/cases?appliance={self._appliance}", accept=(200,))
        except LinkFailure as failure:
            return self._backoff(failure.retry_after or 0.0)
        told = json_object(reply.body)
        if told is None or not isinstance(told.get("cases"), list):
            return self._backoff(0.0)
        cases = readable(CaseTold, told["cases"][:MOST_CASES])
        self._failures = 0
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

    def _backoff(self, asked: float) -> float:
        """The uploads say what is wrong with the way; a server without a list of cases is left in peace."""
        self._failures += 1
        wait = full_jitter(self._failures, _FIRST_BACKOFF, _LONGEST_BACKOFF, self._chance)
        return max(wait, min(_LONGEST_WAIT, asked))
