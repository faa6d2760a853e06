"""POST /v1/trial/...: keep what is on trial, take it back, say that a rollback has been seen."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tm_tui.agent.core import Core
from tm_tui.agent.server.documents import document_of
from tm_tui.agent.server.http import expected_revision, who_of
from tm_tui.serving.refusals import answer

__all__ = ["trial_routes"]


def trial_routes(core: Core) -> list[Route]:
    """Make the routes."""

    async def confirm(request: Request) -> Response:
        await core.confirm(expected_revision(request), who_of(request))
        return answer(document_of(core.revision))

    async def take_back(request: Request) -> Response:
        return answer(document_of(await core.take_back(expected_revision(request), who_of(request))))

    async def acknowledge(request: Request) -> Response:
        await core.acknowledge(who_of(request))
        return answer(core.status())

    return [
        Route("/v1/trial/confirm", confirm, methods=["POST"]),
        Route("/v1/trial/rollback", take_back, methods=["POST"]),
        Route("/v1/trial/acknowledge", acknowledge, methods=["POST"]),
    ]
