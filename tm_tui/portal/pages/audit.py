"""Audit: who did what to what, when, and from where; all of it as CSV."""

from collections.abc import AsyncIterator

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from tm_tui.portal import audit
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Page, Shown
from tm_tui.portal.pages.tables import PIECE, as_csv, lines

__all__ = ["PAGES"]

_MOST, _MOST_ROWS = 50, 100_000
_HEAD = ("number", "at", "who", "source", "what", "subject")


async def _listed(portal: Portal, request: Request) -> Shown:
    given = request.query_params.get("before", "")
    before = int(given) if given.isascii() and given.isdigit() and len(given) < 18 else None
    found = await portal.database.read(audit.page, before, _MOST)
    following = found[-1].number if len(found) == _MOST else None
    return Shown("audit.html", {"entries": found, "following": following})


async def _taken(portal: Portal, _request: Request) -> Response:
    """The newest so many, in pieces from the database."""

    def piece(connection: Connection, before: int | None) -> tuple[str, int | None]:
        found = audit.page(connection, before, PIECE)
        told = ((one.number, one.at.isoformat(), one.who, one.source, one.what, one.subject) for one in found)
        return lines(told), found[-1].number if len(found) == PIECE else 0

    async def pieces() -> AsyncIterator[str]:
        before: int | None = None
        for _ in range(_MOST_ROWS // PIECE):
            if before != 0:
                text, before = await portal.database.read(piece, before)
                yield text

    return as_csv("audit", _HEAD, pieces())


PAGES = (
    Page("audit", _listed, "Audit", sees="admin"),
    Page("audit.csv", _taken, sees="admin"),
)
