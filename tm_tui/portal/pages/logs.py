"""The batches that the log server received, the newest first."""

from starlette.requests import Request

from tm_tui.portal import index
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Page, Shown, asked_of

__all__ = ["PAGES"]

_MOST = 50


async def _listed(portal: Portal, request: Request) -> Shown:
    before = request.query_params.get("before", "")
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 18 else 1 << 62
    appliance = asked_of(request) or None
    found = await portal.database.read(index.newest, number, _MOST, appliance)
    following = found[-1].number if len(found) == _MOST else None
    return Shown("logs.html", {"batches": found, "following": following, "appliance": appliance or ""})


PAGES = (Page("logs", _listed, "Logs", sees="read-only"),)
