"""GET /v1/status, its stream, and who is asking."""

import asyncio
from contextlib import AbstractContextManager, nullcontext

from starlette.requests import Request
from starlette.responses import Response

from tm_tui.agent.core import Core
from tm_tui.agent.server.binding import Bound, bind, bind_order
from tm_tui.agent.server.http import uid_of
from tm_tui.agent.server.streams import Events, event, event_stream
from tm_tui.api import calls, orders
from tm_tui.api.agent import AgentStatus, SessionInfo
from tm_tui.api.claims import SESSION_HEADER
from tm_tui.api.requests import EditingRequest
from tm_tui.serving.refusals import Refused

__all__ = ["status_routes"]

_LONGEST_ID = 64
_AS_NEW_SECONDS = 0.1
"""A snapshot says how old things are, so that a late follower must not get an old one."""


def status_routes(core: Core) -> list[Bound]:
    """Make the routes."""
    snapshots = _Snapshots(core)

    async def show(_request: Request) -> AgentStatus:
        return core.status()

    async def stream(request: Request) -> Response:
        identity = request.headers.get(SESSION_HEADER, "")[:_LONGEST_ID]
        following = (
            core.sessions.following(identity, request.state.session, uid_of(request))
            if identity
            else nullcontext()
        )
        return event_stream(snapshots.follow(following), request, core.clock, core.stopping)

    async def editing(request: Request, wanted: EditingRequest) -> SessionInfo:
        if not core.sessions.edits(wanted.id, uid_of(request), wanted.editing):
            cause = "No console of yours with this id follows the status."
            raise Refused(404, "not-found", cause, f"Follow it with the header {SESSION_HEADER}.")
        return await session(request)

    async def session(request: Request) -> SessionInfo:
        asking: SessionInfo = request.state.session
        return asking

    return [
        bind(calls.STATUS, show),
        bind(calls.STATUS_STREAM, stream),
        bind(calls.SESSION, session),
        bind_order(orders.EDITING, editing),
    ]


class _Snapshots:
    """Of the status, each written once for all who follow it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._written = b""
        self._of: asyncio.Event | None = None
        self._at = 0.0

    async def follow(self, following: AbstractContextManager[None]) -> Events:
        """The snapshot now and at each change; `following` lasts as long."""
        with following:
            while True:
                changed = self._core.changed.event
                yield self._newest(changed)
                await changed.wait()

    def _newest(self, changed: asyncio.Event) -> bytes:
        now = asyncio.get_running_loop().time()
        if self._of is not changed or now - self._at > _AS_NEW_SECONDS:
            self._written, self._of, self._at = event("status", self._core.status()), changed, now
        return self._written
