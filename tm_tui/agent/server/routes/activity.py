"""GET /v1/activity and its stream: what the agent did of late."""

from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response

from tm_tui.agent.core import Core
from tm_tui.agent.server.binding import Bound, bind
from tm_tui.agent.server.streams import Events, event, event_stream
from tm_tui.api import calls
from tm_tui.api.agent import ActivityLine

__all__ = ["activity_routes"]


def activity_routes(core: Core) -> list[Bound]:
    """Make the routes."""

    async def show(_request: Request) -> tuple[ActivityLine, ...]:
        return core.activity.lines()

    async def stream(request: Request) -> Response:
        return event_stream(_lines(core), request, core.clock, core.stopping)

    return [
        bind(calls.ACTIVITY, show),
        bind(calls.ACTIVITY_STREAM, stream),
    ]


async def _lines(core: Core) -> Events:
    async with aclosing(core.activity.follow()) as new:
        async for lines in new:
            yield b"".join(event("line", line) for line in lines)
