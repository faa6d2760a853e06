"""The pages put together: /portal belongs to browsers, all else to the server inside."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tm_tui.portal import sessions
from tm_tui.portal.callers import Level, check
from tm_tui.portal.core import Portal
from tm_tui.portal.pages import (
    accounts,
    alerts,
    appliance,
    audit,
    cases,
    endpoints,
    logs,
    password,
    patterns,
    products,
    reports,
    retention,
    zones,
)
from tm_tui.portal.pages.drawing import HEADERS, drawn, style
from tm_tui.portal.pages.forms import check_origin, form_of, same, wrong_token
from tm_tui.portal.pages.logon import LOGON, Logon
from tm_tui.portal.pages.page import Form, Page, Shown
from tm_tui.portal.pages.uploads import upload_of
from tm_tui.portal.pages.zones import zone_of
from tm_tui.portal.refusals import Refused, storage_refused
from tm_tui.portal.sessions import Session

__all__ = ["PAGES", "Site", "page_routes"]

PAGES: tuple[Page, ...] = (
    *products.PAGES,
    *appliance.PAGES,
    *alerts.PAGES,
    *endpoints.PAGES,
    *logs.PAGES,
    *reports.PAGES,
    *cases.PAGES,
    *patterns.PAGES,
    *audit.PAGES,
    *retention.PAGES,
    *accounts.PAGES,
    *password.PAGES,
    *zones.PAGES,
)
"""In the order of the navigation. A new page is a module with `PAGES`, a template, and its name here."""

_Handler = Callable[[Request], Awaitable[Response]]


class Site:
    """ASGI: answers what is below /portal, and passes on the rest."""

    def __init__(self, portal: Portal, inside: ASGIApp) -> None:
        self._portal = portal
        self._inside = inside
        handlers = {Refused: _refused, HTTPException: _absent, OSError: _storage, Exception: _bug}
        self._app = Starlette(
            routes=page_routes(portal), exception_handlers={**handlers, ClientDisconnect: _cut}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, with our headers, and leave a line."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path == "/portal" or path.startswith("/portal/")):
            await self._inside(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, noting)
        source = scope["client"][0] if scope["client"] else ""
        fields = {"server": "pages", "method": scope["method"], "path": path, "status": status}
        fields["ms"] = round((time.monotonic() - began) * 1000, 1)
        if status < 400:
            self._portal.log.say("request", source=source, **fields)
        else:
            self._portal.log.refuse("refused", source, **fields)


def page_routes(portal: Portal) -> list[Route]:
    """All that is answered below /portal."""
    logon = Logon(portal)

    async def root(_request: Request) -> Response:
        return RedirectResponse("/portal/products", 303)

    async def off(request: Request) -> Response:
        session = await _checked(logon, request, "read-only")
        return RedirectResponse(LOGON, 303) if isinstance(session, Response) else await logon.off(request)

    async def zone(request: Request) -> Response:
        session = await _checked(logon, request, "read-only")
        if isinstance(session, Response):
            return session
        return zones.chosen(request.state.form)

    async def sheet(_request: Request) -> Response:
        return style()

    routes = [
        Route("/portal", root),
        Route("/portal/", root),
        Route("/portal/style.css", sheet),
        Route(LOGON, logon.form, methods=["GET"]),
        Route(LOGON, logon.on, methods=["POST"]),
        Route("/portal/logoff", off, methods=["POST"]),
        Route("/portal/zone", zone, methods=["POST"]),
    ]
    for page in PAGES:
        routes.append(Route(f"/portal/{page.path}", _showing(portal, logon, page), methods=["GET"]))
        if page.act is not None:
            routes.append(Route(f"/portal/{page.path}", _acting(portal, logon, page), methods=["POST"]))
    return routes


def _showing(portal: Portal, logon: Logon, page: Page) -> _Handler:
    async def show(request: Request) -> Response:
        session = await logon.session(request)
        if session is None:
            return RedirectResponse(LOGON, 303)
        request.state.session = session
        check(session.level, page.sees)
        shown = await page.show(portal, request)
        if isinstance(shown, Response):
            return shown
        if session.words:
            await portal.database.later(sessions.say, session.key, "")
        return await _framed(shown, request, session, session.words)

    return show


def _acting(portal: Portal, logon: Logon, page: Page) -> _Handler:
    async def act(request: Request) -> Response:
        assert page.act is not None  # noqa: S101 # the route is made for those that have one
        assert page.acts is not None  # noqa: S101 # as a page sees to itself
        session = await _checked(logon, request, page.acts, takes_file=page.takes_file)
        if isinstance(session, Response):
            return session
        done = await page.act(portal, request, request.state.form)
        if isinstance(done, Shown):
            return await _framed(done, request, session)
        if isinstance(done, Response):
            return done
        if done.words:
            await portal.database.call(sessions.say, session.key, done.words)
        return RedirectResponse(f"/portal/{done.path}", 303)

    return act


async def _checked(
    logon: Logon, request: Request, least: Level, *, takes_file: bool = False
) -> Session | Response:
    """The session of a form that came from one of its pages; without one, the way to the log-on.

    Raises Refused, also when its operator may not send this form.
    """
    check_origin(request)
    form: Form = {} if takes_file else await form_of(request)
    session = await logon.session(request)
    if session is None:
        return RedirectResponse(LOGON, 303)
    if takes_file:
        check(session.level, least)
        form, request.state.file = await upload_of(request)
    if not same(form.get("token"), session.token):
        raise wrong_token()
    request.state.session, request.state.form = session, form
    check(session.level, least)
    return session


async def _framed(shown: Shown, request: Request, session: Session | None, words: str = "") -> Response:
    """With what stands on each page: navigation, account, words to be said once. Drawn beside the loop."""
    here = request.url.path.removeprefix("/portal/").partition("/")[0]
    navigation = [
        (page.path, page.title) for page in PAGES if page.title and session and session.may(page.sees)
    ]
    frame: dict[str, object] = {"session": session, "words": words, "here": here, "navigation": navigation}
    frame |= {"zone": zone_of(request), "path": request.url.path}
    return await asyncio.to_thread(lambda: drawn(shown, **frame))


async def _problem(request: Request, refused: Refused) -> Response:
    session = getattr(request.state, "session", None)
    response = await _framed(Shown("problem.html", {"refused": refused}, refused.status), request, session)
    response.headers.update(refused.headers)
    return response


async def _refused(request: Request, error: Exception) -> Response:
    return await (_problem(request, error) if isinstance(error, Refused) else _bug(request, error))


async def _absent(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    cause = "There is nothing of this name here." if status == 404 else "This cannot be done here."
    return await _problem(request, Refused(status, "no-such-path", cause, "Use the links above."))


async def _storage(request: Request, error: Exception) -> Response:
    if isinstance(error, OSError):
        return await _problem(request, storage_refused(error))
    return await _bug(request, error)


async def _bug(request: Request, _error: Exception) -> Response:
    remedy = "Look into the portal's log."
    return await _problem(request, Refused(500, "internal", "The portal made a mistake.", remedy, close=True))


def _cut(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it
