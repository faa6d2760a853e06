"""POST /v1/trial/...: keep what is on trial, take it back, say that a rollback has been seen."""

from starlette.requests import Request

from tm_tui.agent.core import Core
from tm_tui.agent.server.binding import Bound, bind
from tm_tui.agent.server.documents import document_of
from tm_tui.agent.server.http import expected_revision, who_of
from tm_tui.api import calls
from tm_tui.api.agent import AgentStatus, SettingsDocument

__all__ = ["trial_routes"]


def trial_routes(core: Core) -> list[Bound]:
    """Make the routes."""

    async def confirm(request: Request) -> SettingsDocument:
        await core.confirm(expected_revision(request), who_of(request))
        return document_of(core.revision)

    async def take_back(request: Request) -> SettingsDocument:
        return document_of(await core.take_back(expected_revision(request), who_of(request)))

    async def acknowledge(request: Request) -> AgentStatus:
        await core.acknowledge(who_of(request))
        return core.status()

    return [
        bind(calls.CONFIRM_TRIAL, confirm),
        bind(calls.END_TRIAL, take_back),
        bind(calls.ACKNOWLEDGE, acknowledge),
    ]
