"""One's own password: the old one is asked, and all other sessions end."""

import asyncio

from pydantic import SecretStr
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tm_tui.errors import TmError
from tm_tui.portal import accounts, audit, sessions, strength
from tm_tui.portal.callers import source_of
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.logon import KNOWN, remember
from tm_tui.portal.pages.page import Form, Go, Page, Shown
from tm_tui.portal.refusals import Refused
from tm_tui.portal.tries import Locked

__all__ = ["PAGES"]


async def _asked(_portal: Portal, _request: Request) -> Shown:
    return Shown("password.html", {"problem": "", "fewest": strength.FEWEST})


async def _changed(portal: Portal, request: Request, form: Form) -> Shown | Go | Response:
    session, source = request.state.session, source_of(request)
    old, new = (SecretStr(form.get(one, "")) for one in ("old", "new"))
    if form.get("new") != form.get("again"):
        return _refused("The new password is not the same both times.")
    if old == new:
        return _refused("The new password is the old one.")
    mark = request.cookies.get(KNOWN, "")
    try:
        right = await portal.doorkeeper.caller(session.account, old, source, pages=True, mark=mark)
    except Locked as locked:
        return _refused(f"{locked.cause} {locked.remedy}", locked.status)
    if right is None:
        portal.log.refuse("password-refused", source, account=session.account)
        return _refused("The old password is wrong.", 403)

    try:
        first, secret = await _set(portal, request, new)
    except Refused:
        raise
    except TmError as error:
        return _refused(f"{error.cause} {error.remedy}")
    if first:
        portal.home.password_file_of("operator").unlink(missing_ok=True)
    portal.log.say("password-changed", account=session.account, source=source)
    response = RedirectResponse("/portal/products", 303)
    remember(response, secret)
    return response


async def _set(portal: Portal, request: Request, new: SecretStr) -> tuple[bool, str]:
    """Whether the old one stood in the home's file, and what is stored of the new one. Raises TmError."""
    session, by, now = request.state.session, source_of(request), portal.clock.now()
    secret = await asyncio.to_thread(accounts.secret_for, session.account, new, "operator")

    def change(connection: Connection) -> bool:
        accounts.set_password(connection, session.account, secret, "operator", but=session.key)
        audit.note(connection, (session.account, by), "password-changed", "", now)
        sessions.say(connection, session.key, "Your password is changed. Your other sessions have ended.")
        return accounts.is_first(connection, session.account, "operator")

    return await portal.database.call(change), secret


def _refused(problem: str, status: int = 422) -> Shown:
    return Shown("password.html", {"problem": problem, "fewest": strength.FEWEST}, status)


PAGES = (Page("password", _asked, act=_changed, sees="read-only", acts="read-only"),)
