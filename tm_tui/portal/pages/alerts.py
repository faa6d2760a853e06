"""Alerts: what holds now, what has been, and how the ways out fare."""

from sqlalchemy import Connection
from starlette.requests import Request

from tm_tui.portal.alerts import records
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Page, Shown

__all__ = ["PAGES"]

_MOST = 50


async def _listed(portal: Portal, request: Request) -> Shown:
    given = request.query_params.get("before", "")
    before = int(given) if given.isascii() and given.isdigit() and len(given) < 18 else None
    return Shown("alerts.html", await portal.database.read(_values, before))


def _values(connection: Connection, before: int | None) -> dict[str, object]:
    found = records.listed(connection, before=before, most=_MOST)
    return {
        "alerts": found,
        "standing": records.standing_by_kind(connection),
        "waiting": records.waiting(connection),
        "following": found[-1].number if len(found) == _MOST else None,
    }


PAGES = (Page("alerts", _listed, "Alerts", sees="read-only"),)
