"""/v1/history: what was saved, by whom, what changed, and the way back."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from tm_tui.agent.core import Core
from tm_tui.agent.server.binding import Bound, bind, bind_order
from tm_tui.agent.server.documents import differences_of, document_of, history_of
from tm_tui.agent.server.http import expected_revision, who_of
from tm_tui.agent.server.routes.settings import conflict_response
from tm_tui.api import calls, orders
from tm_tui.api.agent import Difference, RevisionInfo, SettingsDocument
from tm_tui.api.requests import RestoreRequest
from tm_tui.settings.revision import NO_REVISION
from tm_tui.settings.store import Revision, RevisionConflict

__all__ = ["history_routes"]


def history_routes(core: Core) -> list[Bound]:
    """Make the routes."""

    async def get(number: int) -> Revision:
        return NO_REVISION if number == 0 else await asyncio.to_thread(core.store.get, number)

    async def everything(_request: Request) -> tuple[RevisionInfo, ...]:
        revisions = await asyncio.to_thread(core.store.looked_through)
        trial = core.status().trial
        return history_of(revisions, trial.revision if trial else None)

    async def one(request: Request) -> SettingsDocument:
        return document_of(await get(request.path_params["number"]))

    async def difference(request: Request) -> tuple[Difference, ...]:
        old, new = await get(request.path_params["old"]), await get(request.path_params["new"])
        return differences_of(old, new)

    async def restore(request: Request, wanted: RestoreRequest) -> SettingsDocument | Response:
        expected = expected_revision(request)
        number: int = request.path_params["number"]
        try:
            revision = await core.restore(
                number, expected=expected, who=who_of(request), note=wanted.note, trial=wanted.trial
            )
        except RevisionConflict as conflict:
            return await conflict_response(core, expected, conflict)
        return document_of(revision)

    return [
        bind(calls.HISTORY, everything),
        bind(calls.REVISION, one),
        bind(calls.DIFFERENCES, difference),
        bind_order(orders.RESTORE, restore),
    ]
