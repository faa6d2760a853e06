"""Who is told of what, and how often, with all clocks of the portal in the test's hand."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from portals import beat, registration
from sqlalchemy import Connection, select

from clock import FakeClock
from servers.alert_receivers import Received, syslog_server, web_server
from servers.certificates import Certificates
from servers.process import free_port
from tm_tui.portal import instances, products, tables
from tm_tui.portal.alerts.settings import is_quiet
from tm_tui.portal.database import opened
from tm_tui.portal.log import PortalLog
from tm_tui.portal.service import PortalOptions, open_portal
from tm_tui.status_server.protocol import HeartbeatRequest, RegistrationRequest

A, B = "tm-a", "tm-b"
INTERVAL, MINUTE, HOUR = 300, 60.0, 3600.0
SILENT = 3 * INTERVAL * 1.1 + 3 * MINUTE
"""So long after its last beat all have heard of it: a look, a group and a try come in between."""
SPELL = 25 * MINUTE
"""Longer than an appliance may be silent."""
AT_REST = 4
"""Waits on the clock of a portal that has nothing to do, without those of the ways out."""


class Fleet:
    """A portal whose appliances beat as the test wants it, and what its receivers got."""

    def __init__(self, home: Path, hook: Received, log: Received, certificates: Certificates) -> None:
        self.home, self.hook, self.log = home, hook, log
        self.clock = FakeClock(datetime.now(UTC).replace(hour=12))
        self.certificates = certificates
        self.beating: set[str] = set()
        self._portal = contextlib.AsyncExitStack()

    def write(self, more: str = "") -> None:
        """The portal's settings: a webhook, syslog, and mails to a server that is not there."""
        ca_file = f'ca_file = "{self.certificates.ca_file}"\n'
        self.home.mkdir(mode=0o700, exist_ok=True)
        (self.home / "portal.toml").write_text(
            f"[alerts]\nlook_seconds = 60\ngroup_seconds = 60\n{more}\n"
            f'[alerts.mail]\nhost = "localhost"\nport = {free_port()}\nsender = "a@example.com"\n'
            'to = ["b@example.com"]\n'
            f'[alerts.webhook]\nurl = "https://localhost:{self.hook.port}/"\n{ca_file}'
            f'[alerts.syslog]\nhost = "localhost"\nport = {self.log.port}\n{ca_file}'
        )

    async def begin(self) -> None:
        """Start the portal."""
        stream = self._portal.enter_context(self.home.with_suffix(".log").open("a"))
        log = PortalLog(stream, self.clock)
        await self._portal.enter_async_context(open_portal(PortalOptions(self.home), log, self.clock))
        await self.clock.idle(AT_REST + 3)

    async def end(self) -> None:
        """Stop it."""
        await self._portal.aclose()

    @contextlib.contextmanager
    def database(self) -> Iterator[Connection]:
        with opened(self.home / "portal.sqlite3") as connection:
            yield connection

    def register(self, *names: str) -> None:
        with self.database() as connection:
            for name in names:
                wanted = RegistrationRequest.model_validate(registration(name, heartbeat_seconds=INTERVAL))
                products.register(connection, wanted, "account", self.clock.now())
        self.beating |= set(names)
        self.beat()

    def beat(self, **more: Any) -> None:
        """One beat of each that beats."""
        now = self.clock.now()
        with self.database() as connection:
            for name in self.beating:
                told = beat(name, sent_at=now.isoformat(), heartbeat_seconds=INTERVAL, **more)
                assert products.beat(connection, HeartbeatRequest.model_validate(told), now)

    async def live(self, seconds: float) -> None:
        """Let time pass, with beats at their intervals."""
        while seconds > 0:
            self.beat()
            step = min(seconds, float(INTERVAL))
            await self.clock.advance(step, AT_REST + 3)
            seconds -= step

    def told(self) -> list[str]:
        """What the webhook heard, a subject each."""
        return [body["subject"] for _, body in self.hook.got]

    def alerts(self) -> list[Any]:
        with self.database() as connection:
            return list(connection.execute(select(tables.alerts).order_by(tables.alerts.c.number)))


@pytest.fixture
async def fleet(home: Path, certificates: Certificates) -> AsyncIterator[Fleet]:
    """A portal with receivers for two of its three ways out."""
    async with web_server(certificates.good) as hook, syslog_server(certificates.good) as log:
        found = Fleet(home, hook, log, certificates)
        found.write()
        await found.begin()
        yield found
        await found.end()


async def test_one_is_silent_and_comes_back(fleet: Fleet) -> None:
    """One alert, one recovery, on each way, though one way is down; a restart repeats none."""
    fleet.register(A, B)
    await fleet.live(SPELL)
    assert fleet.told() == []
    fleet.beating.remove(B)
    await fleet.live(SILENT)
    assert fleet.told() == [f"{B} is silent"]
    assert [b'state="began" subject="tm-b"' in line for line in fleet.log.got] == [True]
    await fleet.end()
    await fleet.begin()
    await fleet.live(SPELL)
    fleet.beating.add(B)
    await fleet.live(2 * INTERVAL)
    assert fleet.told() == [f"{B} is silent", f"{B} is back"]
    assert len(fleet.log.got) == 2
    (alert,) = fleet.alerts()
    assert alert.end_told_at > alert.ended_at > alert.told_at > alert.since
    with fleet.database() as connection:
        waiting = connection.execute(
            select(tables.alert_messages)
            .where(tables.alert_messages.c.way == "mail")
            .order_by(tables.alert_messages.c.number)
        )
        tries = [(row.tries > 1, row.done_at, "takes no connection" in row.failure) for row in waiting]
    assert tries == [(True, None, True), (False, None, False)]  # the second waits for the first


async def test_the_portal_s_own_downtime_is_no_silence(fleet: Fleet) -> None:
    """An hour without the portal, or with its machine asleep, or a step of its date: no alert."""
    fleet.register(A)
    await fleet.live(SPELL)
    await fleet.end()
    fleet.clock.suspend(HOUR)
    await fleet.begin()
    await fleet.clock.advance(INTERVAL, AT_REST + 3)
    await fleet.live(SPELL)
    fleet.clock.suspend(HOUR)
    await fleet.clock.advance(INTERVAL, AT_REST + 3)
    await fleet.live(SPELL)
    for step in (HOUR, -2 * HOUR):
        fleet.clock.set_wall(step)
        await fleet.clock.advance(INTERVAL, AT_REST + 3)
        await fleet.live(SPELL)
    assert (fleet.told(), fleet.alerts()) == ([], [])


async def test_many_at_once_are_one_message(fleet: Fleet) -> None:
    """Fifty that fall silent together are one message on each way, and one when they are back."""
    names = [f"tm-{number:02}" for number in range(50)]
    fleet.register(*names)
    fleet.beating.clear()
    await fleet.live(SILENT)
    fleet.beating |= set(names)
    await fleet.live(2 * INTERVAL)
    assert fleet.told() == ["50 appliances are silent", "50 appliances are back"]
    assert len(fleet.hook.got[0][1]["items"]) == 50
    assert len(fleet.log.got) == 100


async def test_quiet_times(fleet: Fleet) -> None:
    """In quiet times nothing goes out; at their end what still holds does, and what has passed does not."""
    await fleet.end()
    local = (fleet.clock.now() + timedelta(hours=1)).astimezone()
    fleet.write(f'quiet = "{fleet.clock.now().astimezone():%H:%M}-{local:%H:%M}"')
    await fleet.begin()
    fleet.register(A, B)
    fleet.beating.clear()
    await fleet.live(SILENT)
    fleet.beating.add(A)
    await fleet.live(SPELL)
    assert (fleet.told(), len(fleet.alerts())) == ([], 2)
    await fleet.live(20 * MINUTE)
    assert fleet.told() == [f"{B} is silent"]


async def test_queue_and_clone(fleet: Fleet) -> None:
    """A full queue is told once, and again when it is in order; a clone names from where both beat."""
    fleet.register(A)
    fleet.beat(waiting_events=200_000)
    await fleet.clock.advance(3 * MINUTE, AT_REST + 3)
    fleet.beat(waiting_events=60_000)
    await fleet.clock.advance(3 * MINUTE, AT_REST + 3)
    fleet.beat(waiting_events=10)
    await fleet.clock.advance(3 * MINUTE, AT_REST + 3)
    assert fleet.told() == [f"{A} has a full queue", f"{A} has a queue in order again"]
    assert "200,000 events wait" in fleet.hook.got[0][1]["text"]
    for minute in range(6):
        with fleet.database() as connection:
            for instance, address in (("one", "192.0.2.1"), ("two", "192.0.2.2")):
                if minute or instance == "one":
                    instances.note(connection, A, instance, address, fleet.clock.now())
        fleet.beat()
        await fleet.clock.advance(MINUTE, AT_REST + 3)
    assert fleet.told()[2:] == [f"{A} exists twice"]
    assert "from 192.0.2.1 and 192.0.2.2" in fleet.hook.got[2][1]["text"]


async def test_what_is_removed_is_not_told(fleet: Fleet) -> None:
    """An operator who removes an appliance hears no more of it."""
    fleet.register(A)
    fleet.beating.clear()
    await fleet.live(SILENT)
    with fleet.database() as connection:
        products.remove(connection, A, "operator", fleet.clock.now())
    await fleet.live(2 * INTERVAL)
    assert fleet.told() == [f"{A} is silent"]
    assert fleet.alerts()[0].ended_at is not None


async def test_a_way_that_comes_back(fleet: Fleet) -> None:
    """What could not be sent goes out when its receiver is back, once and in order."""
    fleet.hook.status = 503
    fleet.register(A, B)
    fleet.beating.remove(B)
    await fleet.live(SILENT)
    fleet.beating.add(B)
    await fleet.live(4 * INTERVAL)
    refused = len(fleet.hook.got)
    assert refused > 2
    fleet.hook.status = 200
    await fleet.live(2 * HOUR)
    assert fleet.told()[refused:] == [f"{B} is silent", f"{B} is back"]
    assert len({body["number"] for _, body in fleet.hook.got}) == 2


@pytest.mark.parametrize(
    ("quiet", "hour", "wanted"),
    [("", 3, False), ("22:00-06:00", 23, True), ("22:00-06:00", 3, True), ("22:00-06:00", 6, False),
     ("12:00-13:00", 12, True), ("12:00-13:00", 13, False)],
)  # fmt: skip
def test_spans_of_the_day(quiet: str, hour: int, wanted: bool) -> None:  # a column of the table
    """A span may go over midnight; its end is outside."""
    moment = datetime(2026, 3, 1, hour).astimezone()  # a local one
    assert is_quiet(quiet, moment) is wanted
