"""Does the portal's jobs, one short one at a time, beside everything else: reads batches, makes reports."""

import time
from collections.abc import Awaitable, Callable, Generator, Iterator

from sqlalchemy import Connection

from tm_tui.portal import doomed, endpoints, index, jobs, reading
from tm_tui.portal.blobs.store import BlobsFailed
from tm_tui.portal.core import Portal
from tm_tui.portal.index import IndexedBatch
from tm_tui.portal.jobs import Job, Lost
from tm_tui.portal.reading import Portion
from tm_tui.portal.refusals import Refused
from tm_tui.portal.reports import days, incidents, making
from tm_tui.portal.reports.making import Composed
from tm_tui.portal.reports.periods import KINDS
from tm_tui.portal.reports.shelf import Report
from tm_tui.portal.retention import sweeping
from tm_tui.tasks import threaded
from tm_tui.text import safe_text

__all__ = ["Worker", "keep_jobs"]

_AGAIN_SECONDS = 30.0
_LONGEST_WAIT = 300.0
"""The wall clock or the zone may be set, the machine may sleep: what is due is looked at this often."""
_LOOK_SECONDS = 2.0
"""So often for what other processes asked for, where there are others."""
_LOOK_AT_CLOCK_SECONDS = 60.0
_PUT_OFF_SECONDS = 5.0
_UNREADABLE_SECONDS = 86400.0
_FAILED_SECONDS = 3600.0
_SWEEP_SECONDS = 86400.0
_FIRST: jobs.Kind = "read"


async def keep_jobs(portal: Portal) -> None:
    """Go on until this is cancelled."""
    worker = Worker(portal)
    await worker.begin()
    while True:
        portal.batches.arrived.clear()
        time.tzset()  # else a process lives in the zone of its start
        try:
            await worker.look_at_clock()
            while await worker.one():
                pass
            wait = await worker.wait()
        except Refused as error:  # the database: nothing is lost, all of it comes again
            portal.log.say("jobs-not-done", cause=error.cause)
            wait = _AGAIN_SECONDS
        await portal.clock.wait(portal.batches.arrived, wait)


class Worker:
    """One worker. A method of a job ends it: done, or again at another time."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._later = portal.database.later
        self._read = portal.database.read
        self._looked = float("-inf")
        self._batches_first = True
        self._do: dict[str, Callable[[Job], Awaitable[None]]] = {
            "read": self._read_batch,
            "incidents": self._make_incidents,
            "sweep": self._sweep,
            "catch-up": self._catch_up,
            **{f"report-{kind}": self._make_report for kind in KINDS},
        }

    async def begin(self) -> None:
        """Take over what a process of before had begun, where there is no other one."""
        try:
            await self._later(_begun, self._now(), alone=self._portal.database.alone)
        except Refused as error:
            self._portal.log.say("jobs-not-done", cause=error.cause)

    def _now(self) -> float:
        return self._portal.clock.now().timestamp()

    async def look_at_clock(self) -> None:
        """Heed a clock that was set back, and another zone."""
        now = self._portal.clock.monotonic()
        if now - self._looked >= _LOOK_AT_CLOCK_SECONDS:
            self._looked = now
            await self._later(making.plan_anew, self._portal.clock.now())

    async def wait(self) -> float:
        """Seconds until there is something to do, as far as anybody knows."""
        now = self._portal.clock.now()
        wait = min(_LONGEST_WAIT, making.next_due(now) + 1.0)
        if not self._portal.database.alone:
            wait = min(wait, _LOOK_SECONDS)
        due = await self._read(jobs.next_due)
        return wait if due is None else min(wait, max(0.05, due - now.timestamp()))

    async def one(self) -> bool:
        """Do one job; False: none is due. Reading and the rest take turns. Raises Refused (the database)."""
        alone, first = self._portal.database.alone, _FIRST if self._batches_first else None
        self._batches_first = not self._batches_first
        take = self._read if alone else self._later
        job = await take(jobs.take, self._now(), first, alone=alone)
        if job is None:
            return False
        try:
            await self._do[job.kind](job)
        except Lost:
            pass  # another worker does it, or did
        except Refused:
            raise
        except BlobsFailed as error:  # not the job's fault: it comes again soon, and others go on
            self._portal.log.refuse("job-put-off", "worker", job=job.key, cause=error.why)
            await self._later(jobs.again, job, self._now() + _PUT_OFF_SECONDS)
        except Exception as error:  # noqa: BLE001 # a bug with one job is told, and keeps none of the others
            cause = f"{type(error).__name__}: {safe_text(str(error), 200)}"
            self._portal.log.say("job-failed", job=job.key, cause=cause)
            await self._later(jobs.again, job, self._now() + _FAILED_SECONDS)
        return True

    # --- batches

    async def _read_batch(self, job: Job) -> None:
        batch = await self._read(index.named, job.what)
        if batch is None:
            return await self._later(jobs.done, job)
        fresh = self._portal.batches.fresh(batch.name)
        found = (portion for portion in fresh) if fresh else self._portions(batch)
        try:
            return await self._keep_portions(job, batch, found)
        finally:  # however it ends: the lease may be another worker's now, or the database away
            await threaded(found.close)

    async def _keep_portions(
        self, job: Job, batch: IndexedBatch, found: Generator[Portion, None, None]
    ) -> None:
        unread = 0
        portion = following = None
        while portion is None or following is not None:
            portion = following
            try:
                following = await threaded(_next, found)
            except BlobsFailed:
                raise
            except (Refused, OSError) as error:
                self._portal.log.say("unreadable-batch", batch=batch.name, cause=str(error))
                return await self._later(jobs.again, job, self._now() + _UNREADABLE_SECONDS)
            if portion is not None:
                await self._later(_kept, job, batch, portion, self._now(), last=following is None)
                unread += portion.unreadable
        if unread and batch.kind == endpoints.KIND:
            self._portal.log.say("unreadable-events", batch=batch.name, events=unread)
        return None

    def _portions(self, batch: IndexedBatch) -> Generator[Portion, None, None]:
        with self._portal.blobs.open(f"logs/{batch.appliance}/{batch.name}") as file:
            yield from reading.portions(file, batch.received_at)

    async def _catch_up(self, job: Job) -> None:
        """What the start could not do, as the store of blobs was away."""
        changed = await self._later(index.catch_up, self._portal.blobs, self._portal.log)
        await self._later(jobs.done, job)
        self._portal.log.say("caught-up", index_entries_changed=changed)

    # --- reports

    async def _make_incidents(self, job: Job) -> None:
        made = await self._later(_incidents_made, job, self._portal)
        self._tell(made)

    async def _make_report(self, job: Job) -> None:
        now, kind = self._portal.clock.now(), next(one for one in KINDS if job.kind == f"report-{one}")
        while not await self._read(days.are_counted, job.appliance):
            await self._later(days.recount, job.appliance)
        composed = await self._read(making.compose, job.appliance, kind, now)
        if await self._later(_composed_kept, job, composed, self._portal) and composed and composed.report:
            self._tell((composed.report,))

    def _tell(self, made: tuple[Report, ...]) -> None:
        for report in made:
            self._portal.log.say("report-made", report=report.id, bytes=len(report.text.encode()))

    # --- what has had its time

    async def _sweep(self, job: Job) -> None:
        """One piece of it; the job keeps where it stands."""
        deleted: list[doomed.Doomed] = []
        if sweeping.deletes_blobs(job.what):
            deleted = await self._read(doomed.listed, sweeping.BLOBS_AT_ONCE)
            await threaded(doomed.remove, self._portal.blobs, deleted)
        done = await self._later(_swept, job, self._portal, deleted)
        if done.number:
            self._portal.log.say("swept", kind=done.kind, number=done.number)


def _begun(connection: Connection, now: float, *, alone: bool) -> None:
    if alone:
        jobs.free(connection)
    jobs.ask(connection, "sweep", "sweep", now)


def _next(found: Iterator[Portion]) -> Portion | None:
    return next(found, None)


def _kept(
    connection: Connection, job: Job, batch: IndexedBatch, portion: Portion, now: float, *, last: bool
) -> None:
    reading.keep(connection, batch.appliance, portion, now)
    if last:
        jobs.done(connection, job)
    else:
        jobs.keep(connection, job, now)


def _incidents_made(connection: Connection, job: Job, portal: Portal) -> tuple[Report, ...]:
    now = portal.clock.now()
    made = incidents.make_incidents(connection, now, appliance=job.appliance)
    due = now.timestamp() if made is not None else incidents.next_due(connection, job.appliance)
    if due is None or (made is None and due <= now.timestamp()):  # who is not registered gets none
        jobs.done(connection, job)
    else:
        jobs.again(connection, job, due)
    return made or ()


def _composed_kept(connection: Connection, job: Job, composed: Composed | None, portal: Portal) -> bool:
    if composed is None:
        jobs.done(connection, job)
        return False
    jobs.again(connection, job, composed.due)
    return composed.report is not None and making.put(connection, composed.report, portal.clock.now())


def _swept(connection: Connection, job: Job, portal: Portal, deleted: list[doomed.Doomed]) -> sweeping.Piece:
    now = portal.clock.now()
    done = sweeping.piece(connection, portal.retention, now, job.what, deleted)
    due = now.timestamp() + (_SWEEP_SECONDS if done.following is None else 0.0)
    jobs.again(connection, job, due, done.following or "")
    return done
