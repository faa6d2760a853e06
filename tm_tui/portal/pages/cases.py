"""The cases that were submitted, the newest first; how each stands, its pattern, its file to take away."""

import asyncio
from typing import get_args

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from tm_tui.cases.protocol import CaseStatus
from tm_tui.errors import TmError
from tm_tui.portal import audit, cases
from tm_tui.portal.callers import source_of
from tm_tui.portal.case_routes import handed_over
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Form, Go, Page, Shown, asked_of
from tm_tui.portal.pattern_repository import Issued, PatternRepository
from tm_tui.portal.refusals import Refused
from tm_tui.text import safe_text

__all__ = ["PAGES"]

_MOST = 50
_STATUSES = get_args(CaseStatus)


async def _listed(portal: Portal, request: Request) -> Shown:
    before, appliance = request.query_params.get("before", ""), asked_of(request)

    async def listed() -> tuple[cases.Case, ...]:
        number = cases.number_of(before) if before else None
        return await portal.database.read(
            cases.listed, appliance=appliance or None, before=number, most=_MOST
        )

    found = await listed()
    new = [one.case_id for one in found if one.status == "new-case-received"]
    looks = request.method == "GET" and request.state.session.may("analyst")
    if new and looks:  # who may change nothing tells no sender that a case was seen
        await portal.database.later(cases.seen, portal.clock.now(), new)
        found = await listed()
    following = found[-1].case_id if len(found) == _MOST else ""
    return Shown("cases.html", {"cases": found, "following": following, "appliance": appliance})


async def _shown(portal: Portal, request: Request) -> Shown:
    found = await _case(portal, request)
    patterns = await asyncio.to_thread(_patterns, portal, found.appliance)
    return Shown("case.html", {"case": found, "statuses": _STATUSES, "patterns": patterns})


async def _case(portal: Portal, request: Request) -> cases.Case:
    try:
        return await portal.database.read(cases.case_of, request.path_params["case"])
    except Refused:
        raise
    except TmError as error:
        raise Refused(404, "no-such-case", error.cause, "See the list of cases.") from None


def _patterns(portal: Portal, appliance: str) -> list[Issued]:
    """Those that this appliance is offered; none where the lists cannot be read."""
    try:
        return [one for one in PatternRepository(portal.home).listed() if one.appliance in {None, appliance}]
    except TmError:
        return []


async def _changed(portal: Portal, request: Request, form: Form) -> Go:
    """Set status and pattern; the appliance is told when it asks."""
    found = await _case(portal, request)
    status, pattern = form.get("status", ""), safe_text(form.get("pattern", "").strip(), 64)
    if status not in _STATUSES or not (pattern == "" or (pattern.isascii() and pattern.isdigit())):
        raise Refused(422, "wrong-fields", "Status or pattern ID is none.", "Choose them on the page.")
    chosen: CaseStatus = _STATUSES[_STATUSES.index(status)]
    account, source, now = request.state.session.account, source_of(request), portal.clock.now()

    def change(connection: Connection) -> None:
        cases.set_status(connection, found.case_id, now, chosen, pattern)
        told = f"{found.case_id}: {chosen}, pattern {pattern or 'none'}"
        audit.note(connection, (account, source), "case-changed", told, now)

    await portal.database.call(change)
    portal.log.say("case-changed", case=found.case_id, status=status, pattern=pattern, account=account)
    return Go(f"cases/{found.case_id}", f"{found.case_id} is changed.")


async def _taken(portal: Portal, request: Request) -> Response:
    """Hand the file over; from then on its sender sees that it was downloaded."""
    found = await _case(portal, request)
    try:
        return await handed_over(portal, request, found, request.state.session.account)
    except Refused:
        raise
    except TmError as error:
        raise Refused(404, "no-such-case", error.cause, "See the list of cases.") from None


PAGES = (
    Page("cases", _listed, "Cases", sees="read-only"),
    Page("cases/{case}", _shown, act=_changed, sees="read-only", acts="analyst"),
    Page("cases/{case}/file", _taken, sees="analyst"),
)
