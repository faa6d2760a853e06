"""Log server over SSL: a batch is PUT under its name (docs/protocol.md, "Log server over SSL")."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tm_tui.portal import appliances
from tm_tui.portal.answers import arriving
from tm_tui.portal.batch_file import MOST_BYTES, BatchName, is_appliance, too_large
from tm_tui.portal.callers import caller_of, only
from tm_tui.portal.core import Portal
from tm_tui.portal.refusals import Refused

__all__ = ["routes"]

_MOST_PROBE_BYTES = 4096


def routes(portal: Portal) -> list[Route]:
    """PUT /logs/<appliance>/<batch> and /logs/<appliance>/probe."""

    async def put(request: Request) -> Response:
        appliance, name = request.path_params["appliance"], request.path_params["name"]
        if not is_appliance(appliance):
            cause = "No appliance can have the name of this folder."
            raise Refused(404, "no-such-folder", cause, "Names have a-z, 0-9 and hyphens, 3 to 63 in all.")
        _check_headers(request)
        account = caller_of(request).name
        if name == "probe":
            await portal.database.read(appliances.check_owner, appliance, account)
            return await _probe(request)
        batch = _named(name, appliance)
        if int(request.headers.get("content-length", "0")) > MOST_BYTES:
            raise too_large()
        contents = await portal.batches.receive(batch, account, arriving(request))
        return JSONResponse({"batch": batch.text, "events": contents.events}, 201)

    return [Route("/logs/{appliance}/{name}", only("appliance", put), methods=["PUT"])]


def _named(name: str, appliance: str) -> BatchName:
    batch = BatchName.parse(name)
    if batch is None:
        remedy = "Name it <appliance>-<12 digits>-<16 hex digits>.ndjson.zst."
        raise Refused(400, "wrong-name", "This is no name of a batch.", remedy)
    if batch.appliance != appliance:
        cause = "This batch belongs to another appliance's folder."
        raise Refused(403, "wrong-folder", cause, "Send it to the folder of its appliance.")
    return batch


def _check_headers(request: Request) -> None:
    if "content-encoding" in request.headers or "content-range" in request.headers:
        cause = "A batch comes whole and without content encoding."
        raise Refused(415, "encoded", cause, "Send the file as it is.")


async def _probe(request: Request) -> Response:
    """Take a few bytes and forget them: the sender learns that a batch would be taken."""
    size = 0
    async for chunk in arriving(request):
        size += len(chunk)
        if size > _MOST_PROBE_BYTES:
            cause = f"A probe has at most {_MOST_PROBE_BYTES} bytes."
            raise Refused(413, "too-large", cause, "Send less.")
    return Response(status_code=204)
