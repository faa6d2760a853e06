"""What a day needs of single parts: the lamp during an exchange, waits that a suspend must not lengthen."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from pydantic import SecretStr

from agents import revision_for, settings_for
from clock import FakeClock
from day.turning import DayClock
from servers.certificates import Certificates
from servers.misbehaving import say_nothing, server
from spooling.events import numbered_line
from spooling.log_server import log_server
from spooling.working import at_work
from tm_tui.api.agent import ServerState
from tm_tui.delivery.service import DeliveryService
from tm_tui.link.build import build_links
from tm_tui.link.host_keys import HostKeys, Trust
from tm_tui.link.http_headers import retry_after_seconds
from tm_tui.link.https import https_client
from tm_tui.link.types import Credentials, Endpoint, Limits, Link
from tm_tui.retry import Retry
from tm_tui.spool.store import Spool
from tm_tui.status_server.beat_loop import BeatSchedule, Heart
from tm_tui.status_server.heartbeat import Accepted, Facts
from tm_tui.status_server.registration import registration_of
from tm_tui.status_server.removal import RegistrationRecord
from tm_tui.status_server.server_state import Standing

LIMIT = 60.0
HOUR = 3600.0


async def test_a_server_s_hour_of_peace_ends_while_the_machine_sleeps(
    folder: Path, certificates: Certificates
) -> None:
    """Retry-After counts from when it was said: woken two hours later, it is tried within seconds."""
    clock = DayClock()
    async with (
        log_server(folder / "held", certificates) as peer,
        await Spool.open(folder / "spool", "tm-0042", clock=clock) as spool,
    ):
        trust = Trust(certificates.ca_pem, HostKeys(folder / "host_keys"))
        link = Link(
            Endpoint("127.0.0.1", peer.port),
            Credentials("tm", SecretStr("s")),
            None,
            trust,
            Limits(reply=5.0),
        )
        service = DeliveryService(
            spool,
            link,
            protocol="ssl",
            appliance="tm-0042",
            interval=HOUR,
            clock=clock,
            retry=Retry(clock, random.Random(1).random),
        )
        await spool.add([numbered_line(1)])
        peer.script.append("503 retry-after: 3600")
        async with at_work(service):
            assert (await service.send_now()).failure is not None
            clock.suspend(2 * HOUR)
            assert service.status().next_delivery_in_seconds == 0
            peer.asked.clear()
            clock.move(10.0)
            async with asyncio.timeout(LIMIT):
                await peer.asked.wait()


async def test_the_lamp_goes_out_during_an_exchange(folder: Path, certificates: Certificates) -> None:
    """A server that is silent in the middle of a beat does not keep "connected" on the screens meanwhile."""
    clock, told = FakeClock(), asyncio.Event()
    standing = Standing(enabled=True, interval=5.0)
    standing.beat_accepted(Accepted(0.1, 0.0, ()), clock.monotonic() - 9.5, clock.now())
    async with server(say_nothing) as hole:
        revision = revision_for(settings_for(hole.port, seconds=5), certificates.ca_pem)
        link = build_links(revision, HostKeys(folder / "host_keys")).status_server
        async with https_client(link) as client:
            heart = Heart(
                client,
                lambda: registration_of("tm-0042", revision.settings.tmsp),
                standing,
                RegistrationRecord(folder, "tm-0042"),
                facts=lambda: Facts(1, 1.0),
                changed=told.set,
                noticed=lambda _: None,
                clock=clock,
                chance=lambda: 0.5,
                limit=LIMIT,
            )
            beating = asyncio.create_task(heart._beat_once())
            try:
                async with asyncio.timeout(LIMIT / 2):
                    await hole.somebody.wait()
                    assert standing.state(clock.monotonic()) is ServerState.CONNECTED
                    clock.suspend(1.0)
                    await told.wait()
                assert standing.state(clock.monotonic()) is ServerState.CONNECTING
                assert not beating.done()
            finally:
                beating.cancel()
                await asyncio.wait({beating})


def test_a_short_sleep_doubles_no_beat() -> None:
    """Late by most of an interval, the grid begins anew; an exchange that took its time does not move it."""
    schedule = BeatSchedule(300, lambda: 0.5, 0.0, 20.0)
    schedule.begin(0.0)
    schedule.accepted()
    assert schedule.begin(319.0) == 0
    schedule.accepted()
    assert schedule.due == 600.0
    assert schedule.begin(895.0) == 1
    schedule.accepted()
    assert schedule.due == 1195.0


def test_a_date_to_come_back_is_one_of_the_server_s_clock() -> None:
    """An appliance whose date is a day off waits as long as was asked, neither an hour nor not at all."""
    for off in (-86400, 0, 86400):
        now = datetime.now(UTC) + timedelta(seconds=off)
        soon = format_datetime(now + timedelta(seconds=90), usegmt=True)
        told = {"retry-after": soon, "date": format_datetime(now, usegmt=True)}
        assert retry_after_seconds(told) == 90
