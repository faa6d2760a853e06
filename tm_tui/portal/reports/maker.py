"""The portal's reports at work: reads each batch as it arrives, and makes what is due, beside all else."""

import asyncio
import time
from functools import partial

from tm_tui.moments import moment_of
from tm_tui.portal.core import Portal
from tm_tui.portal.refusals import Refused
from tm_tui.portal.reports import making, reader
from tm_tui.portal.reports.shelf import Report

__all__ = ["keep_reports"]

_AGAIN_SECONDS = 30.0
_LONGEST_WAIT = 300.0
"""The wall clock or the zone may be set, the machine may sleep: what is due is looked at this often."""


async def keep_reports(portal: Portal) -> None:
    """Go on until this is cancelled."""
    arrived = portal.batches.watch()
    done, tidied = 0, None
    while True:
        arrived.clear()
        time.tzset()  # else a process lives in the zone of its start
        today = portal.clock.now().date()
        try:
            if tidied != today:
                await portal.database.call(reader.forget, portal.clock.now())
                tidied = today
            done = await _read_new(portal, done)
            wait = await _make(portal)
        except Refused as error:  # the database: nothing is lost, all of it comes again
            portal.log.say("reports-not-made", cause=error.cause)
            wait = _AGAIN_SECONDS
        await portal.clock.wait(arrived, wait)


async def _read_new(portal: Portal, done: int) -> int:
    """Read the batches above the number `done`; returns the last one's."""
    while found := await portal.database.call(reader.unread, done):
        for batch in found:
            await _read(portal, batch["appliance"], batch["name"], batch["received_at"])
            done = batch["number"]
    return done


async def _read(portal: Portal, appliance: str, name: str, received_at: float) -> None:
    read = reader.portions(partial(portal.blobs.open, f"logs/{appliance}/{name}"), moment_of(received_at))
    while True:
        try:
            portion = await asyncio.to_thread(next, read, None)
        except (Refused, OSError) as error:  # left for the next start
            portal.log.say("unreadable-batch", batch=name, cause=str(error))
            return
        if portion is None:
            break
        await portal.database.call(reader.keep, appliance, portion, None)
    await portal.database.call(reader.keep, appliance, None, name)


async def _make(portal: Portal) -> float:
    """Make what can be made; returns how many seconds to wait for more."""
    now = portal.clock.now()
    while (made := await portal.database.call(making.make_incidents, now)) is not None:
        _tell(portal, made)
    _tell(portal, await portal.database.call(making.make_due, now))
    wait = min(_LONGEST_WAIT, making.next_due(now) + 1.0)
    waiting = await portal.database.call(making.longest_waiting)
    if waiting is not None:
        wait = min(wait, max(1.0, waiting + making.WAIT_SECONDS + 1.0 - now.timestamp()))
    return wait


def _tell(portal: Portal, made: tuple[Report, ...]) -> None:
    for report in made:
        portal.log.say("report-made", report=report.id, bytes=len(report.text.encode()))
