"""Reports over HTTP, for appliances and for the operator's scripts (docs/protocol.md, "Reports")."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tm_tui.portal import appliances
from tm_tui.portal.answers import model_reply
from tm_tui.portal.callers import caller_of
from tm_tui.portal.core import Portal
from tm_tui.portal.refusals import Refused
from tm_tui.portal.reports import shelf
from tm_tui.reports.protocol import REPORT_TYPE, ReportList

__all__ = ["routes"]


def routes(portal: Portal) -> list[Route]:
    """GET /v1/reports and /v1/reports/<id>."""

    async def listed(request: Request) -> Response:
        appliance, account = request.query_params.get("appliance"), caller_of(request).bound_to
        if appliance is not None:
            await portal.database.read(appliances.check_sender, appliance, account)
        found = await portal.database.read(shelf.listed, appliance, account=account)
        return model_reply(ReportList(server_time=portal.clock.now(), reports=found))

    async def one(request: Request) -> Response:
        found = await portal.database.read(shelf.appliance_of, request.path_params["id"])
        if found is not None:
            await portal.database.read(appliances.check_owner, found, caller_of(request).bound_to)
        text = await portal.database.read(shelf.text_of, request.path_params["id"])
        if text is None:
            raise Refused(404, "no-such-report", "There is no report of this id.", "See GET /v1/reports.")
        return Response(text, headers={"cache-control": "no-store"}, media_type=REPORT_TYPE)

    return [
        Route("/v1/reports", listed, methods=["GET"]),
        Route("/v1/reports/{id}", one, methods=["GET"]),
    ]
