"""Retention: what is kept how long and by whose word, how much there is, what goes next."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request

from tm_tui.moments import moment_of
from tm_tui.portal import jobs
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Page, Shown
from tm_tui.portal.retention import going
from tm_tui.portal.retention.settings import Retention

__all__ = ["PAGES"]

_COUNTED_SECONDS = 600.0
"""Counting reads whole tables: so long a count stands."""


async def _shown(portal: Portal, _request: Request) -> Shown:
    async def count() -> dict[str, Any]:
        return await portal.database.read(_values, portal.retention, portal.clock.now())

    counted = await portal.kept.get("retention", _COUNTED_SECONDS, count)
    sweep = await portal.database.read(_next_sweep)
    return Shown("retention.html", {**counted, "sweep": sweep, "now": portal.clock.now()})


def _values(connection: Connection, retention: Retention, now: datetime) -> dict[str, Any]:
    found = going.kept(connection, retention, now)
    return {"kept": found, "space": going.space(connection), "counted_at": now}


def _next_sweep(connection: Connection) -> datetime | None:
    found = jobs.waiting(connection, "sweep")
    return moment_of(found[0].due) if found else None


PAGES = (Page("retention", _shown, "Retention", sees="read-only"),)
