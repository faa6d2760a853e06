"""Reads what the threat event logs say of endpoints, one batch after the other, beside everything else.

The files are the truth: a batch that was not read to its end, for whatever reason, is read again.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from io import BufferedReader

from tm_tui.portal import endpoints, index
from tm_tui.portal.batch_file import events
from tm_tui.portal.core import Portal
from tm_tui.portal.endpoints import Mark
from tm_tui.portal.index import IndexedBatch
from tm_tui.portal.refusals import Refused

__all__ = ["portions", "read_threat_events"]

_MOST_MARKS = 2000
_MOST_EVENTS = 20_000
_AGAIN_SECONDS = 30.0


def portions(opened: Callable[[], BufferedReader], received_at: datetime) -> Iterator[tuple[list[Mark], int]]:
    """Of a batch the newest mark of each endpoint, and how many events cannot be read, in bounded portions.

    Raises Refused for a damaged file, OSError.
    """
    newest: dict[str, Mark] = {}
    unread = 0
    with opened() as file:
        for number, event in enumerate(events(file), 1):
            mark = endpoints.mark_of(event, received_at)
            if mark is None:
                unread += 1
            elif mark.newer(newest.get(mark.key)):
                newest[mark.key] = mark
            if len(newest) >= _MOST_MARKS or not number % _MOST_EVENTS:
                yield list(newest.values()), unread
                newest, unread = {}, 0
    yield list(newest.values()), unread


async def read_threat_events(portal: Portal) -> None:
    """Read every batch that was not, then each new one as it arrives, until this is cancelled."""
    done = 0
    while True:
        portal.batches.arrived.clear()
        try:
            done = await _catch_up(portal, done)
        except Refused as error:  # the database: nothing is lost, all of it comes again
            portal.log.say("endpoints-not-kept", cause=error.cause)
            await asyncio.sleep(_AGAIN_SECONDS)
            continue
        await portal.batches.arrived.wait()


async def _catch_up(portal: Portal, done: int) -> int:
    """Read the batches above the number `done`; returns the last one's. Raises Refused (the database)."""
    if not done:
        await portal.database.call(endpoints.forget_read)
    while found := await portal.database.call(index.listed, after=done, most=100):
        for batch in found:
            if batch.kind == endpoints.KIND and not await portal.database.call(
                endpoints.was_read, batch.name
            ):
                await _read(portal, batch)
        done = found[-1].number
    return done


async def _read(portal: Portal, batch: IndexedBatch) -> None:
    opened = partial(portal.blobs.open, f"logs/{batch.appliance}/{batch.name}")
    read = portions(opened, batch.received_at)
    unread = 0
    while True:
        try:
            portion = await asyncio.to_thread(next, read, None)
        except (Refused, OSError) as error:  # left for the next start
            portal.log.say("unreadable-batch", batch=batch.name, cause=str(error))
            return
        if portion is None:
            break
        unread += portion[1]
        await portal.database.call(endpoints.keep, batch.appliance, portion[0], None)
    await portal.database.call(endpoints.keep, batch.appliance, (), batch.name)
    if unread:
        portal.log.say("unreadable-events", batch=batch.name, events=unread)
