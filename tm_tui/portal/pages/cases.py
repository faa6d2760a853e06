"""The cases that were submitted, the newest first, and their files to take away."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from tm_tui.errors import TmError
from tm_tui.portal import cases
from tm_tui.portal.case_answers import case_file
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Page, Shown
from tm_tui.portal.refusals import Refused

__all__ = ["PAGES"]

_MOST = 200


async def _listed(portal: Portal, request: Request) -> Shown:
    before = request.query_params.get("before", "")
    await portal.database.call(cases.seen, portal.clock.now())
    found = await portal.database.call(
        cases.listed, before=cases.number_of(before) if before else None, most=_MOST
    )
    following = found[-1].case_id if len(found) == _MOST else ""
    return Shown("cases.html", {"cases": found, "following": following})


async def _taken(portal: Portal, request: Request) -> Response:
    """Hand the file over; from then on its sender sees that it was downloaded."""
    name = request.path_params["case"]
    try:
        found = await portal.database.call(cases.case_of, name)
        response = await asyncio.to_thread(case_file, portal, found)
        await portal.database.call(cases.set_status, name, portal.clock.now(), "sample-downloaded")
    except Refused:
        raise
    except TmError as error:
        raise Refused(404, "no-such-case", error.cause, "See the list of cases.") from None
    portal.log.say("case-downloaded", case=found.case_id, account=request.state.session.account)
    return response


PAGES = (
    Page("cases", _listed, "Cases"),
    Page("cases/{case}/file", _taken),
)
