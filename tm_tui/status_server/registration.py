"""Registration: the portal learns which appliance this is and how often it will hear from it. Idempotent."""

from tm_tui import __version__
from tm_tui.link.failures import failure
from tm_tui.link.https import LinkClient, call, refusal_of
from tm_tui.settings.model import TmspSettings
from tm_tui.status_server.protocol import RegistrationRequest
from tm_tui.status_server.removal import removal_in
from tm_tui.status_server.replies import Registered, read_registration

__all__ = ["register", "registration_of"]

_PATH = "/v1/registration"


def registration_of(
    appliance: str, tmsp: TmspSettings, instance: str = "", *, renew: bool = False
) -> RegistrationRequest:
    """What the settings register, for this run of the agent."""
    return RegistrationRequest(
        appliance=appliance,
        version=__version__,
        edition=tmsp.edition,
        email=tmsp.email,
        heartbeat_seconds=tmsp.heartbeat_seconds,
        instance=instance,
        renew=renew,
    )


async def register(client: LinkClient, request: RegistrationRequest) -> Registered:
    """Register once (docs/protocol.md). Raises Removed, LinkFailure."""
    body = request.model_dump(mode="json")
    reply = await call(client, "POST", _PATH, json=body, accept=(200, 201, 410), repeatable=True)
    link = client.link
    if reply.status == 410:
        raise removal_in(reply.body, link) or refusal_of(reply, link)
    told = read_registration(reply.body)
    if told is None:
        raise failure("reply-not-understood", "service", link.endpoint, link.proxy)
    return told
