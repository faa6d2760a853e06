"""Settings on trial: the countdown, what confirms them, and the way back when nobody does.

The way back is on the disk before the switch (tm_tui.settings.trial). In the same boot of the machine the
countdown is that of CLOCK_BOOTTIME, which no step of the wall clock moves and suspend does not stop. After
another boot the wall clock says what is left, and never more than the whole trial from then on.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from tm_tui.agent.trial_words import alerts_of, rollback_info, trial_info
from tm_tui.clock import Clock, boot_id
from tm_tui.control.api import RollbackInfo, TrialInfo, TrialRequest
from tm_tui.control.core import TrialOver, Who
from tm_tui.errors import StorageFailed, TmError
from tm_tui.pace import wait_until
from tm_tui.settings.model import Settings
from tm_tui.settings.store import Arm, Loaded, Revision, SettingsStore
from tm_tui.settings.trial import RollbackRecord, TrialRecord

__all__ = ["Trials"]

_log = logging.getLogger(__name__)

_AGAIN_SECONDS = 30.0
_AGENT = "agent"


@dataclass(slots=True)
class _Running:
    record: TrialRecord
    accepted: int
    """Beats that had been accepted when it began: one more confirms it."""
    before: Revision | None
    """What comes back, in memory too; None when it could not be read."""
    problem: str = ""


class Trials:
    """At most one trial at a time. `adopt` puts a revision in force; `beats` counts the accepted ones."""

    def __init__(
        self,
        store: SettingsStore,
        clock: Clock,
        *,
        saving: asyncio.Lock,
        adopt: Callable[[Revision, TmError | None], None],
        changed: Callable[[], None],
        beats: Callable[[], int],
    ) -> None:
        self._store = store
        self._clock = clock
        self._saving = saving
        self._adopt = adopt
        self._changed = changed
        self._beats = beats
        self._boot = boot_id()
        self._armed: TrialRecord | None = None
        self._running: _Running | None = None
        self._seen_by_nobody: RollbackRecord | None = None
        self._problem: TmError | None = None
        self._task: asyncio.Task[None] | None = None
        self._confirming: asyncio.Task[None] | None = None
        self._never = asyncio.Event()

    # Beginnings ---------------------------------------------------------------------------------------------

    def resume(self, loaded: Loaded) -> None:
        """Put in force what counts at the start: go on with a trial, or go back. Blocks on the disk."""
        record = None
        try:
            record = self._store.trial()
            self._seen_by_nobody = self._store.rolled_back()
        except StorageFailed as failure:
            self._problem = failure
        if record is None or record.new != loaded.revision.number:
            self._adopt(loaded.revision, loaded.problem)
            return
        left = record.left(self._boot, self._clock.monotonic(), self._clock.now())
        if left <= 0:
            self._late(record, loaded)
            return
        if record.boot != self._boot:
            record = self._counting_here(record, left)
        self._adopt(loaded.revision, loaded.problem)
        self._armed = record
        self.began(record.new, self._read_old(record))

    def _late(self, record: TrialRecord, loaded: Loaded) -> None:
        """The time went by while no agent ran."""
        try:
            revision = self._write_back(record)
        except StorageFailed as failure:
            before = self._read_old(record)
            self._adopt(before or loaded.revision, None)
            self._running = _Running(record, 0, before)
            self._still_there(failure)
            self._task = asyncio.create_task(self._count_down(record), name="trial")
        else:
            self._went_back(record, revision)

    def _read_old(self, record: TrialRecord) -> Revision | None:
        try:
            return self._store.get(record.old)
        except StorageFailed as failure:
            self._problem = failure
            return None

    def _counting_here(self, record: TrialRecord, left: float) -> TrialRecord:
        """The same trial on the clock of this boot."""
        here = record.counted_by(self._clock, self._boot, left)
        try:
            self._store.rearm(here)
        except StorageFailed as failure:
            self._problem = failure  # the record of the boot before still leads back
        return here

    def arm(self, who: Who, request: TrialRequest, settings: Settings) -> Arm:
        """What writes the way back, once the numbers are known."""
        minutes = request.minutes or settings.console.trial_minutes

        def record(old: int, new: int) -> TrialRecord:
            self._armed = TrialRecord.begun(
                old, new, minutes, by=who.user, clock=self._clock, boot=self._boot
            )
            return self._armed

        return record

    def began(self, number: int, before: Revision | None) -> None:
        """Revision `number` is in force: count down if it was armed. `before` comes back then."""
        record, self._armed = self._armed, None
        if record is None or record.new != number:
            return
        self._running = _Running(record, self._beats(), before)
        left = record.boot_deadline - self._clock.monotonic()
        _log.warning(
            "Revision %d is on trial: revision %d comes back in %.0f s unless it is confirmed.",
            record.new,
            record.old,
            left,
        )
        self._task = asyncio.create_task(self._count_down(record), name="trial")
        self._changed()

    # Endings ------------------------------------------------------------------------------------------------

    def beats(self) -> None:
        """The status server said something: a beat that it accepts confirms."""
        running = self._running
        if running is None or self.overdue or self._beats() <= running.accepted or self._confirming:
            return
        running.accepted = self._beats()
        self._confirming = asyncio.create_task(self._confirm_by_beat(running.record.new))

    async def _confirm_by_beat(self, number: int) -> None:
        try:
            await self.confirm(number, "an accepted beat")
        except TmError as failure:
            _log.warning("The trial of revision %d is not confirmed: %s", number, failure.cause)
        finally:
            self._confirming = None

    async def confirm(self, number: int, by: str) -> None:
        """Keep revision `number`. Raises TrialOver, StorageFailed."""
        async with self._saving:
            record = self._record(number)
            if self.overdue:
                raise TrialOver(number)
            await asyncio.to_thread(self._store.confirm, record, by)
            self._over()
        _log.info("Revision %d is confirmed by %s.", number, by)

    async def take_back(self, number: int, who: Who) -> Revision:
        """Go back at once, by an admin's wish. Raises TrialOver, StorageFailed."""
        async with self._saving:
            record = self._record(number)
            why = f"Trial of revision {record.new} taken back: settings of revision {record.old}"
            revision = await asyncio.to_thread(
                self._store.take_back, record, why, saved_by=who.user, claims=who.claims, announce=False
            )
            self._over()
            _log.warning("%s took the trial of revision %d back.", who.user, number)
            self._adopt(revision, None)
        return revision

    async def acknowledge(self, by: str) -> None:
        """Somebody has seen that a trial was taken back. Raises StorageFailed."""
        async with self._saving:
            if self._seen_by_nobody is None:
                return
            await asyncio.to_thread(self._store.acknowledge)
            seen, self._seen_by_nobody = self._seen_by_nobody, None
        _log.info("%s has seen that revision %d was taken back.", by, seen.trial)
        self._changed()

    async def stop(self) -> None:
        """The agent ends; what is on the disk goes on with it."""
        tasks = {task for task in (self._task, self._confirming) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _record(self, number: int) -> TrialRecord:
        if self._running is None or self._running.record.new != number:
            raise TrialOver(number)
        return self._running.record

    def _over(self) -> None:
        self._running = None
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._task = None
        self._changed()

    async def _count_down(self, record: TrialRecord) -> None:
        """Wait for the end, then go back, again and again until the disk takes it."""
        await wait_until(self._clock, record.boot_deadline, self._never)
        while self._runs(record):
            async with self._saving:
                if self._runs(record):
                    await self._go_back(record)
            if self._runs(record):
                await wait_until(self._clock, self._clock.monotonic() + _AGAIN_SECONDS, self._never)

    def _runs(self, record: TrialRecord) -> bool:
        return self._running is not None and self._running.record is record

    async def _go_back(self, record: TrialRecord) -> None:
        try:
            revision = await asyncio.to_thread(self._write_back, record)
        except StorageFailed as failure:
            self._still_there(failure)
        else:
            self._went_back(record, revision)

    def _write_back(self, record: TrialRecord) -> Revision:
        why = f"{_unconfirmed(record)}: settings of revision {record.old}"
        return self._store.take_back(record, why, saved_by=_AGENT)

    def _went_back(self, record: TrialRecord, revision: Revision) -> None:
        self._seen_by_nobody = RollbackRecord.of(record, revision.number, self._clock.now(), revision.note)
        _log.warning(
            "%s: revision %d has the settings of revision %d again.",
            _unconfirmed(record),
            revision.number,
            record.old,
        )
        self._over()
        self._adopt(revision, None)

    def _still_there(self, failure: StorageFailed) -> None:
        """The way back cannot be written: go it in memory, and try again."""
        running = self._running
        if running is None:
            return
        first, running.problem = not running.problem, f"{failure.cause} {failure.remedy}"
        if first and running.before is not None:
            self._adopt(running.before, None)
        self._changed()

    # What is shown ------------------------------------------------------------------------------------------

    @property
    def overdue(self) -> bool:
        """The time is over, and the disk does not take the way back yet."""
        return self._running is not None and bool(self._running.problem)

    def info(self) -> TrialInfo | None:
        """The trial of this moment."""
        if self._running is None:
            return None
        record = self._running.record
        left = record.left(self._boot, self._clock.monotonic(), self._clock.now())
        return trial_info(record, left, self._running.problem)

    def rollback(self) -> RollbackInfo | None:
        """The rollback that nobody has seen."""
        return rollback_info(self._seen_by_nobody) if self._seen_by_nobody is not None else None

    def alerts(self) -> tuple[str, ...]:
        """What an admin must know now."""
        found = [f"{self._problem.cause} {self._problem.remedy}"] if self._problem is not None else []
        found += alerts_of(self.info(), self.rollback())
        return tuple(found)


def _unconfirmed(record: TrialRecord) -> str:
    return f"Trial of revision {record.new} not confirmed within {record.minutes} min"
