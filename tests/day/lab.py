"""An appliance and its portal in one process, on one clock, and what an observer writes down of them."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from day.turning import DayClock
from spooling.events import threat_event
from tm_tui.agent.agent import Agent
from tm_tui.agent.core import Who
from tm_tui.agent.folders import prepare_folders
from tm_tui.api.agent import AgentStatus, ServerState
from tm_tui.delivery.schedule import Schedule
from tm_tui.demo.logs import events_at_portal
from tm_tui.paths import Home
from tm_tui.portal import products
from tm_tui.portal.database import opened
from tm_tui.portal.log import PortalLog
from tm_tui.portal.products import Product
from tm_tui.portal.reports import shelf
from tm_tui.portal.service import PortalOptions, Ready, open_portal
from tm_tui.settings.model import Settings

__all__ = ["AT_REST", "BEAT", "HOUR", "Beat", "Day", "day", "the_portal"]

HOUR, BEAT = 3600.0, 300.0
AT_REST = 11
"""Waits on the clock of an agent with a portal that have nothing to do: seven and four."""
_LIMIT = 60.0
_INTERVAL = "1h"
_PASSING = frozenset({"upload of cases", "log delivery"})
"""Tasks that wait on the clock only until the registration is known."""


@dataclass(frozen=True)
class Beat:
    """An accepted one: the boot clock when it was, and how long timers had run then."""

    boot: float
    awake: float


@dataclass(frozen=True)
class Delivery:
    """Its date, how long timers had run, and how long when somebody last disturbed them."""

    wall: datetime
    awake: float
    disturbed: float


@dataclass
class Day:
    """What a test turns and looks at."""

    clock: DayClock
    home: Home
    portal_home: Path
    agent: Agent = field(init=False)
    beats: list[Beat] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Moments at which the status said what it must never say."""
    handed_in: int = 0
    disturbances: int = 0
    _disturbed: float = -HOUR
    _ready: Ready | None = None
    _portal: AsyncExitStack = field(default_factory=AsyncExitStack)
    _regulars: frozenset[Any] = frozenset()
    _seen: Any = None
    _looked: float = 0.0
    _delivered: float = 0.0

    async def at_rest(self, waits: int = AT_REST) -> None:
        """Wait until that many wait on the clock: who does now, does so before the clock ever moves again."""
        async with asyncio.timeout(_LIMIT):
            while len(self.clock.waiting) < waits:
                self.clock.turned.clear()
                await self.clock.turned.wait()
        self._regulars = frozenset(
            task for task in self.clock.waiting if task is not None and task.get_name() not in _PASSING
        )
        await self.settle()

    async def settle(self) -> None:
        """Wait, for real, until nobody has anything to do before the clock moves."""
        async with asyncio.timeout(_LIMIT):
            while True:
                self.clock.turned.clear()
                for _ in range(3):
                    await asyncio.sleep(0)
                if self._busy():
                    with suppress(TimeoutError):  # a delivery that is paused now tells nobody
                        await asyncio.wait_for(self.clock.turned.wait(), 0.05)
                elif self.agent.reports._fetching:  # its status is a quarter of a day's work
                    await self.agent.changed.event.wait()
                else:
                    break

    def _busy(self) -> bool:
        """Whether somebody is at work who else waits on the clock; a paused delivery waits for others."""
        busy = {task.get_name() for task in self._regulars - self.clock.waiting if not task.done()}
        delivery = self.agent.delivery()
        if busy == {"delivery"} and delivery is not None and delivery.status().state == "paused":
            return False
        return bool(busy)

    async def pass_(self, seconds: float) -> None:
        """Let time pass, and look at each moment at which something may have happened."""
        end = self.clock.boot + seconds
        await self.settle()
        self.look()
        while (left := self.clock.next()) is not None and self.clock.boot + left <= end:
            self.clock.move(left)
            await self.settle()
            if self._seen is not self.agent.changed.event or self.clock.boot - self._looked > 60:
                self.look()
        self.clock.move(end - self.clock.boot)
        self.look()

    async def live(self, seconds: float, every: float = 900.0) -> None:
        """Let time pass in which the product sees a threat now and then."""
        while seconds > 0:
            await self.hand_in()
            await self.pass_(min(every, seconds))
            seconds -= every

    def suspend(self, seconds: float) -> None:
        """The machine sleeps so long. Nobody is waked at the end: timers only go on."""
        self._disturb()
        self.clock.suspend(seconds)
        self.look()

    def step(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self._disturb()
        self.clock.step(seconds)
        self.look()

    def _disturb(self) -> None:
        self.look()
        self.disturbances += 1
        self._disturbed = self.clock.awake

    async def portal_begins(self) -> Ready:
        """At the ports that it had, if it ran before."""
        ports: dict[str, int] = {}
        if self._ready is not None:
            log, status = self._ready.log_server, self._ready.status_server
            ports = {"https_port": log.https_port, "ssh_port": log.ssh_port, "status_port": status.port}
        self._ready = await self._portal.enter_async_context(
            the_portal(self.portal_home, self.clock, **ports)
        )
        return self._ready

    async def portal_ends(self) -> None:
        """With all its connections."""
        await self._portal.aclose()

    async def hand_in(self) -> None:
        """One event."""
        self.handed_in += 1
        event = threat_event(self.handed_in, time=self.clock.now().isoformat())
        assert (await self.agent.spool.add([json.dumps(event).encode()])).accepted == 1

    def look(self) -> AgentStatus:
        """Write down what is new, and what must not be."""
        self._seen, self._looked = self.agent.changed.event, self.clock.boot
        status = self.agent.status()
        server, logs = status.status_server, status.log_server
        for _ in range(server.beats_accepted - len(self.beats)):
            self.beats.append(Beat(self.clock.boot - (server.last_beat_age_seconds or 0), self.clock.awake))
        last, age = logs.last_delivery_at, logs.last_delivery_age_seconds
        if last is not None and age is not None and self.clock.boot - age > self._delivered + 0.01:
            self._delivered = self.clock.boot - age
            self.deliveries.append(Delivery(last, self.clock.awake - age, self._disturbed))
        fresh = bool(self.beats) and self.clock.boot - self.beats[-1].boot < 2 * BEAT
        if server.state is ServerState.CONNECTED and not fresh:
            self.wrong.append(f"connected at {self.clock.boot}")
        ages = (
            *(server.last_beat_age_seconds, server.next_beat_in_seconds, status.uptime_seconds),
            *(logs.last_delivery_age_seconds, logs.next_delivery_in_seconds),
        )
        if any(age is not None and age < 0 for age in ages):
            self.wrong.append(f"an age below 0 at {self.clock.boot}: {ages}")
        return status

    def product(self) -> Product:
        """What the portal says of the appliance."""
        with opened(self.portal_home / "portal.sqlite3") as connection:
            (found,) = products.listed(connection, self.clock.now())
        return found

    def reports(self) -> Counter[str]:
        """The periods of the portal's reports, and how often each was made."""
        with opened(self.portal_home / "portal.sqlite3") as connection:
            made = shelf.listed(connection)
        return Counter(one.id.removeprefix(f"{self.agent.appliance}-") for one in made)

    def at_portal(self) -> Counter[str]:
        """The ids of the events that the portal has, and how often each."""
        return events_at_portal(self.portal_home / "logs" / self.agent.appliance)

    def off_grid(self, wall: datetime) -> float:
        """Seconds from the moment at which the schedule wanted it."""
        schedule = Schedule.of(HOUR, self.agent.appliance)
        return round(wall.timestamp() - schedule.shift, 3) % HOUR


def _seldom(home: Path) -> None:
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "portal.toml").write_text("[alerts]\nlook_seconds = 300\n")


@asynccontextmanager
async def the_portal(home: Path, clock: DayClock, **ports: int) -> AsyncIterator[Ready]:
    """A portal, writing its log beside its home. It looks for alerts seldom: years pass here."""
    _seldom(home)
    with home.with_suffix(".log").open("a") as stream:
        async with open_portal(PortalOptions(home, **ports), PortalLog(stream, clock), clock) as (ready, _):
            yield ready


@asynccontextmanager
async def day(
    folder: Path,
    seed: int = 1,
    clock: DayClock | None = None,
    *,
    beat: int = int(BEAT),
    connected: bool = True,
) -> AsyncIterator[Day]:
    """The two at work, after the first beat unless it is not wanted."""
    clock = clock or DayClock()
    found = Day(clock, Home.under(folder / "h"), folder / "portal")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(found.portal_ends)
        ready = await found.portal_begins()
        prepare_folders(found.home)
        found.agent = await Agent.open(found.home, clock=clock, chance=random.Random(seed).random)
        stack.push_async_callback(found.agent.close)
        stack.push_async_callback(found.agent.stop)
        await found.agent.save(_settings(ready), _password(ready), expected=0, who=Who("test"), note="")
        if connected:
            await found.at_rest()
            assert found.look().status_server.state is ServerState.CONNECTED
        yield found


def _password(ready: Ready) -> dict[str, SecretStr | None]:
    assert ready.password_file
    return {"tmsp": SecretStr(Path(ready.password_file).read_text()), "proxy": None}


def _settings(ready: Ready) -> Settings:
    log, status = ready.log_server, ready.status_server
    return Settings.parse(
        {
            "schema": 1,
            "tmsp": {
                "enabled": True,
                "username": ready.username,
                "heartbeat_seconds": int(BEAT),
                "log_server": {
                    "host": log.host, "port": log.https_port, "protocol": "ssl", "interval": _INTERVAL
                },
                "status_server": {"host": status.host, "port": status.port},
            },
            "trust": {"ca_file": ready.ca_file},
        }
    )  # fmt: skip
