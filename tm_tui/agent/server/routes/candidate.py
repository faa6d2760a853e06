"""The revision that a request speaks of: the form's unsaved values, or what is in force."""

import asyncio
from typing import Any

from tm_tui.agent.core import Core
from tm_tui.api.requests import SecretChanges
from tm_tui.settings.model import Settings
from tm_tui.settings.store import Revision

__all__ = ["candidate_of"]


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
