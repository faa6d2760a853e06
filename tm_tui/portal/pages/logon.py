"""Logging on and off: operators' accounts, a cookie that no script and no other site can use."""

import secrets
from typing import TYPE_CHECKING

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tm_tui.portal import accounts, audit
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.drawing import drawn
from tm_tui.portal.pages.forms import check_origin, form_of, same, wrong_token
from tm_tui.portal.pages.page import Shown
from tm_tui.portal.pages.sessions import Sessions

if TYPE_CHECKING:
    from tm_tui.portal.pages.sessions import Session

__all__ = ["COOKIE", "LOGON", "Logon"]

COOKIE = "__Host-tmsp-session"
_BEFORE = "__Host-tmsp-logon"
"""Holds the token of the log-on form: a form that another site sends does not have it."""
LOGON = "/portal/logon"
_HOME = "/portal/products"
_WRONG = "User name or password is wrong."
_APPLIANCES = "This is an account of appliances. Log on with an operator's account."


class Logon:
    """The door of the pages."""

    def __init__(self, portal: Portal, sessions: Sessions) -> None:
        self._portal = portal
        self._sessions = sessions

    async def session(self, request: Request) -> "Session | None":
        """The session of a request; none any more once the account's password was changed or removed."""
        name = request.cookies.get(COOKIE)
        found = self._sessions.find(name)
        if found is None:
            return None
        known = await self._portal.database.call(accounts.stored, found.account)
        if known is None or known[0] != found.secret or known[1].level is None:
            self._sessions.end(name)
            return None
        found.level = known[1].level
        request.state.admit("operator", found.account)
        return found

    async def form(self, request: Request) -> Response:
        """The form; with a hint where an old session has ended."""
        ended = COOKIE in request.cookies
        return self._asking(request, "You were logged off, as nothing happened for a while." if ended else "")

    def _asking(self, request: Request, words: str, status: int = 200) -> Response:
        token = request.cookies.get(_BEFORE) or secrets.token_urlsafe(32)
        response = drawn(Shown("logon.html", {"token": token, "words": words}, status))
        _give(response, _BEFORE, token)
        if COOKIE in request.cookies:
            _take(response, COOKIE)
        return response

    async def on(self, request: Request) -> Response:
        """Check the password. A wrong one takes its time, at the doorkeeper's. Raises Refused."""
        check_origin(request)
        form = await form_of(request)
        if not same(form.get("token"), request.cookies.get(_BEFORE)):
            raise wrong_token()
        name = form.get("username", "")
        secret = await self._portal.database.call(accounts.secret_of, name)
        caller = await self._portal.doorkeeper.caller(name, SecretStr(form.get("password", "")))
        source = request.client.host if request.client else ""
        if caller is None or caller.role != "operator" or secret is None:
            self._portal.log.refuse("logon-refused", source)  # what was typed as a name may be a password
            return self._asking(request, _WRONG if caller is None else _APPLIANCES, 403)
        self._portal.log.say("logged-on", source=source, account=name)
        now = self._portal.clock.now()
        await self._portal.database.call(audit.note, (name, source), "logged-on", "", now)
        self._sessions.end(request.cookies.get(COOKIE))
        response = RedirectResponse(_HOME, 303)
        _give(response, COOKIE, self._sessions.begin(name, secret))
        _take(response, _BEFORE)
        return response

    def off(self, request: Request) -> Response:
        """End the session."""
        self._sessions.end(request.cookies.get(COOKIE))
        response = RedirectResponse(LOGON, 303)
        _take(response, COOKIE)
        return response


def _give(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="strict")


def _take(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="strict")
