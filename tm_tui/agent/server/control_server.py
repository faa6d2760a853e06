"""The agent's control socket: an app that asks for the peer's role at each request, served by uvicorn."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tm_tui.agent.core import Core
from tm_tui.agent.server.accepting import ROLE_UNKNOWN, Accepting, Admitted, Slots
from tm_tui.agent.server.binding import all_of
from tm_tui.agent.server.costly import guarded
from tm_tui.agent.server.http import on_refusal
from tm_tui.agent.server.rate import Rate
from tm_tui.agent.server.routes.activity import activity_routes
from tm_tui.agent.server.routes.cases import case_routes
from tm_tui.agent.server.routes.diagnostics import diagnostics_routes
from tm_tui.agent.server.routes.draft import draft_routes
from tm_tui.agent.server.routes.patterns import patterns_routes
from tm_tui.agent.server.routes.probe import probe_routes
from tm_tui.agent.server.routes.reports import report_routes
from tm_tui.agent.server.routes.settings import history_routes, settings_routes, trial_routes
from tm_tui.agent.server.routes.spool import spool_routes
from tm_tui.agent.server.routes.status import status_routes
from tm_tui.agent.server.routes.trust import trust_routes
from tm_tui.api.agent import SessionInfo
from tm_tui.api.claims import SSH_HEADER, TTY_HEADER
from tm_tui.api.orders import CALLS
from tm_tui.errors import TmError
from tm_tui.serving.connection import Serving
from tm_tui.serving.limits import Limits
from tm_tui.serving.peers import Peer, role_of, user_name
from tm_tui.serving.refusals import Refused, refusal_response

__all__ = ["ControlServer", "control_app"]

_GRACE_SECONDS = 1
_READING = ("GET", "HEAD")


def control_app(core: Core, more: Sequence[Route] = ()) -> ASGIApp:
    """Make the app, with `more` routes behind the same roles and refusals.

    It wants in the scope's state what `Serving` puts there, the `peer`, and `turn()`, which waits until this
    user may do one more thing.
    """
    bound = [
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
    ]
    handlers: dict[Any, Any] = {
        TmError: on_refusal,
        HTTPException: on_refusal,
        ClientDisconnect: _on_disconnect,
        OSError: on_refusal,
        Exception: on_refusal,
    }
    return _Guard(Starlette(routes=[*guarded(all_of(bound, CALLS)), *more], exception_handlers=handlers))


def _on_disconnect(_request: Request, _error: Exception) -> Response:
    """Whoever asked is gone in the middle of the request: nobody reads this, and it is no failure of ours."""
    return Response(status_code=400)


class _Guard:
    """Lets a request pass by its peer's role; a peer without one is dropped without a word."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        state = scope["state"]
        peer: Peer = state["peer"]
        try:
            role = role_of(peer)
        except OSError:
            await refusal_response(ROLE_UNKNOWN)(scope, receive, send)
            return
        if role is None:
            await _drop(state, receive)
            return
        if role == "read":
            await state["turn"]()
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
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:  # the server ends, and this would have waited longer than it does
            await _drop(state, receive)


async def _drop(state: dict[str, Any], receive: Receive) -> None:
    """End the connection without a word."""
    state["drop"]()
    while (await receive())["type"] != "http.disconnect":
        pass


class ControlServer(uvicorn.Server):
    """Serves a socket that is bound already. Signals are the agent's business; unused, nothing ticks.

    `limits`: as many connections as the process may have descriptors for, when it is not given.
    """

    def __init__(self, app: ASGIApp, limits: Limits | None = None) -> None:
        config = uvicorn.Config(
            app,
            http=Serving,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        super().__init__(config)
        self._limits = limits or Limits.of_process()
        self._rate = Rate(self._limits.rate_a_user, self._limits.rate_in_all, self._limits.burst)
        self._accepting: Accepting | None = None
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

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept by our own rules: uvicorn's limit is one for all, and counts who has been let in."""
        self.servers = []
        slots, delay = Slots(self._limits.shares), self._limits.most_delay
        for listener in sockets or ():
            self._accepting = Accepting(listener, slots, self._rate, delay, self._protocol)
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all, also what its peer does not read."""
        if self._accepting is not None:
            self._accepting.close()
        await super().shutdown(sockets)
        for connection in tuple(self.server_state.connections):
            if isinstance(connection, Serving):
                connection.transport.abort()

    def _protocol(self, admitted: Admitted) -> Serving:
        turn = partial(self._rate.turn, admitted.peer.uid) if admitted.role == "read" else _at_once
        return Serving(
            self.config,
            self.server_state,
            {"peer": admitted.peer, "turn": turn},
            give_back=admitted.give_back,
            patience=self._limits.patience[admitted.role],
            look_seconds=self._limits.look_seconds,
        )

    async def main_loop(self) -> None:
        """Wait for the end: what uvicorn does ten times a second here is not needed by us."""
        self._serving.set()
        await self._ending.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


async def _at_once() -> None:
    """Those who may write do not wait for their turn."""
