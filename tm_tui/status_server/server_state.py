"""How things stand with the status server. What depends on time is worked out when it is asked for."""

import logging
import random
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from tm_tui.api.agent import LastFailure, ServerState, StatusServerStatus
from tm_tui.api.shapes import PortalInfo
from tm_tui.clock import Clock, SystemClock
from tm_tui.link.failures import LinkFailure
from tm_tui.retry import SLOWLY, USUAL, Chance, Pace, Retry
from tm_tui.spoken import apart, utc_time
from tm_tui.status_server.heartbeat import NOT_REGISTERED, Accepted
from tm_tui.status_server.protocol import PROTOCOL, Notice, PortalVersion

__all__ = ["Standing", "beats_retry"]

_log = logging.getLogger(__name__)

_MOST_NOTICES = 1000
_TOLD = frozenset({"http-forbidden", "version-refused"})
"""Refusals that an admin must see in the server's words."""
_REMOVED = "Nothing is sent or fetched; logs wait here. Saving the settings registers it again."
_REMOVED_AND_OFF = "Switching sending on registers it again."
_MUCH_SKEW, _YEAR = 300.0, 366 * 86400.0
_REFUSED = frozenset({"http-forbidden", "http-not-found", "http-refused", "http-conflict", "http-method"})
"""Answers of a server that understood a registration and does not want it."""


def _usual_retry() -> Retry:
    return beats_retry(SystemClock(), random.random)


def beats_retry(clock: Clock, chance: Chance) -> Retry:
    """Go on whatever is refused: a beat that is accepted tells all others that it is over."""
    return Retry(clock, chance, log=_log, heeds=False)


@dataclass(slots=True)
class Standing:
    """Since these settings are in force; `accepted` and `missed` since the agent started.

    Moments without a date are monotonic seconds.
    """

    enabled: bool
    interval: float
    retry: Retry = field(default_factory=_usual_retry)
    next_try: float | None = None
    unregistered: bool = False
    removed_at: datetime | None = None
    """Since when the portal does not want it; the appliance asks seldom then, and sends nothing else."""
    portal: PortalVersion | None = None
    registered_at: datetime | None = None
    pattern_root: str | None = None
    accepted: int = 0
    missed: int = 0
    last_beat: float | None = None
    last_beat_at: datetime | None = None
    connected_until: float | None = None
    round_trip: float | None = None
    skew: float | None = None
    server_time: datetime | None = None
    clone: bool = False
    notices: OrderedDict[tuple[str, str], Notice] = field(default_factory=OrderedDict)

    @property
    def last_failure(self) -> LastFailure | None:
        """How the last try failed."""
        return self.retry.last

    def registered(
        self, at: datetime, pattern_root: str | None = None, portal: PortalVersion | None = None
    ) -> None:
        """The portal accepted the registration, and said by which root patterns are verified."""
        self.unregistered, self.removed_at, self.portal = False, None, portal
        self.registered_at, self.pattern_root = at, pattern_root

    def refused(self, failure: LinkFailure) -> None:
        """A registration failed. A server that says why, in the protocol's form, is one that knows us."""
        self.retry.failed(failure, "Registration failed")
        self.unregistered = failure.code in _REFUSED and failure.told is None

    def beat_accepted(self, beat: Accepted, moment: float, at: datetime) -> tuple[Notice, ...]:
        """A beat was accepted at `moment`: connected for two intervals from then. Returns the new notices."""
        self.accepted += 1
        self.last_beat, self.last_beat_at = moment, at
        self.connected_until = moment + 2 * self.interval
        self.round_trip = beat.round_trip_seconds
        self.skew, self.server_time = beat.skew_seconds, beat.server_time
        self.retry.succeeded()
        self.clone = beat.clone
        self.portal = beat.portal or self.portal
        told = {(notice.kind, notice.id): notice for notice in beat.notices}
        new = tuple(notice for key, notice in told.items() if key not in self.notices)
        for key, notice in told.items():  # what still stands is the newest, and not forgotten
            self.notices[key] = notice
            self.notices.move_to_end(key)
        while len(self.notices) > _MOST_NOTICES:
            self.notices.popitem(last=False)
        return new

    def beat_missed(self, failure: LinkFailure) -> None:
        """A beat was not accepted: the next one follows later, or a registration."""
        self.missed += 1
        unknown = failure.code == NOT_REGISTERED
        pace = USUAL if unknown else Pace.around(self.interval)
        self.retry.failed(failure, "A beat was not accepted", pace=pace)
        if unknown:
            self.unregistered, self.registered_at, self.connected_until = True, None, None

    def removed(self, failure: LinkFailure, removed_at: datetime) -> None:
        """The portal's operator removed the appliance, at `removed_at`: it is asked seldom from now on."""
        if self.removed_at is None:
            self.retry.forget()
        self.retry.failed(failure, "This appliance was removed", pace=SLOWLY)
        self.removed_at, self.registered_at, self.connected_until = removed_at, None, None

    def state(self, now: float) -> ServerState:
        """One word for it. Connected means that a beat was accepted within two intervals, never less."""
        if not self.enabled:
            return ServerState.DISABLED
        if self.unregistered or self.removed_at is not None:
            return ServerState.UNREGISTERED
        if self.connected_until is not None and now < self.connected_until:
            return ServerState.CONNECTED
        return ServerState.FAILING if self.last_failure else ServerState.CONNECTING

    def show(self, now: float) -> StatusServerStatus:
        """Make the part of the snapshot."""
        return StatusServerStatus(
            state=self.state(now),
            registered_at=self.registered_at,
            removed_at=self.removed_at,
            portal=self._portal(),
            beats_accepted=self.accepted,
            beats_missed=self.missed,
            last_beat_at=self.last_beat_at,
            last_beat_age_seconds=None if self.last_beat is None else round(now - self.last_beat, 3),
            next_beat_in_seconds=None if self.next_try is None else round(max(0.0, self.next_try - now), 3),
            round_trip_ms=None if self.round_trip is None else round(self.round_trip * 1000, 3),
            clock_skew_seconds=None if self.skew is None else round(self.skew, 3),
            last_failure=self.last_failure,
        )

    def _portal(self) -> PortalInfo | None:
        told = self.portal
        if told is None:
            return None
        return PortalInfo(
            product=told.product, version=told.version, protocol=told.protocol or PROTOCOL, fits=told.fits
        )

    def _dates(self) -> str:
        """What both clocks say, when one of them was never set: a difference of decades says little."""
        if self.skew is None or self.server_time is None or self.last_beat_at is None:
            return ""
        if abs(self.skew) < _YEAR:
            return ""
        there, here = (utc_time(one, "%Y-%m-%d") for one in (self.server_time, self.last_beat_at))
        return f" The server's date is {there}, this appliance's {here}: set the one that is wrong."

    def alerts(self) -> tuple[str, ...]:
        """Make the sentences that an admin must see."""
        found = []
        failure = self.last_failure
        if failure and failure.code == "http-auth-refused":
            found.append("The status server does not accept this appliance's user name and password.")
        elif failure and failure.code in _TOLD:
            found.append(failure.cause)
        if self.removed_at is not None:
            removed = "The portal removed this appliance from its Registered Products"
            back = _REMOVED if self.enabled else _REMOVED_AND_OFF
            found.append(f"{removed} on {utc_time(self.removed_at)} UTC. {back}")
        if self.portal is not None and not self.portal.fits:
            found.append(
                f"The portal speaks version {self.portal.protocol} of the link protocol, this appliance"
                f" version {PROTOCOL}: update the older one of the two."
            )
        if self.skew is not None and abs(self.skew) > _MUCH_SKEW:
            found.append(f"The appliance's clock is {apart(self.skew)} the status server's.{self._dates()}")
        if self.clone:
            found.append(
                "Another machine beats under this appliance's identity, as a copy of it does."
                " The portal's operator sees from where both come. Give the copy an identity of its own:"
                " stop its agent, then `tm-tui identity new`."
            )
        return tuple(found)
