"""GET /v1/status, its stream, and who is asking."""

from collections.abc import AsyncGenerator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tm_tui.control.api import SessionInfo, Shape
from tm_tui.control.core import Core
from tm_tui.control.http import answer
from tm_tui.control.streams import event_stream

__all__ = ["status_routes"]


def status_routes(core: Core) -> list[Route]:
    """Make the routes."""

    async def show(_request: Request) -> Response:
        return answer(core.status())

    async def stream(_request: Request) -> Response:
        return event_stream(_snapshots(core), core.clock, core.stopping)

    async def session(request: Request) -> Response:
        asking: SessionInfo = request.state.session
        return answer(asking)

    return [
        Route("/v1/status", show, methods=["GET"]),
        Route("/v1/status/stream", stream, methods=["GET"]),
        Route("/v1/session", session, methods=["GET"]),
    ]


async def _snapshots(core: Core) -> AsyncGenerator[tuple[str, Shape], None]:
    while True:
        changed = core.changed.event
        yield "status", core.status()
        await changed.wait()
