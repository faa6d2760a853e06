"""GET /v1/status, its stream, and who is asking."""

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, nullcontext

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tm_tui.control.api import EditingRequest, SessionInfo, Shape
from tm_tui.control.claims import SESSION_HEADER
from tm_tui.control.core import Core
from tm_tui.control.http import Refused, answer, body_of, uid_of
from tm_tui.control.streams import event_stream

__all__ = ["status_routes"]

_LONGEST_ID = 64


def status_routes(core: Core) -> list[Route]:
    """Make the routes."""

    async def show(_request: Request) -> Response:
        return answer(core.status())

    async def stream(request: Request) -> Response:
        identity = request.headers.get(SESSION_HEADER, "")[:_LONGEST_ID]
        following = (
            core.sessions.following(identity, request.state.session, uid_of(request))
            if identity
            else nullcontext()
        )
        return event_stream(_snapshots(core, following), core.clock, core.stopping)

    async def editing(request: Request) -> Response:
        wanted = await body_of(request, EditingRequest)
        if not core.sessions.edits(wanted.id, uid_of(request), wanted.editing):
            cause = "No console of yours with this id follows the status."
            raise Refused(404, "not-found", cause, f"Follow it with the header {SESSION_HEADER}.")
        return await session(request)

    async def session(request: Request) -> Response:
        asking: SessionInfo = request.state.session
        return answer(asking)

    return [
        Route("/v1/status", show, methods=["GET"]),
        Route("/v1/status/stream", stream, methods=["GET"]),
        Route("/v1/session", session, methods=["GET"]),
        Route("/v1/session/editing", editing, methods=["PUT"]),
    ]


async def _snapshots(
    core: Core, following: AbstractContextManager[None]
) -> AsyncGenerator[tuple[str, Shape], None]:
    with following:
        while True:
            changed = core.changed.event
            yield "status", core.status()
            await changed.wait()
