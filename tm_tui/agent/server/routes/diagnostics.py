"""/v1/diagnostics: the bundle for support, or how the appliance stands in a few lines."""

from starlette.requests import Request
from starlette.responses import Response

from tm_tui.agent.core import Core
from tm_tui.agent.server.binding import Bound, bind
from tm_tui.agent.server.documents import document_of, history_of, trust_of
from tm_tui.api import calls
from tm_tui.api.agent import DiagnosticsText
from tm_tui.api.cases import CaseInfo
from tm_tui.cases.case_calls import CaseRefused
from tm_tui.diagnostics.bundle import Findings, bundle, bundle_name
from tm_tui.diagnostics.summary import summary
from tm_tui.serving.refusals import Refused

__all__ = ["diagnostics_routes"]

_ABOUT = "The bundle for support of this appliance, submitted from Diagnostics."


def diagnostics_routes(core: Core) -> list[Bound]:
    """Make the route."""

    async def show(request: Request) -> DiagnosticsText | Response:
        form = request.query_params.get("format", "bundle")
        if form == "text":
            status = core.status()
            lines = summary(status, core.last_test.newest)
            return DiagnosticsText(taken_at=status.taken_at, lines=lines)
        if form != "bundle":
            cause = "Diagnostics come as `bundle` or as `text`."
            raise Refused(400, "bad-request", cause, "See docs/control.md.")
        name = bundle_name(core.appliance, core.clock.now())
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{name}.tar.gz"',
        }
        return Response(await bundle(_findings(core)), media_type="application/gzip", headers=headers)

    async def submit(request: Request) -> CaseInfo:
        name = bundle_name(core.appliance, core.clock.now())
        data = await bundle(_findings(core))
        try:
            user = request.state.session.user
            return await core.cases.submit_file(f"{name}.tar.gz", data, _ABOUT, core.appliance, user)
        except CaseRefused as refused:
            raise Refused(422, "case-refused", refused.cause, refused.remedy, refused.problems) from None

    return [bind(calls.DIAGNOSTICS, show), bind(calls.SUBMIT_DIAGNOSTICS, submit)]


def _findings(core: Core) -> Findings:
    revision = core.revision
    return Findings(
        status=core.status(),
        revision=revision,
        settings=document_of(revision),
        spool=core.spool,
        test=core.last_test.newest,
        activity=core.activity.lines(),
        history=lambda: history_of(core.store.looked_through(), None),
        trust=lambda: trust_of(revision, core.host_keys),
    )
