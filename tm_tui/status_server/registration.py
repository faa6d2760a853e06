"""Registration: the portal learns which appliance this is and how often it will hear from it. Idempotent."""

from tm_tui import __version__
from tm_tui.link.failures import failure
from tm_tui.link.https import LinkClient, call
from tm_tui.settings.model import TmspSettings
from tm_tui.status_server.protocol import RegistrationRequest
from tm_tui.status_server.replies import Registered, read_registration

__all__ = ["register", "registration_of"]

_PATH = "/v1/registration"


def registration_of(appliance: str, tmsp: TmspSettings, instance: str = "") -> RegistrationRequest:
    """What the settings register, for this run of the agent."""
    return RegistrationRequest(
        appliance=appliance,
        version=__version__,
        edition=tmsp.edition,
        email=tmsp.email,
        heartbeat_seconds=tmsp.heartbeat_seconds,
        instance=instance,
    )


async def register(client: LinkClient, request: RegistrationRequest) -> Registered:
    """Register once (docs/protocol.md). Raises LinkFailure."""
    body = request.model_dump(mode="json")
    reply = await call(client, "POST", _PATH, json=body, accept=(200, 201), repeatable=True)
    told = read_registration(reply.body)
    if told is None:
        link = client.link
        raise failure("reply-not-understood", "service", link.endpoint, link.proxy)
    return told
