"""The service that brings packed cases to the status server of the settings in force."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Literal

from tm_tui.cases.case_records import CaseBook
from tm_tui.cases.one_upload import Progress
from tm_tui.cases.sending import CaseSending
from tm_tui.cases.troubles import Troubles
from tm_tui.clock import Clock, wait_until
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.build import build_links, status_server_way
from tm_tui.link.failures import LinkFailure
from tm_tui.link.host_keys import HostKeys
from tm_tui.link.https import LinkClient, https_client
from tm_tui.link.trying_again import HOUR, meaning_of
from tm_tui.retry import Chance
from tm_tui.service import Service
from tm_tui.settings.store import Revision

__all__ = ["CaseUploads", "UploadState"]

_REGISTRATION_SECONDS = 10.0

UploadState = Literal["disabled", "idle", "sending", "retrying", "paused"]


class CaseUploads(Service):
    """As the supervisor wants it: one upload at a time. `connect` makes the client to the status server."""

    name = "upload of cases"

    def __init__(
        self,
        appliance: str,
        host_keys: HostKeys,
        book: CaseBook,
        bandwidth: Bandwidth,
        *,
        changed: Callable[[], None],
        clock: Clock,
        chance: Chance = random.random,
        registration_known: Callable[[], bool] = lambda: True,
        connect: Callable[[Revision], LinkClient] | None = None,
    ) -> None:
        self._appliance, self._host_keys, self._book = appliance, host_keys, book
        self._bandwidth, self._changed, self._clock, self._chance = bandwidth, changed, clock, chance
        self._registration_known = registration_known
        self._connect = connect or self._client
        self._wake = asyncio.Event()
        self._sending = self._made(0.0)

    def _made(self, interval: float) -> CaseSending:
        return CaseSending(
            self._appliance,
            self._book,
            self._bandwidth,
            interval=interval,
            changed=self._changed,
            clock=self._clock,
            chance=self._chance,
        )

    def _client(self, revision: Revision) -> LinkClient:
        """Raises LinkFailure."""
        return https_client(build_links(revision, self._host_keys).status_server, bandwidth=self._bandwidth)

    # --- as the supervisor wants it

    def concerns(self, revision: Revision) -> object:
        """The way to the status server, and the pace of the beats, at which it asks what became of cases."""
        return (revision.settings.tmsp.heartbeat_seconds, status_server_way(revision))

    def prepare(self, revision: Revision) -> None:
        """What failed before may work now."""
        self._sending = self._made(revision.settings.tmsp.heartbeat_seconds)

    def alerts(self) -> tuple[str, ...]:
        """What an admin must know now."""
        way = self.troubles.way
        paused = way.last
        if paused is None or not way.paused:
            return ()
        way_on = "Save other settings, or send now. By itself it is tried again within the hour."
        if meaning_of(paused.code).pause > HOUR:
            way_on = f"{paused.remedy} Then send now; by itself it is tried again after a day."
        return (f"Uploading cases is paused. {paused.cause} {way_on}",)

    async def work(self, revision: Revision) -> None:
        """Upload until cancelled; nothing to do when sending is switched off."""
        sending = self._sending
        if not revision.settings.tmsp.enabled:
            return
        async with await self._connected(revision, sending) as client:
            await self._wait_for_registration()
            await sending.run(client)

    async def _connected(self, revision: Revision, sending: CaseSending) -> LinkClient:
        """The client, once it can be made: what keeps it from that, such as the CA file, stands here."""
        way = sending.troubles.way
        while True:
            self._wake.clear()
            try:
                return self._connect(revision)
            except LinkFailure as unusable:
                way.failed(unusable)
                self._changed()
                await wait_until(self._clock, way.again, self._wake)

    async def _wait_for_registration(self) -> None:
        moment = self._clock.monotonic() + _REGISTRATION_SECONDS
        while not self._registration_known():
            self._wake.clear()
            if not await wait_until(self._clock, moment, self._wake):
                return

    # --- from outside

    @property
    def troubles(self) -> Troubles:
        """What keeps cases from the server."""
        return self._sending.troubles

    @property
    def progress(self) -> Mapping[int, Progress]:
        """The upload that is under way, if any, by the case's number."""
        return self._sending.progress

    def state(self, *, enabled: bool) -> UploadState:
        """One word for it."""
        if not enabled:
            return "disabled"
        if self.troubles.way.paused:
            return "paused"
        if self.progress:
            return "sending"
        return "retrying" if self.troubles.any() else "idle"

    def send_now(self) -> None:
        """Try at once what waits for another try, and what is paused."""
        self.troubles.forget()
        self.wake()

    def beat_accepted(self) -> None:
        """The status server takes the credentials: if it refused them before, it is asked again."""
        self._sending.following.beat_accepted()
        if self.troubles.way.beat_accepted():
            self.wake()

    def wake(self) -> None:
        """Something outside changed: look again."""
        self._wake.set()
        self._book.announce()
