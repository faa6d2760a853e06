"""Retention: what is kept how long and by whose word, how much there is, what goes next."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request

from tm_tui.clock import moment_of
from tm_tui.portal import jobs
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Page, Shown
from tm_tui.portal.retention import going
from tm_tui.portal.retention.kinds import KINDS
from tm_tui.portal.retention.settings import Retention

__all__ = ["PAGES"]

_COUNTED_SECONDS = 600.0
"""Counting reads whole tables: so long a count stands."""
_PATIENCE_SECONDS = 0.3
"""So long a page waits for it; then it says that it is being counted."""


async def _shown(portal: Portal, _request: Request) -> Shown:
    async def count() -> dict[str, Any]:
        return await portal.database.read(_values, portal.retention, portal.clock.now())

    counted = await portal.kept.soon("retention", _COUNTED_SECONDS, count, _PATIENCE_SECONDS)
    sweep = await portal.database.read(_next_sweep)
    values = {"kinds": KINDS, "retention": portal.retention, "sweep": sweep, "now": portal.clock.now()}
    return Shown("retention.html", {**values, "counted": counted})


def _values(connection: Connection, retention: Retention, now: datetime) -> dict[str, Any]:
    found = going.kept(connection, retention, now)
    return {"kept": {one.kind: one for one in found}, "space": going.space(connection), "counted_at": now}


def _next_sweep(connection: Connection) -> datetime | None:
    found = jobs.waiting(connection, "sweep")
    return moment_of(found[0].due) if found else None


PAGES = (Page("retention", _shown, "Retention", sees="read-only"),)
