"""GET /v1/activity and its stream: what the agent did of late."""

from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tm_tui.agent.core import Core
from tm_tui.agent.server.streams import Events, event, event_stream
from tm_tui.serving.refusals import answer

__all__ = ["activity_routes"]


def activity_routes(core: Core) -> list[Route]:
    """Make the routes."""

    async def show(_request: Request) -> Response:
        return answer(core.activity.lines())

    async def stream(request: Request) -> Response:
        return event_stream(_lines(core), request, core.clock, core.stopping)

    return [
        Route("/v1/activity", show, methods=["GET"]),
        Route("/v1/activity/stream", stream, methods=["GET"]),
    ]


async def _lines(core: Core) -> Events:
    async with aclosing(core.activity.follow()) as new:
        async for lines in new:
            yield b"".join(event("line", line) for line in lines)
