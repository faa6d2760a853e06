"""Logging on and off: operators' accounts, a cookie that no script and no other site can use."""

import secrets

from pydantic import SecretStr
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tm_tui.portal import accounts, audit, sessions
from tm_tui.portal.callers import source_of
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.drawing import drawn
from tm_tui.portal.pages.forms import check_origin, form_of, same, wrong_token
from tm_tui.portal.pages.page import Shown
from tm_tui.portal.sessions import Session
from tm_tui.portal.tries import Locked, mark_of

__all__ = ["COOKIE", "KNOWN", "LOGON", "Logon", "remember"]

COOKIE = "__Host-tmsp-session"
KNOWN = "__Host-tmsp-known"
"""Says that an operator has logged on in this browser (`tries.mark_of`); it opens nothing."""
_KNOWN_SECONDS = 90 * 86400
_BEFORE = "__Host-tmsp-logon"
"""Holds the token of the log-on form: a form that another site sends does not have it."""
LOGON = "/portal/logon"
_HOME = "/portal/products"
_WRONG = "User name or password is wrong."
_APPLIANCES = "This is an account of appliances. Log on with an operator's account."


class Logon:
    """The door of the pages."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def _now(self) -> float:
        return self._portal.clock.now().timestamp()

    async def session(self, request: Request) -> Session | None:
        """The session of a request, with its operator's level of now. It counts as used."""
        name, now = request.cookies.get(COOKIE), self._now()
        found = await self._portal.database.read(sessions.find, name, now) if name else None
        if found is None:
            return None
        if found.stale:
            await self._portal.database.later(sessions.touch, found.key, now)
        request.state.admit("operator", found.account)
        return found

    async def form(self, request: Request) -> Response:
        """The form, with a hint where an old session has ended; who is logged on needs none."""
        ended = COOKIE in request.cookies
        if ended and await self.session(request) is not None:
            return RedirectResponse(_HOME, 303)
        words = "You were logged off: nothing happened for a while, or your account was changed."
        return self._asking(request, words if ended else "")

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
        name, source = form.get("username", ""), source_of(request)
        secret = await self._portal.database.read(accounts.secret_of, name)
        password, mark = SecretStr(form.get("password", "")), request.cookies.get(KNOWN, "")
        try:
            caller = await self._portal.doorkeeper.caller(name, password, source, pages=True, mark=mark)
        except Locked as locked:
            self._portal.log.refuse("logon-refused", source, cause="locked")
            response = self._asking(request, f"{locked.cause} {locked.remedy}", locked.status)
            response.headers.update(locked.headers)
            return response
        begun = None
        if caller is not None and caller.level is not None and secret is not None:
            begun = await self._portal.database.call(self._begun, name, secret, request)
        if begun is None or secret is None:
            self._portal.log.refuse("logon-refused", source)  # what was typed as a name may be a password
            appliances = caller is not None and caller.role == "appliance"
            return self._asking(request, _APPLIANCES if appliances else _WRONG, 403)
        self._portal.log.say("logged-on", source=source, account=name)
        response = RedirectResponse(_HOME, 303)
        _give(response, COOKIE, begun)
        remember(response, secret)
        _take(response, _BEFORE)
        return response

    def _begun(self, connection: Connection, name: str, secret: str, request: Request) -> str | None:
        source, now = source_of(request), self._portal.clock.now()
        begun = sessions.begin(connection, name, secret, source, now.timestamp())
        if begun is not None:
            sessions.end(connection, request.cookies.get(COOKIE))
            audit.note(connection, (name, source), "logged-on", "", now)
        return begun

    async def off(self, request: Request) -> Response:
        """End the session."""
        account, source = request.state.session.account, source_of(request)
        now = self._portal.clock.now()

        def ended(connection: Connection) -> None:
            sessions.end(connection, request.cookies.get(COOKIE))
            audit.note(connection, (account, source), "logged-off", "", now)

        await self._portal.database.call(ended)
        response = RedirectResponse(LOGON, 303)
        _take(response, COOKIE)
        return response


def remember(response: Response, secret: str) -> None:
    """Let the browser know that the account with this hash has logged on in it."""
    _give(response, KNOWN, mark_of(secret), _KNOWN_SECONDS)


def _give(response: Response, name: str, value: str, seconds: int | None = None) -> None:
    response.set_cookie(name, value, seconds, path="/", secure=True, httponly=True, samesite="strict")


def _take(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="strict")
