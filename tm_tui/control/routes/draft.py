"""/v1/draft: what a console had unsaved when it logged out, for the same user alone."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tm_tui.control.api import DraftRequest
from tm_tui.control.core import Core
from tm_tui.control.http import Refused, answer, body_of, uid_of

__all__ = ["draft_routes"]


def draft_routes(core: Core) -> list[Route]:
    """Make the routes."""

    async def show(request: Request) -> Response:
        kept = core.drafts.of(uid_of(request))
        if kept is None:
            cause = "Nothing that you typed is kept."
            raise Refused(404, "not-found", cause, "The agent keeps it when a console logs out by itself.")
        return answer(kept)

    async def keep(request: Request) -> Response:
        wanted = await body_of(request, DraftRequest)
        return answer(core.drafts.keep(uid_of(request), request.state.session, wanted))

    async def drop(request: Request) -> Response:
        core.drafts.drop(uid_of(request))
        return answer(request.state.session)

    return [
        Route("/v1/draft", show, methods=["GET"]),
        Route("/v1/draft", keep, methods=["PUT"]),
        Route("/v1/draft", drop, methods=["DELETE"]),
    ]
