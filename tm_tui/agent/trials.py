"""Settings on trial: the countdown, what confirms them, and the way back when nobody does.

The way back is on the disk before the switch (tm_tui.settings.trial). In the same boot of the machine the
countdown is that of CLOCK_BOOTTIME, which no step of the wall clock moves and suspend does not stop. After
another boot the wall clock says what is left, and never more than the whole trial from then on.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tm_tui.agent.core import TrialOver, Who
from tm_tui.agent.trial_answers import Answers, Waiting
from tm_tui.agent.trial_words import alerts_of, by_servers, rollback_info, trial_info, unconfirmed
from tm_tui.api.agent import RollbackInfo, TrialEnd, TrialInfo
from tm_tui.clock import Clock, boot_id, wait_until
from tm_tui.errors import StorageFailed, TmError
from tm_tui.retry import DISK, Retry
from tm_tui.settings.store import Loaded, Revision, SettingsStore
from tm_tui.settings.trial import Armed, RollbackRecord, TrialRecord
from tm_tui.tasks import Tasks, threaded, unbroken

__all__ = ["Trials"]

_log = logging.getLogger(__name__)

_AGENT = "agent"


@dataclass(slots=True)
class _Running:
    record: TrialRecord
    waiting: Waiting
    """The servers whose answers confirm it."""
    before: Revision | None
    """What comes back, in memory too; None when it could not be read."""
    problem: str = ""
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Trials:
    """At most one trial at a time. `adopt` puts a revision in force; `answers` tells what servers said."""

    def __init__(
        self,
        store: SettingsStore,
        clock: Clock,
        *,
        saving: asyncio.Lock,
        adopt: Callable[[Revision, TmError | None], None],
        changed: Callable[[], None],
        answers: Answers,
    ) -> None:
        self._store = store
        self._clock = clock
        self._saving = saving
        self._adopt = adopt
        self._changed = changed
        self._answers = answers
        self.ended: TrialEnd | None = None
        """How the last trial ended, since this agent began."""
        self._boot = boot_id()
        self._running: _Running | None = None
        self._seen_by_nobody: RollbackRecord | None = None
        self._problem: TmError | None = None
        self._tasks = Tasks()
        self._confirming = False

    # Beginnings ---------------------------------------------------------------------------------------------

    def filed(self) -> TrialRecord | None:
        """The trial that the disk knows of. Blocks."""
        try:
            record = self._store.trial()
            self._seen_by_nobody = self._store.rolled_back()
        except StorageFailed as failure:
            self._problem = failure
            return self._running.record if self._running is not None else None
        return record

    def resume(self, loaded: Loaded, record: TrialRecord | None) -> None:
        """Put in force what the disk says: go on with a trial, or go back. May block on the disk."""
        if self._running is not None:
            if record is not None and record.new == self._running.record.new == loaded.revision.number:
                self._adopt(loaded.revision, loaded.problem)
                return
            self._over()  # somebody else has brought it to its end
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
        self._begin(record, self._read_old(record), loaded.revision)

    def _late(self, record: TrialRecord, loaded: Loaded) -> None:
        """The time went by while no agent ran."""
        try:
            revision = self._write_back(record)
        except StorageFailed as failure:
            before = self._read_old(record)
            self._adopt(before or loaded.revision, None)
            self._running = running = _Running(record, Waiting((), 0), before)
            self._still_there(failure)
            self._tasks.start(self._count_down(running), "trial")
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

    def began(self, armed: Armed | None, before: Revision, now: Revision) -> None:
        """What was saved is in force: count down if it was armed. `before` comes back then."""
        if self._running is not None:  # the disk has let it be saved: there, the trial before has ended
            self._over()
        if armed is not None and armed.record is not None:
            self._begin(armed.record, before, now)

    def _begin(self, record: TrialRecord, before: Revision | None, now: Revision) -> None:
        self._running = running = _Running(record, self._answers.waiting(before, now), before)
        left = record.boot_deadline - self._clock.monotonic()
        _log.warning(
            "Revision %d is on trial: revision %d comes back in %.0f s unless it is confirmed.",
            record.new,
            record.old,
            left,
        )
        self._tasks.start(self._count_down(running), "trial")
        self._changed()

    # Endings ------------------------------------------------------------------------------------------------

    def heard(self) -> None:
        """A server said something: once each has answered whose way was changed, that confirms."""
        running = self._running
        if running is None or self.overdue or self._confirming or self._answers.missing(running.waiting):
            return
        self._confirming = True
        self._tasks.start(self._confirm_by_answers(running), "confirmation by the servers")

    async def _confirm_by_answers(self, running: _Running) -> None:
        try:
            await self.confirm(running.record.new, by_servers(running.waiting.servers))
        except TmError as failure:
            _log.warning("The trial of revision %d is not confirmed: %s", running.record.new, failure.cause)
            running.waiting = Waiting(running.waiting.servers, self._answers.beats())
        finally:
            self._confirming = False

    async def confirm(self, number: int, by: str) -> None:
        """Keep revision `number`. Raises TrialOver, StorageFailed."""
        await unbroken(self._confirm(number, by))

    async def _confirm(self, number: int, by: str) -> None:
        async with self._saving:
            record = self._record(number)
            if self.overdue:
                raise TrialOver(number)
            await threaded(self._store.confirm, record, by)
            self._ends(record, f"confirmed by {by}: it stays")
        _log.info("Revision %d is confirmed by %s.", number, by)

    async def take_back(self, number: int, who: Who) -> Revision:
        """Go back at once, by an admin's wish. Raises TrialOver, StorageFailed."""
        return await unbroken(self._take_back(number, who))

    async def _take_back(self, number: int, who: Who) -> Revision:
        async with self._saving:
            record = self._record(number)
            why = f"Trial of revision {record.new} taken back: settings of revision {record.old}"
            revision = await threaded(
                self._store.take_back, record, why, saved_by=who.user, claims=who.claims, announce=False
            )
            self._ends(record, f"taken back by {who.user}: revision {record.old}'s settings are in force")
            _log.warning("%s took the trial of revision %d back.", who.user, number)
            self._adopt(revision, None)
        return revision

    async def acknowledge(self, by: str) -> None:
        """Somebody has seen that a trial was taken back. Raises StorageFailed."""
        await unbroken(self._acknowledge(by))

    async def _acknowledge(self, by: str) -> None:
        async with self._saving:
            if self._seen_by_nobody is None:
                return
            await threaded(self._store.acknowledge)
            seen, self._seen_by_nobody = self._seen_by_nobody, None
        _log.info("%s has seen that revision %d was taken back.", by, seen.trial)
        self._changed()

    async def stop(self) -> None:
        """The agent ends; what is on the disk goes on with it."""
        await self._tasks.stop()

    def _record(self, number: int) -> TrialRecord:
        if self._running is None or self._running.record.new != number:
            raise TrialOver(number)
        return self._running.record

    def _ends(self, record: TrialRecord, how: str) -> None:
        """It is over, and can be told."""
        self.ended = TrialEnd(revision=record.new, at=self._clock.now(), how=how)
        self._over()

    def _over(self) -> None:
        """No trial runs any more; its countdown ends."""
        if self._running is not None:
            self._running.ended.set()
        self._running = None
        self._changed()

    async def _count_down(self, running: _Running) -> None:
        """Wait for the end, then go back, again and again until the disk takes it."""
        retry = Retry(self._clock, random.random, pace=DISK)
        await wait_until(self._clock, running.record.boot_deadline, running.ended)
        while not running.ended.is_set():
            await unbroken(self._go_back(running, retry))
            await wait_until(self._clock, retry.again, running.ended)

    async def _go_back(self, running: _Running, retry: Retry) -> None:
        async with self._saving:
            if running.ended.is_set():  # confirmed or taken back at the last moment
                return
            try:
                revision = await threaded(self._write_back, running.record)
            except StorageFailed as failure:
                retry.failed(failure)
                self._still_there(failure)
            else:
                self._went_back(running.record, revision)

    def _write_back(self, record: TrialRecord) -> Revision:
        why = f"{unconfirmed(record)}: settings of revision {record.old}"
        return self._store.take_back(record, why, saved_by=_AGENT)

    def _went_back(self, record: TrialRecord, revision: Revision) -> None:
        self._seen_by_nobody = RollbackRecord.of(record, revision.number, self._clock.now(), revision.note)
        told = (unconfirmed(record), revision.number, record.old)
        _log.warning("%s: revision %d has the settings of revision %d again.", *told)
        self._ends(record, f"not confirmed in time: revision {record.old}'s settings are in force")
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
        missing = self._answers.missing(self._running.waiting)
        return trial_info(record, left, self._running.problem, self._running.waiting.servers, missing)

    def rollback(self) -> RollbackInfo | None:
        """The rollback that nobody has seen."""
        return rollback_info(self._seen_by_nobody) if self._seen_by_nobody is not None else None

    def alerts(self) -> tuple[str, ...]:
        """What an admin must know now."""
        found = [f"{self._problem.cause} {self._problem.remedy}"] if self._problem is not None else []
        found += alerts_of(self.info(), self.rollback())
        return tuple(found)
