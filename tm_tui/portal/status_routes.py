"""Status server: registration and heartbeats (docs/protocol.md, "Status server")."""

from datetime import UTC

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tm_tui import __version__
from tm_tui.portal import appliances, beats, instances, products
from tm_tui.portal.answers import model_reply, read_model
from tm_tui.portal.callers import caller_of, only, source_of
from tm_tui.portal.core import Portal
from tm_tui.portal.pattern_routes import pattern_root
from tm_tui.portal.refusals import Refused
from tm_tui.status_server.protocol import (
    OLDEST_AGENT,
    PORTAL_PRODUCT,
    PROTOCOL,
    VERSION_REFUSED,
    HeartbeatReply,
    HeartbeatRequest,
    Notice,
    RegistrationReply,
    RegistrationRequest,
    is_older,
)
from tm_tui.text import safe_text
from tm_tui.values import ZonedMoment

__all__ = ["routes"]


class _Beat(HeartbeatRequest):
    """A beat whose time has a zone."""

    sent_at: ZonedMoment


def _check_version(request: RegistrationRequest | HeartbeatRequest) -> None:
    """Raise Refused (426 `version-refused`) for an agent that this portal does not work with."""
    if request.protocol != PROTOCOL:
        what = f"version {request.protocol} of the link protocol, and this portal version {PROTOCOL}"
        cause = f"The appliance {request.appliance} speaks {what}."
    elif is_older(request.version, OLDEST_AGENT):
        cause = f"Version {safe_text(request.version, 40)} of the agent is older than {OLDEST_AGENT}."
    else:
        return
    remedy = f"Update the appliance or the portal: portal {__version__} takes agents from {OLDEST_AGENT} on."
    raise Refused(426, VERSION_REFUSED, cause, remedy, headers={"upgrade": f"TMSP/{PROTOCOL}"})


def routes(portal: Portal) -> list[Route]:
    """POST /v1/registration and /v1/heartbeat."""

    async def registration(request: Request) -> Response:
        wanted = await read_model(request, RegistrationRequest)
        _check_version(wanted)
        now, account = portal.clock.now(), caller_of(request).name
        since, created = await portal.database.call(products.register, wanted, account, now.astimezone(UTC))
        await portal.database.call(instances.note, wanted.appliance, wanted.instance, source_of(request), now)
        portal.log.say("registered", appliance=wanted.appliance, account=account, new=created)
        root = await pattern_root(portal)
        reply = RegistrationReply(
            product=PORTAL_PRODUCT,
            version=__version__,
            appliance=wanted.appliance,
            registered_at=since,
            server_time=now,
            pattern_root=root,
        )
        return model_reply(reply, 201 if created else 200)

    async def heartbeat(request: Request) -> Response:
        beat, account = await read_model(request, _Beat), caller_of(request).name
        _check_version(beat)
        if beat.probe:
            await portal.database.read(appliances.check_owner, beat.appliance, account)
            return answer()
        now = portal.clock.now()
        taken = await portal.database.call(beats.take, beat, source_of(request), now, account)
        if taken is None:
            cause = f"The appliance {beat.appliance} is not registered with this portal."
            raise Refused(404, "not-registered", cause, "Register it at the status server.")
        return answer(taken.notices, clone=taken.clone)

    def answer(found: tuple[Notice, ...] = (), *, clone: bool = False) -> Response:
        """What the portal says of itself stands in each reply to a beat."""
        now = portal.clock.now()
        return model_reply(
            HeartbeatReply(
                product=PORTAL_PRODUCT, version=__version__, server_time=now, notices=found, clone=clone
            )
        )

    return [
        Route("/v1/registration", only("appliance", registration), methods=["POST"]),
        Route("/v1/heartbeat", only("appliance", heartbeat), methods=["POST"]),
    ]
