"""What admins do to the settings: save, go back, try, confirm. Each puts in force what is on the disk."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from tm_tui.agent.trials import Trials
from tm_tui.control.api import TrialRequest
from tm_tui.control.core import SecretsByName, Who
from tm_tui.errors import TmError
from tm_tui.settings.differences import changed_fields
from tm_tui.settings.model import Settings
from tm_tui.settings.store import Revision, SettingsStore

__all__ = ["Saving"]

_log = logging.getLogger(__name__)


class Saving:
    """The part of the agent that owns the settings in force."""

    store: SettingsStore
    revision: Revision
    _saving: asyncio.Lock
    _trials: Trials

    def _adopt(self, revision: Revision, problem: TmError | None) -> None:
        """Put a revision in force."""
        raise NotImplementedError

    async def save(
        self,
        settings: Settings,
        secrets: SecretsByName,
        *,
        expected: int,
        who: Who,
        note: str,
        trial: TrialRequest | None = None,
    ) -> Revision:
        """Save and put in force. Raises like `SettingsStore.save`."""
        arm = self._trials.arm(who, trial, settings) if trial else None
        save = partial(
            self.store.save,
            settings,
            secrets,
            expected=expected,
            saved_by=who.user,
            note=note,
            claims=who.claims,
            arm=arm,
        )
        return await self._saved(save, f"{who.user} saved revision")

    async def restore(
        self, number: int, *, expected: int, who: Who, note: str = "", trial: TrialRequest | None = None
    ) -> Revision:
        """Save an old revision again and put it in force. Raises like `SettingsStore.restore`."""
        arm = self._trials.arm(who, trial, self.revision.settings) if trial else None
        restore = partial(
            self.store.restore,
            number,
            expected=expected,
            saved_by=who.user,
            note=note,
            claims=who.claims,
            arm=arm,
        )
        return await self._saved(restore, f"{who.user} went back to revision {number} by revision")

    async def confirm(self, number: int, who: Who) -> None:
        """Keep what is on trial. Raises TrialOver, StorageFailed."""
        await self._trials.confirm(number, who.user)

    async def take_back(self, number: int, who: Who) -> Revision:
        """End the trial of a revision with the settings before it. Raises TrialOver, StorageFailed."""
        return await self._trials.take_back(number, who)

    async def acknowledge(self, who: Who) -> None:
        """A trial that was taken back by itself has been seen. Raises StorageFailed."""
        await self._trials.acknowledge(who.user)

    async def _saved(self, save: Callable[[], Revision], what: str) -> Revision:
        async with self._saving:
            before = self.revision
            revision = await asyncio.to_thread(save)
            _log.info("%s %d: %s.", what, revision.number, changed_fields(before, revision))
            self._adopt(revision, None)
            self._trials.began(revision.number, before)
        return revision
