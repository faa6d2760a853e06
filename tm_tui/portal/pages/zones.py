"""Times in the zone that the reader chose. A cookie keeps it; without one it is the portal's own zone."""

from datetime import datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tm_tui.clock import within
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Form, Page, Shown

__all__ = ["PAGES", "chosen", "shown_in", "zone_of"]

_COOKIE = "__Host-tmsp-zone"
_SECONDS = 400 * 86400
_LEFT_OUT = ("posix/", "right/", "Etc/", "SystemV/")


@cache
def _known() -> tuple[str, ...]:
    """The zones to choose from."""
    return tuple(
        sorted(name for name in available_timezones() if "/" in name and not name.startswith(_LEFT_OUT))
    )


def zone_of(request: Request) -> str:
    """The name of the reader's zone; empty: the portal's own."""
    given = request.cookies.get(_COOKIE, "")
    return given if given == "UTC" or given in _known() else ""


def shown_in(zone: str, moment: datetime) -> str:
    """A moment as the reader's clock has it, with the zone's short name."""
    where: tzinfo | None = ZoneInfo(zone) if zone else None
    return within(moment).astimezone(where).strftime("%Y-%m-%d %H:%M:%S %Z")


async def _asked(_portal: Portal, request: Request) -> Shown:
    return Shown("zone.html", {"zones": _known(), "back": _back(request.query_params.get("back", ""))})


def _back(path: str) -> str:
    """A page of ours to go back to."""
    return path if path.startswith("/portal/") and "\\" not in path else "/portal/products"


def chosen(form: Form) -> Response:
    """Keep the reader's choice, and go back to where it was made."""
    zone = form.get("zone", "")
    response = RedirectResponse(_back(form.get("back", "")), 303)
    kept = zone if zone == "UTC" or zone in _known() else ""
    response.set_cookie(_COOKIE, kept, _SECONDS, path="/", secure=True, httponly=True, samesite="strict")
    return response


PAGES = (Page("zone", _asked, sees="read-only"),)
