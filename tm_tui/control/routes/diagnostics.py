"""GET /v1/diagnostics: the bundle for support, or how the appliance stands in a few lines."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tm_tui.api.agent import DiagnosticsText
from tm_tui.control.bundle import bundle, bundle_name
from tm_tui.control.core import Core
from tm_tui.control.http import Refused, answer
from tm_tui.control.summary import summary

__all__ = ["diagnostics_routes"]


def diagnostics_routes(core: Core) -> list[Route]:
    """Make the route."""

    async def show(request: Request) -> Response:
        form = request.query_params.get("format", "bundle")
        if form == "text":
            status = core.status()
            lines = summary(status, core.last_test.newest)
            return answer(DiagnosticsText(taken_at=status.taken_at, lines=lines))
        if form != "bundle":
            cause = "Diagnostics come as `bundle` or as `text`."
            raise Refused(400, "bad-request", cause, "See docs/control.md.")
        name = bundle_name(core.appliance, core.clock.now())
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{name}.tar.gz"',
        }
        return Response(await bundle(core), media_type="application/gzip", headers=headers)

    return [Route("/v1/diagnostics", show, methods=["GET"])]
