"""/v1/cases: submit a case, cancel it, look at all. Roles are checked outside."""

import asyncio

from starlette.requests import Request

from tm_tui.agent.core import Core
from tm_tui.agent.server.binding import Bound, bind, bind_order
from tm_tui.api import calls, orders
from tm_tui.api.cases import CaseInfo, CasesDocument
from tm_tui.api.requests import SubmitRequest
from tm_tui.cases.case_calls import CaseRefused
from tm_tui.errors import StorageFailed, TmError
from tm_tui.serving.refusals import Refused

__all__ = ["case_routes"]


def case_routes(core: Core) -> list[Bound]:
    """Make the routes."""

    async def shown(_request: Request | None = None) -> CasesDocument:
        return await _document(core)

    async def submit(request: Request, wanted: SubmitRequest) -> CaseInfo:
        try:
            await asyncio.to_thread(core.cases.check, wanted)
        except CaseRefused as refused:
            raise Refused(422, "case-refused", refused.cause, refused.remedy, refused.problems) from None
        return await core.cases.submit(wanted, request.state.session.user)

    async def one(request: Request) -> CaseInfo:
        return _found(core, request)

    async def cancel(request: Request) -> CaseInfo:
        return await _cancelled(core, _found(core, request).number, request.state.session.user)

    async def send(_request: Request) -> CasesDocument:
        if not core.revision.settings.tmsp.enabled:
            cause = "Sending to TMSP is switched off: cases wait on this appliance."
            raise Refused(409, "disabled", cause, 'Switch on "Send logs and data to TMSP" first.')
        core.cases.send_now()
        return await shown()

    return [
        bind(calls.CASES, shown),
        bind_order(orders.SUBMIT_CASE, submit),
        bind(calls.SEND_CASES, send),
        bind(calls.CASE, one),
        bind(calls.CANCEL_CASE, cancel),
    ]


async def _document(core: Core) -> CasesDocument:
    return await asyncio.to_thread(core.cases.document, enabled=core.revision.settings.tmsp.enabled)


def _found(core: Core, request: Request) -> CaseInfo:
    try:
        return core.cases.get(request.path_params["number"])
    except TmError as absent:
        raise Refused(404, "not-found", absent.cause, absent.remedy) from None


async def _cancelled(core: Core, number: int, by: str) -> CaseInfo:
    try:
        return await core.cases.cancel(number, by)
    except StorageFailed:
        raise
    except TmError as late:
        raise Refused(409, "too-late", late.cause, late.remedy) from None
