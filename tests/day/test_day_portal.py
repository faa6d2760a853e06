"""The portal through days, weeks and years: reports, certificate, lists of patterns, Registered Products."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cryptography import x509

from day.lab import HOUR, day, the_portal
from day.turning import DayClock, zone
from tm_tui.api.agent import ServerState
from tm_tui.link.chains import SEEN
from tm_tui.link.types import Endpoint
from tm_tui.portal import products
from tm_tui.portal.authority import certificate_files
from tm_tui.portal.database import opened
from tm_tui.portal.home import PortalHome
from tm_tui.portal.reports import shelf
from tm_tui.status_server.protocol import HeartbeatRequest, RegistrationRequest

MINUTE, DAY = 60.0, 24 * HOUR
APPLIANCE = "tm-0123456789ab"
_REQUEST = RegistrationRequest(
    appliance=APPLIANCE,
    version="1",
    edition="on-premise",
    email="a@example.com",
    heartbeat_seconds=300,
)
AT_REST = 4
LOOKS, LOOKS_AT_CERTIFICATE = 5 * MINUTE + 2, 10 * MINUTE + 2
BERLIN = ZoneInfo("Europe/Berlin")


class Portal:
    """A portal alone, with one appliance registered."""

    def __init__(self, home: Path, clock: DayClock) -> None:
        self.home, self.clock = home, clock

    async def pass_(self, seconds: float) -> None:
        """Let time pass."""
        end = self.clock.boot + seconds
        await self._settle()
        while (left := self.clock.next()) is not None and self.clock.boot + left <= end:
            self.clock.move(left)
            await self._settle()
        self.clock.move(end - self.clock.boot)

    async def _settle(self) -> None:
        async with asyncio.timeout(60):
            while True:
                self.clock.turned.clear()
                await asyncio.sleep(0)
                if len(self.clock.waiting) == AT_REST:
                    break
                await self.clock.turned.wait()

    def register(self) -> None:
        """An appliance, which will be silent."""
        with opened(self.home / "portal.sqlite3") as connection:
            products.register(connection, _REQUEST, "account", self.clock.now())

    def made(self, kind: str = "daily") -> list[str]:
        """The periods of the reports of a kind, in the order of their making."""
        with opened(self.home / "portal.sqlite3") as connection:
            found = [one.id for one in shelf.listed(connection) if one.kind == kind]
        return [one.rpartition(f"-{kind}-")[2] for one in reversed(found)]

    def certificate(self) -> x509.Certificate:
        """The server's, as it lies there."""
        path, _ = certificate_files(PortalHome(self.home))
        return x509.load_pem_x509_certificate(path.read_bytes())


@asynccontextmanager
async def portal_of(home: Path, clock: DayClock) -> AsyncIterator[Portal]:
    """Run it, and register the appliance."""
    async with the_portal(home, clock):
        found = Portal(home, clock)
        await found._settle()
        found.register()
        yield found


def until_local_midnight(clock: DayClock, at: ZoneInfo) -> float:
    """Seconds until the next day begins there."""
    tomorrow = clock.now().astimezone(at).date() + timedelta(days=1)
    midnight = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=at)
    return (midnight.astimezone(UTC) - clock.now()).total_seconds()


@pytest.mark.parametrize(
    ("begins", "weekly", "monthly"),
    [
        (datetime(2026, 3, 28, 11, tzinfo=UTC), ["2026-03-22"], []),  # a day of 23 hours follows
        (datetime(2026, 10, 24, 11, tzinfo=UTC), ["2026-10-18"], []),  # and one of 25
        (datetime(2026, 10, 30, 11, tzinfo=UTC), ["2026-10-25"], ["2026-10"]),
    ],
)
async def test_each_day_ends_at_its_own_midnight(
    folder: Path, begins: datetime, weekly: list[str], monthly: list[str]
) -> None:
    """Summer time or not: no report a minute before midnight, each once after it, week and month too."""
    clock = DayClock(begins)
    with zone("Europe/Berlin"):
        async with portal_of(folder / "portal", clock) as portal:
            days: list[str] = []
            for _ in range(3):
                clock.suspend(until_local_midnight(clock, BERLIN) - 20 * MINUTE)
                await portal.pass_(19 * MINUTE)
                assert portal.made() == days
                days.append(f"{clock.now().astimezone(BERLIN):%Y-%m-%d}")
                await portal.pass_(MINUTE + 2)
                assert portal.made() == days
            await portal.pass_(2 * HOUR)
            assert portal.made() == days
            assert portal.made("weekly") == weekly
            assert portal.made("monthly") == monthly


async def test_midnight_comes_while_it_sleeps_or_is_down(folder: Path) -> None:
    """Woken or started later, it makes up for each day once, within minutes."""
    clock = DayClock(datetime(2026, 5, 4, 22, tzinfo=UTC))
    with zone("UTC"):
        async with portal_of(folder / "portal", clock) as portal:
            await portal.pass_(HOUR)
            clock.suspend(8 * HOUR)
            assert portal.made() == []
            await portal.pass_(LOOKS)
            assert portal.made() == ["2026-05-04"]
        clock.suspend(3 * DAY)
        for _ in range(2):
            async with portal_of(folder / "portal", clock) as portal:
                await portal.pass_(LOOKS)
                assert portal.made() == [f"2026-05-0{day}" for day in (4, 5, 6, 7)]


async def test_the_wall_clock_steps_about_midnight(folder: Path) -> None:
    """By an hour or a day, there and back: each day has its report once, and the next ones come as always."""
    clock = DayClock(datetime(2026, 5, 4, 23, 40, tzinfo=UTC))
    with zone("UTC"):
        async with portal_of(folder / "portal", clock) as portal:
            for seconds in (HOUR, -HOUR, DAY, -DAY):
                clock.step(seconds)
                await portal.pass_(LOOKS)
            assert Counter(portal.made()) == Counter(["2026-05-04"])
            for expected in ("2026-05-05", "2026-05-06"):
                clock.suspend(DAY)
                await portal.pass_(LOOKS)
                assert portal.made()[-1] == expected
            assert set(Counter(portal.made()).values()) == {1}


async def test_the_zone_changes_while_it_runs(folder: Path) -> None:
    """An evening in Greenwich is the next morning in Tokyo: the portal follows, and repeats nothing."""
    clock = DayClock(datetime(2026, 5, 4, 10, tzinfo=UTC))
    with zone("UTC"):
        async with portal_of(folder / "portal", clock) as portal:
            clock.suspend(10 * HOUR)
            await portal.pass_(LOOKS)
            assert portal.made() == []
            with zone("Asia/Tokyo", told=False):
                await portal.pass_(LOOKS)
                assert portal.made() == ["2026-05-04"]
            clock.suspend(DAY)
            await portal.pass_(LOOKS)
            assert portal.made() == ["2026-05-04"]
            clock.suspend(4 * HOUR)
            await portal.pass_(LOOKS)
            assert portal.made() == ["2026-05-04", "2026-05-05"]


async def test_lists_of_patterns_are_signed_again_after_a_sleep(folder: Path) -> None:
    """They count for two days; after three days of sleep they count again within minutes."""
    clock = DayClock()
    async with portal_of(folder / "portal", clock) as portal:
        timestamp = portal.home / "patterns" / "metadata" / "timestamp.json"

        def expires() -> datetime:
            return datetime.fromisoformat(json.loads(timestamp.read_bytes())["signed"]["expires"])

        clock.suspend(3 * DAY)
        assert expires() < clock.now()
        await portal.pass_(LOOKS_AT_CERTIFICATE)
        assert expires() > clock.now()


async def test_a_certificate_of_the_future_is_made_anew(folder: Path) -> None:
    """Made while the clock was years ahead, it would be refused for years once that is set right."""
    clock = DayClock()
    async with portal_of(folder / "portal", clock):
        pass
    clock.step(1000 * DAY)
    async with portal_of(folder / "portal", clock) as portal:
        clock.step(-1000 * DAY)
        assert portal.certificate().not_valid_before_utc > clock.now()
        await portal.pass_(LOOKS_AT_CERTIFICATE)
        assert portal.certificate().not_valid_before_utc <= clock.now()


async def test_the_certificate_is_renewed_and_nobody_notices(folder: Path) -> None:
    """Thirty days before its end, while it serves: beats and logs go on, over the new one."""
    clock = DayClock(datetime.now(UTC) - timedelta(days=380))
    async with day(folder, clock=clock) as it:
        portal = Portal(it.portal_home, clock)
        first = portal.certificate()
        it.suspend((first.not_valid_after_utc - clock.now()).total_seconds() - 30 * DAY - 30 * MINUTE)
        await it.live(29 * MINUTE)
        assert portal.certificate() == first
        await it.live(LOOKS_AT_CERTIFICATE + MINUTE)
        second = portal.certificate()
        assert second.serial_number != first.serial_number
        await it.live(HOUR)
        server = it.agent.revision.settings.tmsp.log_server
        seen = SEEN.of(Endpoint(server.host, server.port))
        assert seen is not None
        assert x509.load_der_x509_certificate(seen.certificates[0]) == second
        status = it.look()
        assert status.status_server.state is ServerState.CONNECTED
        assert status.log_server.last_failure is None
        assert (len(it.at_portal()) + status.spool.events, it.wrong) == (it.handed_in, [])


async def test_an_expired_certificate_is_told_and_heals_by_itself(folder: Path) -> None:
    """The appliance says what is wrong while it lasts, and is back without anybody once it is renewed."""
    clock = DayClock(datetime.now(UTC) - timedelta(days=400))
    async with day(folder, clock=clock, connected=False) as it:
        async with asyncio.timeout(60):
            while it.agent.status().log_server.last_failure is None:
                await it.agent.changed.event.wait()
        await it.at_rest(AT_REST + 5)
        await it.live(2 * HOUR)
        status = it.look()
        for server in (status.status_server, status.log_server):
            assert server.state is ServerState.FAILING
            assert server.last_failure is not None
            assert server.last_failure.code == "tls-expired"
        it.suspend(370 * DAY)
        await it.pass_(HOUR)
        status = it.look()
        assert status.status_server.state is ServerState.CONNECTED
        assert status.log_server.last_failure is None
        await it.live(HOUR)
        assert len(it.at_portal()) + it.look().spool.events == it.handed_in
        assert len(it.at_portal()) > 4


def test_a_beat_of_the_future_connects_nobody(folder: Path) -> None:
    """The portal's clock was set back by a day: an appliance that is silent since is missing."""
    now = datetime(2026, 5, 4, tzinfo=UTC)
    about = {"version": "1", "heartbeat_seconds": 300, "revision": 1, "uptime_seconds": 1.0}
    with opened(folder / "portal.sqlite3") as connection:
        products.register(connection, _REQUEST, "account", now)
        products.beat(connection, HeartbeatRequest(appliance=APPLIANCE, sent_at=now, **about), now)
        for seconds, state in ((599, "connected"), (601, "missing"), (-1, "connected"), (-DAY, "missing")):
            (found,) = products.listed(connection, now + timedelta(seconds=seconds))
            assert found.state == state
            assert (found.last_beat_age_seconds or 0) >= 0
