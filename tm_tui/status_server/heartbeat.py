"""One beat: up and running, ready for mitigation. Its answer tells the time and what there is to fetch."""

from dataclasses import dataclass

from pydantic import ValidationError

from tm_tui import __version__
from tm_tui.clock import Clock
from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.https import LinkClient, call
from tm_tui.status_server.protocol import HeartbeatReply, HeartbeatRequest, Notice

__all__ = ["Accepted", "Facts", "NotRegistered", "beat"]

_PATH = "/v1/heartbeat"


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
    skew_seconds: float
    """The appliance's clock minus the server's, both at the middle of the round trip."""
    notices: tuple[Notice, ...]


class NotRegistered(LinkFailure):
    """The status server does not know the appliance (any more)."""

    def __init__(self, target: str) -> None:
        super().__init__(
            "not-registered",
            "service",
            f"{target} does not know this appliance: it was removed from the Registered Products.",
            "Nothing to do: the appliance registers again. To stop that, switch off sending to TMSP.",
        )


async def beat(
    client: LinkClient,
    appliance: str,
    heartbeat_seconds: int,
    facts: Facts,
    clock: Clock,
    *,
    probe: bool = False,
) -> Accepted:
    """Send one beat (docs/protocol.md). Raises NotRegistered, LinkFailure."""
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
    )
    link = client.link
    reply = await call(client, "POST", _PATH, json=request.model_dump(mode="json"), accept=(404,))
    if reply.status == 404:
        raise NotRegistered(link.endpoint.authority)
    round_trip = clock.monotonic() - started
    try:
        told = HeartbeatReply.model_validate_json(reply.body)
    except ValidationError:
        raise failure("reply-not-understood", "service", link.endpoint, link.proxy) from None
    if told.server_time.tzinfo is None:
        raise failure("reply-not-understood", "service", link.endpoint, link.proxy)
    skew = (sent_at - told.server_time).total_seconds() + round_trip / 2
    return Accepted(round_trip, skew, told.notices)
