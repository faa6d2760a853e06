"""One identity on two machines: the portal notices, and tells the operator and both appliances."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from portals import ANY_APPLIANCE, OpenPortal, beat, log_file, registration

from clock import FakeClock
from tm_tui.cli.portal_products import _line
from tm_tui.portal import instances, products
from tm_tui.portal.database import opened
from tm_tui.portal.log import PortalLog
from tm_tui.portal.service import PortalOptions, open_portal
from tm_tui.status_server.heartbeat import Accepted
from tm_tui.status_server.protocol import RegistrationRequest
from tm_tui.status_server.replies import read_beat
from tm_tui.status_server.server_state import Standing

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("beats", "twice"),
    [
        pytest.param([("a", 0), ("a", 300), ("a", 600)], False, id="one machine"),
        pytest.param([("a", 0), ("a", 300), ("b", 310), ("b", 610)], False, id="restarted"),
        pytest.param([("a", 0), ("b", 1), ("a", 15), ("b", 300)], False, id="a late beat of before"),
        pytest.param([("a", 0), ("b", 100), ("a", 300), ("b", 400)], True, id="two side by side"),
        pytest.param([("a", 0), ("b", 2), ("a", 5), ("b", 7), ("a", 65)], True, id="two that beat often"),
        pytest.param([("a", 0), ("b", 100), ("a", 300), ("b", 400), ("b", 1300)], False, id="one was ended"),
        pytest.param([("", 0), ("", 100), ("", 300)], False, id="agents of before"),
        pytest.param([(str(n), n * 10) for n in range(40)], False, id="a machine that starts all the time"),
    ],
)
def test_two_side_by_side_are_a_clone(store: Path | str, beats: list[tuple[str, int]], twice: bool) -> None:
    """A restart is none, a late beat is none, an ended copy is none after a while."""
    with opened(store) as connection:
        request = RegistrationRequest.model_validate(registration(heartbeat_seconds=300))
        products.register(connection, request, "account", START)
        for instance, seconds in beats:
            now = START + timedelta(seconds=seconds)
            instances.note(connection, ANY_APPLIANCE, instance, f"192.0.2.{len(instance)}", now)
        assert bool(instances.clones(connection, now, ANY_APPLIANCE)) is twice
        (shown,) = products.listed(connection, now)
        assert bool(shown.clones) is twice
        assert ("IDENTITY TWICE" in _line(shown)) is twice
        kept = connection.exec_driver_sql("SELECT count(*) FROM instances").fetchone()[0]
        assert kept <= 8


async def test_a_clone_is_told_to_both(any_home: Path) -> None:
    """Each of two agents of one image learns it from its beat's reply, and the operator from the list."""
    clock, home = FakeClock(datetime.now(UTC)), any_home  # the certificate is of today
    with log_file(home).open("a") as stream:
        async with open_portal(PortalOptions(home), PortalLog(stream, clock), clock) as (ready, _):
            portal = OpenPortal(home, ready.model_dump())
            await portal.register(instance="first", heartbeat_seconds=300)
            async with portal.status_server() as client:

                async def told(instance: str) -> Any:
                    reply = await client.post("/v1/heartbeat", json=beat(instance=instance))
                    return reply.json()["clone"]

                assert await told("first") is False
                await clock.advance(100)
                assert await told("second") is False
                await clock.advance(100)
                assert await told("first") is True
                assert await told("second") is True
            async with portal.operators() as client:
                (shown,) = (await client.get("/v1/products")).json()["products"]
            assert shown["clones"] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("told", "alert"), [("true", True), ("false", False), ('"yes"', False), ("[1]", False)]
)
def test_the_appliance_shows_it(told: str, alert: bool) -> None:
    """An admin of either machine reads that there are two, and no longer once there is one."""
    reply = read_beat(f'{{"server_time": "2026-01-01T00:00:00Z", "clone": {told}}}'.encode())
    assert reply is not None
    standing = Standing(enabled=True, interval=300.0)
    standing.beat_accepted(Accepted(0.1, 0.0, (), clone=reply.clone), 1.0, START)
    assert any("identity" in sentence for sentence in standing.alerts()) is alert
    standing.beat_accepted(Accepted(0.1, 0.0, ()), 2.0, START)
    assert standing.alerts() == ()
