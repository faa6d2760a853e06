"""The batches that the log server received, the newest first."""

import sqlite3

from starlette.requests import Request

from tm_tui.moments import moment_of
from tm_tui.portal.core import Portal
from tm_tui.portal.index import IndexedBatch
from tm_tui.portal.pages.page import Page, Shown

__all__ = ["PAGES"]

_MOST = 200


def _newest(connection: sqlite3.Connection, before: int) -> tuple[IndexedBatch, ...]:
    rows = connection.execute(
        "SELECT * FROM batches WHERE number < ? ORDER BY number DESC LIMIT ?", (before, _MOST)
    )
    return tuple(
        IndexedBatch.model_validate({**row, "received_at": moment_of(row["received_at"])}) for row in rows
    )


async def _listed(portal: Portal, request: Request) -> Shown:
    before = request.query_params.get("before", "")
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 18 else 1 << 62
    found = await portal.database.call(_newest, number)
    following = found[-1].number if len(found) == _MOST else None
    return Shown("logs.html", {"batches": found, "following": following})


PAGES = (Page("logs", _listed, "Logs"),)
