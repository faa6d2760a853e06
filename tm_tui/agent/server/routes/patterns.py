"""Custom patterns on the control socket: what is here, check now, deploy. Roles are checked outside."""

from typing import TYPE_CHECKING

from starlette.requests import Request

from tm_tui.agent.core import Core
from tm_tui.agent.server.binding import Bound, bind, bind_order
from tm_tui.api import calls, orders
from tm_tui.api.patterns import DeploymentInfo, PatternsDocument, RootForgotten
from tm_tui.api.requests import DeployRequest
from tm_tui.patterns.custom_patterns import CustomPatterns, DeploymentRefused
from tm_tui.patterns.deployer_protocol import DeployerFailure
from tm_tui.patterns.deployment_record import Deployment
from tm_tui.patterns.pattern_status import deployment_info
from tm_tui.serving.refusals import Refused

if TYPE_CHECKING:
    from tm_tui.api.agent import SessionInfo
    from tm_tui.changes import Changed

__all__ = ["patterns_routes"]

_WAIT = 25.0
_SLICE = 1.0
"""The agent's end is noticed at least this soon."""


def patterns_routes(core: Core) -> list[Bound]:
    """Make the routes."""
    patterns: CustomPatterns = core.patterns

    async def show(_request: Request) -> PatternsDocument:
        return await patterns.document()

    async def check(_request: Request) -> PatternsDocument:
        if patterns.fetching.state == "disabled":
            cause = (
                "Sending to TMSP is switched off, or the portal removed this appliance: "
                "custom patterns are not downloaded."
            )
            remedy = 'Switch on "Send logs and data to TMSP", or save the settings to register again.'
            raise Refused(409, "disabled", cause, remedy)
        patterns.fetching.look()
        return await patterns.document()

    async def deploy(request: Request, wanted: DeployRequest) -> DeploymentInfo:
        asking: SessionInfo = request.state.session
        try:
            begun = await patterns.begin(wanted, asking.user)
        except (DeploymentRefused, DeployerFailure) as refused:
            raise Refused(409, refused.code, refused.cause, refused.remedy) from None
        return deployment_info(begun, core.clock.monotonic())

    async def deployment(request: Request) -> DeploymentInfo:
        number = request.path_params["number"]
        found = await patterns.deploying.find(number)
        if found is None:
            raise Refused(404, "not-found", f"There is no deployment {number}.", "See GET /v1/patterns.")
        if request.query_params.get("wait") == "1":
            await _until_done(found, core)
        return deployment_info(found, core.clock.monotonic())

    async def forget_root(_request: Request) -> RootForgotten:
        return RootForgotten(forgotten=await patterns.fetching.forget_root())

    return [
        bind(calls.PATTERNS, show),
        bind(calls.CHECK_PATTERNS, check),
        bind(calls.FORGET_ROOT, forget_root),
        bind_order(orders.DEPLOY, deploy),
        bind(calls.DEPLOYMENT, deployment),
    ]


async def _until_done(one: Deployment, core: Core) -> None:
    """Wait until it is done, 25 s at most."""
    until = core.clock.monotonic() + _WAIT
    changed: Changed = core.changed
    while not one.done and (left := until - core.clock.monotonic()) > 0 and not core.stopping.is_set():
        await core.clock.wait(changed.event, min(left, _SLICE))
