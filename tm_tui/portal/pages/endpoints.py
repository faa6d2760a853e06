"""Endpoints with mitigation issues, as the threat event logs tell them."""

from starlette.requests import Request

from tm_tui.portal import endpoints
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Page, Shown

__all__ = ["PAGES"]

_MOST = 200


async def _listed(portal: Portal, request: Request) -> Shown:
    every = request.query_params.get("all") == "1"
    after = request.query_params.get("after", "")
    found = await portal.database.call(
        endpoints.listed, portal.clock.now(), every=every, after=after, most=_MOST
    )
    unread = await portal.database.call(endpoints.unread_batches)
    following = found[-1].cursor if len(found) == _MOST else ""
    values = {"endpoints": found, "every": every, "unread": unread, "following": following, "after": after}
    return Shown("endpoints.html", values)


PAGES = (Page("endpoints", _listed, "Endpoints"),)
