"""The settings in force: saved, taken back or read again one after the other, and put in force whole.

What has begun on the disk comes to its end in memory too, whatever becomes of whoever asked for it.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from tm_tui.agent.core import SecretsByName, Who
from tm_tui.agent.trial_answers import Answers
from tm_tui.agent.trials import Trials
from tm_tui.api.requests import TrialRequest
from tm_tui.clock import Clock
from tm_tui.errors import StorageFailed, TmError
from tm_tui.settings.differences import changed_fields
from tm_tui.settings.model import Settings
from tm_tui.settings.store import Revision, RevisionConflict, SettingsStore
from tm_tui.settings.trial import Armed
from tm_tui.tasks import threaded, unbroken

__all__ = ["InForce"]

_log = logging.getLogger(__name__)


class InForce:
    """`apply` is given each revision that comes into force; `answers` tells what servers have said."""

    def __init__(
        self,
        store: SettingsStore,
        clock: Clock,
        *,
        apply: Callable[[Revision], None],
        changed: Callable[[], None],
        answers: Answers,
    ) -> None:
        self._store, self._clock, self._apply, self._changed = store, clock, apply, changed
        self._saving = asyncio.Lock()
        self.revision: Revision
        self.problem: TmError | None = None
        """Why it is not the revision that should be."""
        self.trials = Trials(
            store, clock, saving=self._saving, adopt=self._adopt, changed=changed, answers=answers
        )

    def begin(self) -> None:
        """Put in force what counts at the start. Blocks on the disk; raises StorageFailed."""
        loaded = self._store.load()
        self.trials.resume(loaded, self.trials.filed())

    async def reload(self) -> None:
        """Read the settings from the disk again; a damaged revision leaves the last good one in force."""
        await unbroken(self._reload())

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
        armed = self._armed(who, trial, settings)
        save = partial(
            self._store.save,
            settings,
            secrets,
            expected=expected,
            saved_by=who.user,
            note=note,
            claims=who.claims,
            arm=armed,
        )
        return await unbroken(self._saved(save, expected, f"{who.user} saved revision", armed))

    async def restore(
        self, number: int, *, expected: int, who: Who, note: str = "", trial: TrialRequest | None = None
    ) -> Revision:
        """Save an old revision again and put it in force. Raises like `SettingsStore.restore`."""
        armed = self._armed(who, trial, self.revision.settings)
        restore = partial(
            self._store.restore,
            number,
            expected=expected,
            saved_by=who.user,
            note=note,
            claims=who.claims,
            arm=armed,
        )
        what = f"{who.user} went back to revision {number} by revision"
        return await unbroken(self._saved(restore, expected, what, armed))

    def _armed(self, who: Who, trial: TrialRequest | None, settings: Settings) -> Armed | None:
        if trial is None:
            return None
        return Armed(who.user, trial.minutes or settings.console.trial_minutes, self._clock)

    async def confirm(self, number: int, who: Who) -> None:
        """Keep what is on trial. Raises TrialOver, StorageFailed."""
        await self.trials.confirm(number, who.user)

    async def take_back(self, number: int, who: Who) -> Revision:
        """End the trial of a revision with the settings before it. Raises TrialOver, StorageFailed."""
        return await self.trials.take_back(number, who)

    async def acknowledge(self, who: Who) -> None:
        """A trial that was taken back by itself has been seen. Raises StorageFailed."""
        await self.trials.acknowledge(who.user)

    async def stop(self) -> None:
        """No countdown goes on, and what is being written is on the disk."""
        await self.trials.stop()
        async with self._saving:
            return

    async def _reload(self) -> None:
        async with self._saving:
            if not self.trials.overdue:
                await self._follow_disk()

    async def _saved(
        self, save: Callable[[], Revision], expected: int, what: str, armed: Armed | None
    ) -> Revision:
        async with self._saving:
            before = self.revision
            if expected != before.number:  # whatever the disk can be read of at this moment
                raise RevisionConflict(before)
            try:
                revision = await threaded(save)
            except StorageFailed:
                if not self.trials.overdue:
                    await self._follow_disk(unless=before.number)
                raise
            _log.info("%s %d: %s.", what, revision.number, changed_fields(before, revision))
            self._adopt(revision, None)
            self.trials.began(armed, before, revision)
        return revision

    async def _follow_disk(self, *, unless: int | None = None) -> None:
        """Take over what the disk says is in force, with the trial that it may be on."""
        try:
            loaded = await threaded(self._store.load)
            if loaded.revision.number == unless:
                return
            filed = await threaded(self.trials.filed)
        except StorageFailed as failure:
            self._adopt(self.revision, failure)
        else:
            self.trials.resume(loaded, filed)

    def _adopt(self, revision: Revision, problem: TmError | None) -> None:
        self.revision, self.problem = revision, problem
        if problem is not None:
            _log.error("%s %s", problem.cause, problem.remedy)
        _log.info("Revision %d is in force.", revision.number)
        self._apply(revision)
        self._changed()
