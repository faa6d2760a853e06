"""One beat: up and running, ready for mitigation. Its answer tells the time and what there is to fetch."""

from dataclasses import dataclass
from datetime import datetime

from tm_tui import __version__
from tm_tui.clock import Clock
from tm_tui.link.failures import LinkFailure, failure, words_in
from tm_tui.link.https import LinkClient, Reply, call, refusal_of
from tm_tui.link.types import Link
from tm_tui.status_server.protocol import HeartbeatRequest, Notice, PortalVersion
from tm_tui.status_server.removal import removal_in
from tm_tui.status_server.replies import read_beat

__all__ = ["NOT_REGISTERED", "Accepted", "Facts", "beat"]

_PATH = "/v1/heartbeat"

NOT_REGISTERED = "not-registered"
"""The code of a beat that the status server refused as it does not know the appliance (any more)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a beat tells of the agent."""

    revision: int
    uptime_seconds: float
    waiting_events: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """A beat that the status server took."""

    round_trip_seconds: float
    skew_seconds: float | None
    """The appliance's clock minus the server's, both at the middle of the round trip; None: it tells none."""
    notices: tuple[Notice, ...]
    server_time: datetime | None = None
    odd: tuple[str, ...] = ()
    """Sentences about what of the reply was left out."""
    clone: bool = False
    """The server hears from another machine under this identity."""
    portal: PortalVersion | None = None


async def beat(
    client: LinkClient,
    appliance: str,
    heartbeat_seconds: int,
    facts: Facts,
    clock: Clock,
    *,
    probe: bool = False,
    instance: str = "",
) -> Accepted:
    """Send one beat (docs/protocol.md). Raises Removed, LinkFailure."""
    sent_at, started = clock.now(), clock.monotonic()
    request = HeartbeatRequest(
        appliance=appliance,
        version=__version__,
        sent_at=sent_at,
        heartbeat_seconds=heartbeat_seconds,
        revision=facts.revision,
        uptime_seconds=facts.uptime_seconds,
        waiting_events=facts.waiting_events,
        probe=probe,
        instance=instance,
    )
    link = client.link
    body = request.model_dump(mode="json")
    reply = await call(client, "POST", _PATH, json=body, accept=(200, 201, 404, 410), repeatable=True)
    if reply.status in {404, 410}:
        raise _refused(reply, link, probe=probe)
    round_trip = clock.monotonic() - started
    told = read_beat(reply.body)
    if told is None:
        raise failure("reply-not-understood", "service", link.endpoint, link.proxy)
    there = told.server_time
    skew = None if there is None else (sent_at - there).total_seconds() + round_trip / 2
    return Accepted(round_trip, skew, told.notices, there, told.odd, told.clone, told.portal)


def _refused(reply: Reply, link: Link, *, probe: bool) -> LinkFailure:
    """Tell apart who does not know us, who does not want us, and who does not know heartbeats at all."""
    if reply.status == 410:
        return removal_in(reply.body, link) or refusal_of(reply, link)
    told = words_in(reply.body)
    if probe or (told is not None and told.code != NOT_REGISTERED):  # a probe needs no registration
        return refusal_of(reply, link)
    return failure(NOT_REGISTERED, "service", link.endpoint, link.proxy)
