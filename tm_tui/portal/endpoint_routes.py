"""Endpoints with mitigation issues over HTTP (docs/protocol.md, "Endpoints with mitigation issues")."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tm_tui.portal import endpoints
from tm_tui.portal.callers import only
from tm_tui.portal.core import Portal

__all__ = ["routes"]

_MOST = 250
"""So many keep a reply below the megabyte that clients read."""


def routes(portal: Portal) -> list[Route]:
    """GET /v1/endpoints."""

    async def listed(request: Request) -> Response:
        now = portal.clock.now()
        every = request.query_params.get("all") == "1"
        after = request.query_params.get("after", "")
        found = await portal.database.read(endpoints.listed, now, every=every, after=after, most=_MOST)
        shown = [endpoint.model_dump(mode="json") for endpoint in found]
        following = found[-1].cursor if len(found) == _MOST else None
        unread = await portal.database.read(endpoints.unread_batches)
        return JSONResponse(
            {"server_time": now.isoformat(), "unread_batches": unread, "endpoints": shown, "next": following}
        )

    return [Route("/v1/endpoints", only("read-only", listed), methods=["GET"])]
