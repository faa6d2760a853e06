"""Custom patterns on the control socket: what is here, check now, deploy. Roles are checked outside."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tm_tui.agent.core import Core
from tm_tui.agent.server.http import body_of
from tm_tui.api.patterns import DeployRequest, RootForgotten
from tm_tui.patterns.custom_patterns import CustomPatterns, DeploymentRefused
from tm_tui.patterns.deployer import DeployerFailure
from tm_tui.patterns.deployment import Deployment
from tm_tui.patterns.show import deployment_info
from tm_tui.serving.refusals import Refused, answer

if TYPE_CHECKING:
    from tm_tui.api.agent import SessionInfo
    from tm_tui.changes import Changed

__all__ = ["patterns_routes"]

_WAIT = 25.0
_SLICE = 1.0
"""The agent's end is noticed at least this soon."""


def patterns_routes(core: Core) -> list[Route]:
    """Make the routes."""
    patterns: CustomPatterns = core.patterns

    async def show(_request: Request) -> Response:
        return answer(await patterns.document())

    async def check(_request: Request) -> Response:
        if patterns.fetching.state == "disabled":
            cause = (
                "Sending to TMSP is switched off, or the portal removed this appliance: "
                "custom patterns are not downloaded."
            )
            remedy = "Switch it on (tmsp.enabled), or save the settings to register again; then try again."
            raise Refused(409, "disabled", cause, remedy)
        patterns.fetching.look()
        return answer(await patterns.document(), 202)

    async def deploy(request: Request) -> Response:
        wanted = await body_of(request, DeployRequest)
        asking: SessionInfo = request.state.session
        try:
            begun = await patterns.begin(wanted, asking.user)
        except (DeploymentRefused, DeployerFailure) as refused:
            raise Refused(409, refused.code, refused.cause, refused.remedy) from None
        return answer(deployment_info(begun, core.clock.monotonic()), 202)

    async def deployment(request: Request) -> Response:
        number = request.path_params["number"]
        found = await patterns.deploying.find(number)
        if found is None:
            raise Refused(404, "not-found", f"There is no deployment {number}.", "See GET /v1/patterns.")
        if request.query_params.get("wait") == "1":
            await _until_done(found, core)
        return answer(deployment_info(found, core.clock.monotonic()))

    async def forget_root(_request: Request) -> Response:
        return answer(RootForgotten(forgotten=await patterns.fetching.forget_root()))

    return [
        Route("/v1/patterns", show, methods=["GET"]),
        Route("/v1/patterns/check", check, methods=["POST"]),
        Route("/v1/patterns/root", forget_root, methods=["DELETE"]),
        Route("/v1/patterns/deployments", deploy, methods=["POST"]),
        Route("/v1/patterns/deployments/{number:int}", deployment, methods=["GET"]),
    ]


async def _until_done(one: Deployment, core: Core) -> None:
    """Wait until it is done, 25 s at most."""
    until = core.clock.monotonic() + _WAIT
    changed: Changed = core.changed
    while not one.done and (left := until - core.clock.monotonic()) > 0 and not core.stopping.is_set():
        await core.clock.wait(changed.event, min(left, _SLICE))
