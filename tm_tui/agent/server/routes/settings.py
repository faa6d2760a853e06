"""GET and PUT /v1/settings: every save names the revision it stands on."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from tm_tui.agent.core import Core
from tm_tui.agent.server.binding import Bound, bind, bind_order
from tm_tui.agent.server.documents import conflict_of, document_of
from tm_tui.agent.server.http import expected_revision, uid_of, who_of
from tm_tui.api import calls, orders
from tm_tui.api.agent import SettingsDocument
from tm_tui.api.requests import SaveRequest
from tm_tui.errors import StorageFailed
from tm_tui.serving.refusals import answer
from tm_tui.settings.model import Settings
from tm_tui.settings.store import Revision, RevisionConflict

__all__ = ["conflict_response", "settings_routes"]


def settings_routes(core: Core) -> list[Bound]:
    """Make the routes."""

    async def show(_request: Request) -> SettingsDocument:
        return document_of(core.revision)

    async def save(request: Request, wanted: SaveRequest) -> SettingsDocument | Response:
        expected = expected_revision(request)
        settings = Settings.parse(wanted.settings)
        try:
            revision = await core.save(
                settings,
                core.drafts.given(uid_of(request), wanted.secrets, settings),
                expected=expected,
                who=who_of(request),
                note=wanted.note,
                trial=wanted.trial,
            )
        except RevisionConflict as conflict:
            return await conflict_response(core, expected, conflict)
        return document_of(revision)

    return [
        bind(calls.SETTINGS, show),
        bind_order(orders.SAVE, save),
    ]


async def conflict_response(core: Core, expected: int, conflict: RevisionConflict) -> Response:
    """Answer 412 with what was saved since."""
    given: Revision | None = None
    try:
        given = await asyncio.to_thread(core.store.get, expected)
    except StorageFailed:  # never saved, or damaged: then there is nothing to compare with
        given = None
    return answer(conflict_of(given, conflict.current), 412)
