"""One appliance: how it stands, its beats over time, what it delivered, its alerts, and removing it."""

import asyncio
from datetime import datetime

from sqlalchemy import Connection
from starlette.requests import Request

from tm_tui.errors import TmError
from tm_tui.portal import audit, cases, endpoints, index, products, removals, trends
from tm_tui.portal.alerts import records
from tm_tui.portal.callers import source_of
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.charts import Series, chart
from tm_tui.portal.pages.page import Form, Go, Page, Shown
from tm_tui.portal.pages.products import severity_chart
from tm_tui.portal.pattern_repository import Issued, PatternRepository
from tm_tui.portal.refusals import Refused
from tm_tui.portal.reports import shelf
from tm_tui.text import safe_text

__all__ = ["PAGES"]

_DAYS = 30
_MOST = 10
"""Rows of each table; the whole is a link away."""
_MOST_REMOVED = 50
"""Rows of the page of removed appliances."""


async def _shown(portal: Portal, request: Request) -> Shown:
    name, now = request.path_params["appliance"], portal.clock.now()
    values = await portal.database.read(_values, name, now)
    return Shown("appliance.html", {**values, "patterns": await asyncio.to_thread(_patterns, portal, name)})


def _patterns(portal: Portal, name: str) -> list[Issued]:
    """Those for this one alone; none where the lists cannot be read, as the page of patterns says."""
    try:
        return [one for one in PatternRepository(portal.home).listed() if one.appliance == name]
    except TmError:
        return []


def _values(connection: Connection, name: str, now: datetime) -> dict[str, object]:
    product = products.one(connection, name, now)
    if product is None:
        raise _absent(connection, name)
    days = trends.days_until(now, _DAYS)
    beats = trends.beats_of(connection, name, days[0])
    counted = Series("beats", "plain", tuple(beats.get(day, 0) for day in days))
    return {
        "product": product,
        "charts": (
            chart("Beats a day", days, counted),
            severity_chart(days, trends.severities(connection, days, name)),
        ),
        "batches": index.newest(connection, 1 << 62, _MOST, name),
        "endpoints": endpoints.listed(connection, now, appliance=name, most=_MOST),
        "reports": shelf.listed(connection, name, _MOST),
        "cases": cases.listed(connection, appliance=name, most=_MOST),
        "alerts": records.listed(connection, subject=name, most=_MOST),
    }


def _absent(connection: Connection, name: str) -> Refused:
    if removals.stands(connection, safe_text(name, 80)):
        cause = "This appliance was removed from Registered Products."
        return Refused(404, "removed", cause, "Its admin, or an operator, can bring it back.")
    return Refused(404, "not-registered", "This appliance is not registered.", "See Registered Products.")


async def _asked(portal: Portal, request: Request) -> Shown:
    name, now = request.path_params["appliance"], portal.clock.now()
    found = await portal.database.read(products.one, name, now)
    if found is None:
        raise await portal.database.read(_absent, name)
    return Shown("remove_product.html", {"product": found})


async def _removed(portal: Portal, request: Request, _form: Form) -> Go:
    appliance, by = request.path_params["appliance"], request.state.session.account
    source, now = source_of(request), portal.clock.now()

    def remove(connection: Connection) -> None:
        products.remove(connection, appliance, by, now)
        audit.note(connection, (by, source), "product-removed", appliance, now)

    try:
        await portal.database.call(remove)
    except Refused:
        raise
    except TmError as error:
        raise Refused(404, "not-registered", error.cause, "It may have been removed meanwhile.") from None
    portal.log.say("removed", appliance=appliance, account=by)
    return Go("products", f"{appliance} was removed from Registered Products.")


async def _list_removed(portal: Portal, request: Request) -> Shown:
    after = safe_text(request.query_params.get("after", ""), 80)
    found = await portal.database.read(removals.listed, after, _MOST_REMOVED)
    following = found[-1].appliance if len(found) == _MOST_REMOVED else ""
    return Shown("removed.html", {"removed": found, "following": following, "after": after})


async def _readmitted(portal: Portal, request: Request, form: Form) -> Go:
    appliance, by = form.get("appliance", ""), request.state.session.account
    source, now = source_of(request), portal.clock.now()

    def readmit(connection: Connection) -> None:
        removals.readmit(connection, appliance)
        audit.note(connection, (by, source), "product-readmitted", appliance, now)

    try:
        await portal.database.call(readmit)
    except Refused:
        raise
    except TmError as error:
        raise Refused(404, "not-removed", error.cause, "It may be back already.") from None
    portal.log.say("readmitted", appliance=appliance, account=by)
    return Go("removed", f"{appliance} may register again; it does so within an hour.")


PAGES = (
    Page("products/{appliance}", _shown, sees="read-only"),
    Page("products/{appliance}/remove", _asked, act=_removed, sees="analyst", acts="analyst"),
    Page("removed", _list_removed, act=_readmitted, sees="read-only", acts="analyst"),
)
