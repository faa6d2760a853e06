"""The running portal looks, notes what changed, and sends; no way out waits for another."""

import asyncio
import random
import socket
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from tm_tui.portal import sessions, trends, tries
from tm_tui.portal.alerts import records
from tm_tui.portal.alerts.failures import NotSent
from tm_tui.portal.alerts.rules import Change, changes
from tm_tui.portal.alerts.settings import AlertSettings, is_quiet
from tm_tui.portal.alerts.ways import Way, send_within, ways_of
from tm_tui.portal.certificate import Certificate
from tm_tui.portal.core import Portal
from tm_tui.portal.refusals import Refused
from tm_tui.portal.settings import PortalSettings
from tm_tui.retry import full_jitter

__all__ = ["Watching", "keep_alerts"]

_GAP_SECONDS = 60.0
"""A look that comes so late, or a wall clock that stepped so far: nobody was listening, as before a start."""
_STANDING_SECONDS = 900.0
_FIRST_WAIT, _LONGEST_WAIT = 30.0, 1800.0
"""Seconds. They stand in the database, for whichever process sends next: a `Retry` is the memory of one."""

Until = Callable[[], datetime | None]
"""When the portal's certificate ends."""


class Watching:
    """Since when the portal has been listening without a gap, by both of its clocks."""

    def __init__(self, every: float, wall: float, monotonic: float) -> None:
        self._every = every
        self._wall, self._monotonic = wall, monotonic
        self.since = wall

    def goes_on(self, wall: float, monotonic: float) -> float:
        """Note a look. Returns since when."""
        passed = monotonic - self._monotonic
        stepped = wall - self._wall - passed
        if passed > self._every + _GAP_SECONDS or abs(stepped) > _GAP_SECONDS:
            self.since = wall
        self._wall, self._monotonic = wall, monotonic
        return self.since


def _no_certificate() -> None:
    """A proxy has it."""


async def keep_alerts(portal: Portal, whole: PortalSettings) -> None:
    """Look and send until cancelled."""
    settings = whole.alerts
    certificate: Until = _no_certificate if whole.tls.at_proxy else Certificate(portal.home, whole).end
    ways = ways_of(settings, portal.home.path)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_look(portal, settings, tuple(way.name for way in ways), certificate))
        for way in ways:
            tasks.create_task(_send(portal, way, settings.look_seconds))


async def _look(portal: Portal, settings: AlertSettings, ways: tuple[str, ...], certificate: Until) -> None:
    clock, never = portal.clock, asyncio.Event()
    watching = Watching(settings.look_seconds, clock.now().timestamp(), clock.monotonic())
    noted_at = clock.monotonic() - _STANDING_SECONDS
    while True:
        look = _Look(settings, clock.now(), certificate())
        look.watching = watching.goes_on(look.now.timestamp(), clock.monotonic())
        try:
            await _note(portal, look, ways)
            if clock.monotonic() - noted_at >= _STANDING_SECONDS:
                standing = await portal.database.read(trends.standing, look.now)
                await portal.database.later(trends.put, standing, look.now)
                await portal.database.later(sessions.sweep, look.now.timestamp())
                await portal.database.later(tries.sweep, look.now.timestamp())
                noted_at = clock.monotonic()
        except Refused as error:
            portal.log.say("alerts-not-looked", cause=error.cause)
        await clock.wait(never, settings.look_seconds)


async def _note(portal: Portal, look: "_Look", ways: tuple[str, ...]) -> None:
    """Write down what changed, some at a time; and make the message, if it is time.

    Where this is broken off, the next look finds the rest.
    """
    database = portal.database
    changed = await database.read(look.changes)
    for start in range(0, len(changed), records.AT_ONCE):
        await database.later(records.apply, changed[start : start + records.AT_ONCE], look.now)
    if found := await database.read(look.message):
        message, number = found
        await database.later(records.put_group, ways, message, look.now)
        portal.log.say("alerts-told", number=number)


class _Look:
    """One look at everything."""

    watching = 0.0

    def __init__(self, settings: AlertSettings, now: datetime, certificate: datetime | None) -> None:
        self._settings = settings
        self.now = now
        self._certificate = None if certificate is None else certificate.timestamp()

    def changes(self, connection: Connection) -> tuple[Change, ...]:
        """What begins and what ends now."""
        return tuple(
            changes(
                records.look(connection, self._settings, self.now),
                records.standing(connection),
                self._settings,
                now=self.now.timestamp(),
                watching=self.watching,
                certificate=self._certificate,
            )
        )

    def message(self, connection: Connection) -> tuple[str, int] | None:
        """The message as JSON, if it is time for one, and of how many things."""
        if is_quiet(self._settings.quiet, self.now) or not records.untold(connection):
            return None
        return records.composed(connection, socket.gethostname(), self._settings, self.now)


async def _send(portal: Portal, way: Way, every: float) -> None:
    """Send what is due on one way, the oldest first; what fails is tried again, later and later."""
    clock, never = portal.clock, asyncio.Event()
    while True:
        try:
            for one in await portal.database.read(records.due, way.name, clock.now()):
                if not await _send_one(portal, way, one):
                    break
        except Refused as error:
            portal.log.say("alerts-not-sent", way=way.name, cause=error.cause)
        await clock.wait(never, every)


async def _send_one(portal: Portal, way: Way, one: records.Outgoing) -> bool:
    """Send it. Returns whether it is any use to try the next one."""
    now = portal.clock.now
    try:
        await send_within(way, one.message)
    except NotSent as error:
        words = f"{error.cause} {error.remedy}"
        wait = _FIRST_WAIT + full_jitter(one.tries + 1, _FIRST_WAIT, _LONGEST_WAIT, random.random)
        over = await portal.database.later(records.failed, one, words, wait, now())
        portal.log.say("alert-not-sent", way=way.name, cause=error.cause, tries=one.tries + 1, given_up=over)
        return error.answered
    else:
        await portal.database.later(records.sent, one.number, now())
        portal.log.say("alert-sent", way=way.name, message=one.message.number)
        return True
