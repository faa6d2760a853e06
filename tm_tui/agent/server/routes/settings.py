"""The settings in force, on trial, and as they were: GET and PUT /v1/settings, /v1/trial, /v1/history.

Every save names the revision it stands on. `candidate_of` is what a request speaks of: the form's unsaved
values, or what is in force.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tm_tui.agent.core import Core
from tm_tui.agent.server.binding import Bound, bind, bind_order
from tm_tui.agent.server.documents import conflict_of, differences_of, document_of, history_of
from tm_tui.agent.server.http import expected_revision, uid_of, who_of
from tm_tui.api import calls, orders
from tm_tui.api.agent import AgentStatus, Difference, RevisionInfo, SettingsDocument
from tm_tui.api.requests import RestoreRequest, SaveRequest, SecretChanges
from tm_tui.errors import StorageFailed
from tm_tui.serving.refusals import answer
from tm_tui.settings.model import Settings
from tm_tui.settings.revision import NO_REVISION
from tm_tui.settings.store import Revision, RevisionConflict

__all__ = ["candidate_of", "history_routes", "settings_routes", "trial_routes"]


def settings_routes(core: Core) -> list[Bound]:
    """Make the routes."""

    async def show(_request: Request) -> SettingsDocument:
        return document_of(core.revision)

    async def save(request: Request, wanted: SaveRequest) -> SettingsDocument | Response:
        expected = expected_revision(request)
        settings = Settings.parse(wanted.settings)
        saving = core.save(
            settings,
            core.drafts.given(uid_of(request), wanted.secrets, settings),
            expected=expected,
            who=who_of(request),
            note=wanted.note,
            trial=wanted.trial,
        )
        return await _saved(core, expected, saving)

    return [
        bind(calls.SETTINGS, show),
        bind_order(orders.SAVE, save),
    ]


async def _saved(
    core: Core, expected: int, saving: Coroutine[Any, Any, Revision]
) -> SettingsDocument | Response:
    """The new revision, or 412 with what was saved since the one that was expected."""
    try:
        return document_of(await saving)
    except RevisionConflict as conflict:
        given: Revision | None = None
        with suppress(StorageFailed):  # never saved, or damaged: then there is nothing to compare with
            given = await asyncio.to_thread(core.store.get, expected)
        return answer(conflict_of(given, conflict.current), 412)


async def candidate_of(
    core: Core, uid: int, settings: dict[str, Any] | None, secrets: SecretChanges
) -> Revision:
    """Check unsaved values of a user as a save would, and write nothing.

    Raises SettingsRefused, also as PasswordAgain, and StorageFailed.
    """
    wanted = Settings.parse(settings) if settings is not None else core.revision.settings
    changes = core.drafts.given(uid, secrets, wanted)
    if settings is None and all(secret is None for secret in changes.values()):
        return core.revision
    return await asyncio.to_thread(core.store.candidate, wanted, changes)


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
        restoring = core.restore(
            number, expected=expected, who=who_of(request), note=wanted.note, trial=wanted.trial
        )
        return await _saved(core, expected, restoring)

    return [
        bind(calls.HISTORY, everything),
        bind(calls.REVISION, one),
        bind(calls.DIFFERENCES, difference),
        bind_order(orders.RESTORE, restore),
    ]
