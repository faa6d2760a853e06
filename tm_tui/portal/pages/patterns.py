"""The custom patterns that the portal offers, the newest first."""

import asyncio

from starlette.requests import Request

from tm_tui.errors import TmError
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Page, Shown
from tm_tui.portal.pattern_repository import PatternRepository

__all__ = ["PAGES"]


async def _listed(portal: Portal, _request: Request) -> Shown:
    try:
        problem: TmError | None = None
        found = await asyncio.to_thread(PatternRepository(portal.home).listed)
    except TmError as error:
        found, problem = [], error
    return Shown("patterns.html", {"patterns": found, "problem": problem})


PAGES = (Page("patterns", _listed, "Patterns", sees="read-only"),)
