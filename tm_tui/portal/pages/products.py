"""Registered Products: who is there, when the last beat came, what is missing, and removing one."""

from starlette.requests import Request

from tm_tui.errors import TmError
from tm_tui.portal import products
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Form, Go, Page, Shown
from tm_tui.portal.refusals import Refused

__all__ = ["PAGES"]


async def _listed(portal: Portal, _request: Request) -> Shown:
    found = await portal.database.call(products.listed, portal.clock.now())
    return Shown("products.html", {"products": found})


async def _asked(portal: Portal, request: Request) -> Shown:
    appliance = request.path_params["appliance"]
    found = await portal.database.call(products.listed, portal.clock.now())
    one = next((product for product in found if product.appliance == appliance), None)
    if one is None:
        cause = "This appliance is not registered."
        raise Refused(404, "not-registered", cause, "It may have been removed meanwhile.")
    return Shown("remove_product.html", {"product": one})


async def _removed(portal: Portal, request: Request, _form: Form) -> Go:
    appliance, by = request.path_params["appliance"], request.state.session.account
    try:
        await portal.database.call(products.remove, appliance, by, portal.clock.now())
    except Refused:
        raise
    except TmError as error:
        raise Refused(404, "not-registered", error.cause, "It may have been removed meanwhile.") from None
    portal.log.say("removed", appliance=appliance, account=by)
    return Go("products", f"{appliance} was removed from Registered Products.")


PAGES = (
    Page("products", _listed, "Registered Products"),
    Page("products/{appliance}/remove", _asked, act=_removed),
)
