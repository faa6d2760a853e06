"""The agent's control socket: an app that asks for the peer's role at each request, served by uvicorn."""

import asyncio
import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tm_tui.control.api import SessionInfo
from tm_tui.control.claims import SSH_HEADER, TTY_HEADER
from tm_tui.control.core import Core
from tm_tui.control.http import Refused, on_refusal, refusal_response
from tm_tui.control.peers import Peer, peer_of, role_of, user_name
from tm_tui.control.routes.activity import activity_routes
from tm_tui.control.routes.cases import case_routes
from tm_tui.control.routes.diagnostics import diagnostics_routes
from tm_tui.control.routes.draft import draft_routes
from tm_tui.control.routes.history import history_routes
from tm_tui.control.routes.patterns import patterns_routes
from tm_tui.control.routes.probe import probe_routes
from tm_tui.control.routes.reports import report_routes
from tm_tui.control.routes.settings import settings_routes
from tm_tui.control.routes.spool import spool_routes
from tm_tui.control.routes.status import status_routes
from tm_tui.control.routes.trial import trial_routes
from tm_tui.control.routes.trust import trust_routes
from tm_tui.errors import TmError

__all__ = ["ControlServer", "control_app"]

_log = logging.getLogger(__name__)

_MOST_CONNECTIONS = 100
_GRACE_SECONDS = 1
_READING = ("GET", "HEAD")


def control_app(core: Core, more: Sequence[Route] = ()) -> ASGIApp:
    """Make the app, with `more` routes behind the same roles and refusals.

    It wants the connection's peer in the scope's state, as `_PeerProtocol` puts it there.
    """
    routes = [
        *status_routes(core),
        *settings_routes(core),
        *probe_routes(core),
        *trust_routes(core),
        *history_routes(core),
        *spool_routes(core.spool, core.delivery, core.clock),
        *activity_routes(core),
        *trial_routes(core),
        *draft_routes(core),
        *patterns_routes(core),
        *report_routes(core.reports),
        *case_routes(core),
        *diagnostics_routes(core),
        *more,
    ]
    handlers: dict[Any, Any] = {TmError: on_refusal, HTTPException: on_refusal, Exception: on_refusal}
    return _Guard(Starlette(routes=routes, exception_handlers=handlers))


class _Guard:
    """Lets a request pass by its peer's role; a peer without one is dropped without a word."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        state = scope["state"]
        peer: Peer | None = state.get("peer")
        role = role_of(peer) if peer is not None else None
        if peer is None or role is None:
            state["drop"]()
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        told = Headers(scope=scope)
        state["session"] = SessionInfo(
            user=user_name(peer.uid),
            role=role,
            tty=told.get(TTY_HEADER, ""),
            ssh_from=told.get(SSH_HEADER, ""),
        )
        if role != "write" and scope["method"] not in _READING:
            cause = "Your role permits looking only."
            refused = Refused(403, "read-only", cause, "Ask a member of group tm-admin to do this.")
            await refusal_response(refused)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class _PeerProtocol(H11Protocol):
    """Asks the kernel who connected, before the first byte is read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as H11Protocol
        super().connection_made(transport)
        self.app_state = {**self.app_state, "drop": transport.abort}
        try:
            peer = self.app_state["peer"] = peer_of(transport.get_extra_info("socket"))
        except OSError:
            _log.warning("A connection was dropped: the kernel does not say whose it is.")
            transport.abort()
            return
        if role_of(peer) is None:
            _log.warning("A connection of %s was dropped: this user has no role.", user_name(peer.uid))
            transport.abort()


class ControlServer(uvicorn.Server):
    """Serves a socket that is bound already. Signals are the agent's business; idle, nothing ticks."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            http=_PeerProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        super().__init__(config)
        self._ending = asyncio.Event()
        self._serving = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def begin(self, listener: socket.socket) -> None:
        """Serve `listener` from now on."""
        self._task = asyncio.create_task(self.serve(sockets=[listener]))
        await self._serving.wait()

    async def end(self) -> None:
        """Stop accepting, let answers that are under way end (1 s at most), close all."""
        self._ending.set()
        if self._task is not None:
            await self._task

    async def main_loop(self) -> None:
        """Wait for the end: what uvicorn does ten times a second here is not needed by us."""
        self._serving.set()
        await self._ending.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield
