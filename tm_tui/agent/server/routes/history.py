"""/v1/history: what was saved, by whom, what changed, and the way back."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tm_tui.agent.core import Core
from tm_tui.agent.server.documents import differences_of, document_of, history_of
from tm_tui.agent.server.http import body_of, expected_revision, who_of
from tm_tui.agent.server.routes.settings import conflict_response
from tm_tui.api.agent import RestoreRequest
from tm_tui.serving.refusals import answer
from tm_tui.settings.revision import NO_REVISION
from tm_tui.settings.store import Revision, RevisionConflict

__all__ = ["history_routes"]


def history_routes(core: Core) -> list[Route]:
    """Make the routes."""

    async def get(number: int) -> Revision:
        return NO_REVISION if number == 0 else await asyncio.to_thread(core.store.get, number)

    async def everything(_request: Request) -> Response:
        revisions = await asyncio.to_thread(core.store.looked_through)
        trial = core.status().trial
        return answer(history_of(revisions, trial.revision if trial else None))

    async def one(request: Request) -> Response:
        return answer(document_of(await get(request.path_params["number"])))

    async def difference(request: Request) -> Response:
        old, new = await get(request.path_params["old"]), await get(request.path_params["new"])
        return answer(differences_of(old, new))

    async def restore(request: Request) -> Response:
        expected = expected_revision(request)
        wanted = await body_of(request, RestoreRequest, empty=RestoreRequest())
        number: int = request.path_params["number"]
        try:
            revision = await core.restore(
                number, expected=expected, who=who_of(request), note=wanted.note, trial=wanted.trial
            )
        except RevisionConflict as conflict:
            return await conflict_response(core, expected, conflict)
        return answer(document_of(revision))

    return [
        Route("/v1/history", everything, methods=["GET"]),
        Route("/v1/history/{number:int}", one, methods=["GET"]),
        Route("/v1/history/{old:int}/diff/{new:int}", difference, methods=["GET"]),
        Route("/v1/history/{number:int}/restore", restore, methods=["POST"]),
    ]
