"""Endpoints with mitigation issues, as the threat event logs tell them; all of it as CSV."""

import asyncio
from collections.abc import Iterator

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from tm_tui.portal import endpoints
from tm_tui.portal.core import Portal
from tm_tui.portal.endpoints import Endpoint
from tm_tui.portal.pages.page import Page, Shown, asked_of
from tm_tui.portal.pages.tables import as_csv

__all__ = ["PAGES"]

_MOST = 50
_MOST_ROWS, _AT_ONCE = 100_000, 1000


async def _listed(portal: Portal, request: Request) -> Shown:
    every = request.query_params.get("all") == "1"
    after, appliance = request.query_params.get("after", ""), asked_of(request)
    found = await portal.database.read(
        endpoints.listed,
        portal.clock.now(),
        every=every,
        after=after,
        most=_MOST,
        appliance=appliance or None,
    )
    unread = await portal.database.read(endpoints.unread_batches)
    following = found[-1].cursor if len(found) == _MOST else ""
    values = {"endpoints": found, "every": every, "unread": unread, "following": following, "after": after}
    return Shown("endpoints.html", {**values, "appliance": appliance})


_HEAD = (
    *("appliance", "hostname", "ip", "mac", "status", "issue", "since", "threat", "severity", "event_type"),
)


async def _taken(portal: Portal, request: Request) -> Response:
    """All of them, in portions from the database."""
    every, appliance = request.query_params.get("all") == "1", asked_of(request)
    now = portal.clock.now()

    def rows(connection: Connection) -> Iterator[Endpoint]:
        after, number = "", 0
        while number < _MOST_ROWS:
            found = endpoints.listed(
                connection, now, every=every, after=after, most=_AT_ONCE, appliance=appliance or None
            )
            yield from found
            if len(found) < _AT_ONCE:
                return
            after, number = found[-1].cursor, number + len(found)

    listed = await portal.database.read(lambda connection: list(rows(connection)))
    told = (one.model_dump(mode="json") for one in listed)
    return await asyncio.to_thread(
        as_csv, "endpoints", _HEAD, ([one[name] for name in _HEAD] for one in told)
    )


PAGES = (
    Page("endpoints", _listed, "Endpoints", sees="read-only"),
    Page("endpoints.csv", _taken, sees="read-only"),
)
