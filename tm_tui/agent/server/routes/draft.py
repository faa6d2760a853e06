"""/v1/draft: what a console had unsaved when it logged out, for the same user alone."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tm_tui.agent.core import Core
from tm_tui.agent.server.http import body_of, uid_of
from tm_tui.api.agent import DraftRequest
from tm_tui.errors import StorageFailed
from tm_tui.serving.refusals import Refused, answer
from tm_tui.settings.model import Settings
from tm_tui.settings.revision import NO_REVISION

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
        base = await _settings_of(core, wanted.revision)
        return answer(core.drafts.keep(uid_of(request), request.state.session, wanted, base))

    async def drop(request: Request) -> Response:
        core.drafts.drop(uid_of(request))
        return answer(request.state.session)

    return [
        Route("/v1/draft", show, methods=["GET"]),
        Route("/v1/draft", keep, methods=["PUT"]),
        Route("/v1/draft", drop, methods=["DELETE"]),
    ]


async def _settings_of(core: Core, number: int) -> Settings:
    """The settings of a revision; those of an unreadable one name no server, so its passwords go to none."""
    if number == core.revision.number:
        return core.revision.settings
    try:
        return (await asyncio.to_thread(core.store.get, number)).settings
    except StorageFailed:
        return NO_REVISION.settings
