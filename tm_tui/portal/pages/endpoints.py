"""Endpoints with mitigation issues, as the threat event logs tell them; all of it as CSV."""

from collections.abc import AsyncIterator

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from tm_tui.portal import endpoints
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Page, Shown, asked_of
from tm_tui.portal.pages.tables import PIECE, as_csv, lines

__all__ = ["PAGES"]

_MOST = 50
_MOST_ROWS = 100_000


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
    """All of them, in pieces from the database."""
    every, appliance = request.query_params.get("all") == "1", asked_of(request)
    now = portal.clock.now()

    def piece(connection: Connection, after: str) -> tuple[str, str | None]:
        found = endpoints.listed(
            connection, now, every=every, after=after, most=PIECE, appliance=appliance or None
        )
        told = (one.model_dump(mode="json") for one in found)
        following = found[-1].cursor if len(found) == PIECE else None
        return lines([one[name] for name in _HEAD] for one in told), following

    async def pieces() -> AsyncIterator[str]:
        after: str | None = ""
        for _ in range(_MOST_ROWS // PIECE):
            if after is not None:
                text, after = await portal.database.read(piece, after)
                yield text

    return as_csv("endpoints", _HEAD, pieces())


PAGES = (
    Page("endpoints", _listed, "Endpoints", sees="read-only"),
    Page("endpoints.csv", _taken, sees="read-only"),
)
