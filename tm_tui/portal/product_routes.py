"""Registered Products over HTTP, for scripts of the operator (docs/protocol.md, "Registered Products")."""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tm_tui.errors import TmError
from tm_tui.portal import audit, products
from tm_tui.portal.callers import caller_of, only, source_of
from tm_tui.portal.core import Portal
from tm_tui.portal.refusals import Refused
from tm_tui.text import safe_text

__all__ = ["routes"]

_MOST = 250
"""So many keep a reply below the megabyte that clients read."""


def routes(portal: Portal) -> list[Route]:
    """GET /v1/products and DELETE /v1/products/<appliance>."""

    async def listed(request: Request) -> Response:
        now, after = portal.clock.now(), safe_text(request.query_params.get("after", ""), 64)
        found = await portal.database.read(products.listed, now, after, _MOST)
        shown = [product.model_dump(mode="json") for product in found]
        following = found[-1].appliance if len(found) == _MOST else None
        return JSONResponse({"server_time": now.isoformat(), "products": shown, "next": following})

    async def removed(request: Request) -> Response:
        appliance, by = request.path_params["appliance"], caller_of(request).name
        source, now = source_of(request), portal.clock.now()

        def remove(connection: Connection) -> None:
            products.remove(connection, appliance, by, now)
            audit.note(connection, (by, source), "product-removed", appliance, now)

        try:
            await portal.database.call(remove)
        except Refused:
            raise
        except TmError as error:
            raise Refused(404, "not-registered", error.cause, "See GET /v1/products.") from None
        portal.log.say("removed", appliance=appliance, account=by)
        return Response(status_code=204)

    return [
        Route("/v1/products", only("read-only", listed), methods=["GET"]),
        Route("/v1/products/{appliance}", only("analyst", removed), methods=["DELETE"]),
    ]
