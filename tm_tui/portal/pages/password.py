"""One's own account: a new password, for which the old one is asked, and where one is logged on."""

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


async def _asked(portal: Portal, request: Request) -> Shown:
    return await _page(portal, request, "", 200)


async def _page(portal: Portal, request: Request, problem: str, status: int) -> Shown:
    now, account = portal.clock.now().timestamp(), request.state.session.account
    begun = await portal.database.read(sessions.listed, account, now)
    values = {"problem": problem, "fewest": strength.FEWEST, "begun": begun}
    return Shown("password.html", values, status)


async def _sent(portal: Portal, request: Request, form: Form) -> Shown | Go | Response:
    if form.get("do") == "log-off":
        return await _logged_off(portal, request)
    done = await _changed(portal, request, form)
    return await _page(portal, request, *done) if isinstance(done, tuple) else done


async def _logged_off(portal: Portal, request: Request) -> Go:
    """End all other sessions: somebody forgot to, or somebody else has one."""
    session, source, now = request.state.session, source_of(request), portal.clock.now()

    def end(connection: Connection) -> None:
        sessions.end_all(connection, session.account, session.key)
        audit.note(connection, (session.account, source), "sessions-ended", session.account, now)

    await portal.database.call(end)
    portal.log.say("sessions-ended", account=session.account, by=session.account)
    return Go("password", "All your other sessions have ended.")


_Problem = tuple[str, int]


async def _changed(portal: Portal, request: Request, form: Form) -> _Problem | Response:
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


def _refused(problem: str, status: int = 422) -> _Problem:
    return problem, status


PAGES = (Page("password", _asked, act=_sent, sees="read-only", acts="read-only"),)
