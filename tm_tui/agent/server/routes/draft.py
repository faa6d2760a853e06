"""/v1/draft: what a console had unsaved when it logged out, for the same user alone."""

import asyncio

from starlette.requests import Request

from tm_tui.agent.core import Core
from tm_tui.agent.server.binding import Bound, bind, bind_order
from tm_tui.agent.server.http import uid_of
from tm_tui.api import calls, orders
from tm_tui.api.agent import KeptDraft, SessionInfo
from tm_tui.api.requests import DraftRequest
from tm_tui.errors import StorageFailed
from tm_tui.serving.refusals import Refused
from tm_tui.settings.model import Settings
from tm_tui.settings.revision import NO_REVISION

__all__ = ["draft_routes"]


def draft_routes(core: Core) -> list[Bound]:
    """Make the routes."""

    async def show(request: Request) -> KeptDraft:
        kept = core.drafts.of(uid_of(request))
        if kept is None:
            cause = "Nothing that you typed is kept."
            raise Refused(404, "not-found", cause, "The agent keeps it when a console logs out by itself.")
        return kept

    async def keep(request: Request, wanted: DraftRequest) -> KeptDraft:
        base = await _settings_of(core, wanted.revision)
        return core.drafts.keep(uid_of(request), request.state.session, wanted, base)

    async def drop(request: Request) -> SessionInfo:
        core.drafts.drop(uid_of(request))
        asking: SessionInfo = request.state.session
        return asking

    return [
        bind(calls.DRAFT, show),
        bind_order(orders.KEEP_DRAFT, keep),
        bind(calls.DROP_DRAFT, drop),
    ]


async def _settings_of(core: Core, number: int) -> Settings:
    """The settings of a revision; those of an unreadable one name no server, so its passwords go to none."""
    if number == core.revision.number:
        return core.revision.settings
    try:
        return (await asyncio.to_thread(core.store.get, number)).settings
    except StorageFailed:
        return NO_REVISION.settings
