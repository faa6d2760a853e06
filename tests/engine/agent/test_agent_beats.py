"""Registration and beats against a real TLS server, with the time in the test's hand."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import CANARY, StatusServer, revision_for, settings_for, status_server
from clock import FakeClock
from servers.certificates import Certificates
from servers.misbehaving import say_nothing, server
from tm_tui.agent.announced import Announced
from tm_tui.api.agent import ServerState, StatusServerStatus
from tm_tui.link.host_keys import HostKeys
from tm_tui.status_server.heartbeat import Facts
from tm_tui.status_server.protocol import Notice
from tm_tui.status_server.removal import RegistrationRecord
from tm_tui.status_server.replies import read_beat, read_registration
from tm_tui.status_server.service import StatusServerService

NAME = "tm-0123456789ab"
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Beating:
    """A service at work, and its server."""

    def __init__(self, service: StatusServerService, portal: StatusServer, clock: FakeClock) -> None:
        self.service = service
        self.portal = portal
        self.clock = clock
        self.seen: list[ServerState] = []
        self.noticed: list[list[str]] = []

    def status(self) -> StatusServerStatus:
        return self.service.status()


@asynccontextmanager
async def beating(
    certificates: Certificates, tmp_path: Path, seconds: int = 300, chance: float = 0.5, **answers: int
) -> AsyncIterator[Beating]:
    clock = FakeClock()
    async with status_server(certificates, clock.now) as portal:
        portal.status.update(answers)
        service = StatusServerService(
            NAME,
            HostKeys(tmp_path / "host_keys"),
            RegistrationRecord(tmp_path, NAME),
            lambda: Facts(revision=7, uptime_seconds=1.0),
            changed=lambda: found.seen.append(service.status().state),
            noticed=lambda notices: found.noticed.append([notice.id for notice in notices]),
            clock=clock,
            chance=lambda: chance,
        )
        found = Beating(service, portal, clock)
        revision = revision_for(settings_for(portal.port, seconds=seconds), certificates.ca_pem)
        service.prepare(revision)
        task = asyncio.create_task(service.run(revision))
        try:
            yield found
        finally:
            task.cancel()
            await asyncio.wait({task})


async def test_registers_and_beats_at_once(certificates: Certificates, tmp_path: Path) -> None:
    """Switched on, the appliance registers and beats without waiting for an interval to pass."""
    async with beating(certificates, tmp_path) as it:
        await it.clock.idle()
        status = it.status()
        assert [path for path, _ in it.portal.heard] == ["registration", "heartbeat"]
        assert it.portal.registrations()[0]["heartbeat_seconds"] == 300
        assert it.portal.heartbeats()[0]["revision"] == 7
        assert status.state is ServerState.CONNECTED
        assert (status.beats_accepted, status.beats_missed) == (1, 0)
        assert status.last_beat_age_seconds == 0
        assert status.next_beat_in_seconds == 300
        assert status.clock_skew_seconds == 0
        assert status.registered_at
        assert CANARY.encode() not in bytes(it.portal.told.received)  # Basic is base64 over TLS


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 270.0), (0.5, 300.0), (0.999, 329.94)])
async def test_beats_keep_their_interval(
    certificates: Certificates, tmp_path: Path, chance: float, wait: float
) -> None:
    """The portal hears a beat each interval, give or take a tenth, over one connection that stays open."""
    async with beating(certificates, tmp_path, chance=chance) as it:
        for beats in range(1, 4):
            await it.clock.idle()
            assert len(it.portal.heartbeats()) == beats
            left = it.status().next_beat_in_seconds or 0
            assert left == pytest.approx(wait, abs=0.1)
            await it.clock.advance(left - 0.05)
            assert len(it.portal.heartbeats()) == beats
            await it.clock.advance(0.06)
        assert it.portal.told.accepted == 1


async def test_connected_means_within_two_intervals(certificates: Certificates, tmp_path: Path) -> None:
    """A dead portal turns the lamp off two intervals after the last accepted beat, by time alone."""
    async with beating(certificates, tmp_path, seconds=60) as it:
        await it.clock.idle()
        it.portal.status["heartbeat"] = 503
        await it.clock.advance(61)
        assert it.status().state is ServerState.CONNECTED
        assert it.status().beats_missed == 1
        await it.clock.advance(58.9)
        assert it.status().state is ServerState.CONNECTED
        before = len(it.seen)
        await it.clock.advance(0.2)
        assert it.status().state is ServerState.FAILING
        assert ServerState.FAILING in it.seen[before:]
        assert it.status().last_beat_age_seconds == pytest.approx(120.1)


async def test_failures_are_counted_and_backed_off(certificates: Certificates, tmp_path: Path) -> None:
    """A failing portal is asked more and more rarely, the status says why, and one good beat ends it."""
    async with beating(certificates, tmp_path, seconds=60, heartbeat=503) as it:
        waits = []
        for _ in range(6):
            await it.clock.idle()
            waits.append(it.status().next_beat_in_seconds)
            await it.clock.advance((waits[-1] or 0) + 0.001)
        assert waits == pytest.approx([60, 120, 240, 480, 600, 600], abs=0.1)
        failure = it.status().last_failure
        assert failure
        assert (failure.code, failure.stage, failure.count) == ("http-server-error", "service", 7)
        assert it.status().beats_missed == 36  # one each 60 s, from 0 to 2100 s
        it.portal.status["heartbeat"] = 200
        await it.clock.advance(601)
        assert it.status().state is ServerState.CONNECTED
        assert it.status().last_failure is None


async def test_retry_after_is_honoured(certificates: Certificates, tmp_path: Path) -> None:
    """A busy portal that says when to come back is left alone until then."""
    async with beating(certificates, tmp_path, seconds=60, heartbeat=429) as it:
        it.portal.headers["Retry-After"] = "1800"
        await it.clock.idle()
        assert it.status().next_beat_in_seconds == pytest.approx(1800)


async def test_forgotten_by_the_portal_it_registers_again(certificates: Certificates, tmp_path: Path) -> None:
    """Removed from the Registered Products by mistake, the appliance is back by itself."""
    async with beating(certificates, tmp_path) as it:
        await it.clock.idle()
        it.portal.status["heartbeat"] = 404
        await it.clock.advance(300)  # forgotten, registers at once, is forgotten again: now it waits
        await it.clock.idle()
        assert it.status().state is ServerState.UNREGISTERED
        assert [path for path, _ in it.portal.heard[2:]] == ["heartbeat", "registration", "heartbeat"]
        failure = it.status().last_failure
        assert failure
        assert failure.code == "not-registered"
        it.portal.status["heartbeat"] = 200
        await it.clock.advance(5)
        assert it.status().state is ServerState.CONNECTED


async def test_a_refused_registration_shows_as_unregistered(
    certificates: Certificates, tmp_path: Path
) -> None:
    """An account that may not register says so, and no beat is sent in its name."""
    async with beating(certificates, tmp_path, registration=403) as it:
        await it.clock.idle()
        assert it.status().state is ServerState.UNREGISTERED
        assert it.portal.heartbeats() == []
        assert it.service.alerts()
        it.portal.status["registration"] = 200
        await it.clock.advance(1)
        assert it.status().state is ServerState.CONNECTED
        assert it.service.alerts() == ()


async def test_wrong_credentials_are_an_alert(certificates: Certificates, tmp_path: Path) -> None:
    """A wrong password is said in one sentence, not only as a lamp that stays off."""
    async with beating(certificates, tmp_path, registration=401) as it:
        await it.clock.idle()
        assert it.status().state is ServerState.FAILING
        failure = it.status().last_failure
        assert failure
        assert failure.stage == "authentication"
        assert "user name and password" in it.service.alerts()[0]


async def test_suspend_is_noticed(certificates: Certificates, tmp_path: Path) -> None:
    """Woken after an hour, the appliance claims no connection, counts what it missed and beats at once."""
    async with beating(certificates, tmp_path) as it:
        await it.clock.idle()
        it.clock.suspend(3600)
        assert it.status().state is ServerState.CONNECTING
        await it.clock.idle()
        assert it.status().state is ServerState.CONNECTED
        assert (it.status().beats_accepted, it.status().beats_missed) == (2, 11)


async def test_a_stepped_wall_clock_changes_no_beat(certificates: Certificates, tmp_path: Path) -> None:
    """Setting the date back by a day neither stops the beats nor makes a flood of them; the skew shows it."""
    async with beating(certificates, tmp_path) as it:
        await it.clock.idle()
        start, began = it.clock.now(), it.clock.monotonic()
        it.portal.now = lambda: wall_of(it.clock, start, began)
        it.clock.set_wall(-86400)
        await it.clock.advance(300)
        await it.clock.idle()
        assert it.status().beats_accepted == 2
        assert it.status().clock_skew_seconds == pytest.approx(-86400, abs=1)
        assert "behind" in it.service.alerts()[0]


def wall_of(clock: FakeClock, start: datetime, began: float) -> datetime:
    """The date that a server with a steady clock has."""
    return start + timedelta(seconds=clock.monotonic() - began)


async def test_a_silent_portal_delays_no_beat(certificates: Certificates, tmp_path: Path) -> None:
    """A portal that takes a beat and never answers costs that beat, within the interval, and not the next."""
    clock = FakeClock()
    async with server(say_nothing) as hole:
        service = StatusServerService(
            NAME,
            HostKeys(tmp_path / "k"),
            RegistrationRecord(tmp_path, NAME),
            lambda: Facts(1, 1.0),
            changed=lambda: None,
            clock=clock,
        )
        revision = revision_for(settings_for(hole.port, seconds=5), certificates.ca_pem)
        service.prepare(revision)
        task = asyncio.create_task(service.run(revision))
        async with asyncio.timeout(60):
            await hole.somebody.wait()
            await clock.idle()  # it gave up by itself, in less than the interval
        failure = service.status().last_failure
        assert failure
        assert failure.code == "tls-timeout"
        task.cancel()
        await asyncio.wait({task})


async def test_notices_are_kept_once_and_bounded(certificates: Certificates, tmp_path: Path) -> None:
    """What the portal announces waits for whoever fetches it, each once, and cannot fill the memory."""
    async with beating(certificates, tmp_path) as it:
        it.portal.notices = [{"kind": "pattern", "id": str(number)} for number in range(100)]
        await it.clock.idle()
        for first in range(100, 1200, 100):
            it.portal.notices = [{"kind": "pattern", "id": str(first + number)} for number in range(100)]
            await it.clock.advance(300.001)
            await it.clock.idle()
        kept = it.service.notices()
        assert len(kept) == len(set(kept)) == 1000
        assert kept[-1].id == "1199"


@pytest.mark.parametrize(
    "page", ["<html>Log on</html>", "[]", "null", '{"status": "ok"}', "[" * 50_000, '{"notices": []}', "\x00"]
)
async def test_an_unreadable_answer_is_a_failure(
    certificates: Certificates, tmp_path: Path, page: str
) -> None:
    """Something else than a portal that answers 200 to everything does not pass for one."""
    async with beating(certificates, tmp_path) as it:
        await it.clock.idle()
        it.portal.page = page
        await it.clock.advance(300.001)
        failure = it.status().last_failure
        assert failure
        assert failure.code == "reply-not-understood"
        assert it.status().beats_accepted == 1


NUMBERED: list[dict[str, object]] = [{"kind": "report", "id": str(number)} for number in range(5000)]
ODD_TIMES = [None, "", "yesterday", 7, [], {}, True, "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", 1e308]
ODD_NOTICES = [
    None, "x", 7, {}, [1], [None], [[]], [{}], [{"kind": 1, "id": "a"}], [{"kind": "report", "id": 7}],
    [{"kind": "report", "id": "a", "title": None}], [{"kind": "\ud800", "id": "\x1b[31m"}],
]  # fmt: skip
ODD_ROOTS = [{}, [], 7, "x" * 100_000, "\ud800", True]


@pytest.mark.parametrize(
    "odd",
    [
        *({"server_time": value} for value in ODD_TIMES),
        *({"notices": value} for value in ODD_NOTICES),
        *({"notices": NUMBERED[:count]} for count in (101, 5000)),
        *({"registered_at": value} for value in ODD_TIMES),
        *({"pattern_root": value} for value in ODD_ROOTS),
        {"unknown": {"deep": [[[[1]]]]}, "notices": [{"kind": "report", "id": "a", "more": 1}]},
    ],
    ids=lambda odd: f"{odd}"[:40],
)
async def test_a_wrong_part_costs_only_itself(
    certificates: Certificates, tmp_path: Path, odd: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """The portal took registration and beat; what it says besides cannot undo that, and is told once."""
    caplog.set_level("WARNING")
    async with beating(certificates, tmp_path) as it:
        it.portal.odd = odd
        await it.clock.idle()
        for _ in range(3):
            await it.clock.advance(300.001)
        status = it.status()
        assert (status.state, status.last_failure) == (ServerState.CONNECTED, None)
        assert (status.beats_accepted, status.beats_missed) == (4, 0)
        assert status.registered_at
        assert len(caplog.messages) <= 1


async def test_too_many_notices_leave_out_the_oldest(
    certificates: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """101 notices: the beat counts, the newest hundred are told, and one line says that there were more."""
    async with beating(certificates, tmp_path) as it:
        it.portal.notices = NUMBERED[:101]
        await it.clock.idle()
        await it.clock.advance(300.001)
        assert it.noticed == [[str(number) for number in range(1, 101)]]
        assert len([line for line in caplog.messages if "more than 100" in line]) == 1


@given(st.dictionaries(st.sampled_from(["server_time", "notices", "appliance", "registered_at"]), ANY_JSON))
def test_no_member_of_a_reply_raises(members: dict[str, object]) -> None:
    """Whatever a portal puts into its members: it is a reply or none, and nothing else happens."""
    body = json.dumps(members).encode()
    assert (read_beat(body) is not None) == ("server_time" in members)
    found = read_registration(body)
    assert found is None or isinstance(members.get("appliance"), str)


@given(st.binary())
def test_no_bytes_of_a_reply_raise(body: bytes) -> None:
    """Nor whatever else it sends."""
    assert read_beat(body) is None
    assert read_registration(body) is None


@pytest.mark.parametrize(
    ("told", "date", "which"),
    [
        ("0001-01-01T00:00:00Z", "before 1970", "ahead of"),
        ("0001-01-01T00:00:00+23:59", "before 1970", "ahead of"),
        ("9999-12-31T23:59:59Z", "after 2199", "behind"),
        ("2001-09-09T01:46:40Z", "2001-09-09", "ahead of"),
    ],
)
async def test_a_clock_that_was_never_set_is_said_in_words(
    certificates: Certificates, tmp_path: Path, told: str, date: str, which: str
) -> None:
    """Nobody reads 251606413514 s: the alert names both dates, the beat counts."""
    async with beating(certificates, tmp_path) as it:
        it.portal.odd = {"server_time": told}
        await it.clock.idle()
        assert it.status().beats_accepted == 1
        (alert,) = it.service.alerts()
        assert f"The server's date is {date}, this appliance's 2025-01-01" in alert
        assert which in alert
        assert not re.search(r"[0-9]{6}", alert)


async def test_kinds_that_nobody_knows_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A hundred new notices of an unknown kind each beat leave one line, a thousand kinds a dozen."""
    caplog.set_level("INFO")
    said = Announced(logging.getLogger("tests"))
    for beat in range(5):
        said.tell(Notice(kind="bandage", id=f"{beat}-{number}") for number in range(100))
    assert len(caplog.messages) == 1
    said.tell(Notice(kind=f"k{number}", id="1") for number in range(1000))
    assert len(caplog.messages) < 15
    before = len(caplog.messages)
    said.tell(Notice(kind=f"other{number}", id="1") for number in range(1000))
    said.tell([])
    assert len(caplog.messages) == before
    said.tell(Notice(kind="report", id=f"{number}", title=f"Report {number}") for number in range(100))
    said.tell([Notice(kind="pattern", id="7")])
    assert caplog.messages[before:] == [
        "TMSP announces 100 reports, the newest: Report 99.",
        "TMSP announces a pattern: 7.",
    ]


async def test_counters_outlive_a_save(certificates: Certificates, tmp_path: Path) -> None:
    """Beats are counted since the agent started, whatever is saved meanwhile; nothing else is kept."""
    async with beating(certificates, tmp_path) as it:
        await it.clock.idle()
        it.portal.status["heartbeat"] = 503
        await it.clock.advance(300.001)
        before = it.status()
        it.service.prepare(revision_for(settings_for(it.portal.port, email="new@example.com"), None, 2))
        after = it.status()
        assert (before.beats_accepted, before.beats_missed) == (1, 1)
        assert (after.beats_accepted, after.beats_missed) == (1, 1)
        assert (after.last_failure, after.last_beat_at, after.state) == (None, None, ServerState.CONNECTING)


@pytest.mark.parametrize("patience", [1, 2, 3])
async def test_a_connection_that_ends_as_a_beat_goes_out_costs_none(
    certificates: Certificates, tmp_path: Path, patience: int
) -> None:
    """A server whose patience with kept connections ends just then takes every beat all the same."""
    async with beating(certificates, tmp_path) as it:
        it.portal.patience = patience
        await it.clock.idle()
        for _ in range(6):
            await it.clock.advance(300.001)
        assert (it.status().beats_accepted, it.status().beats_missed) == (7, 0)
        assert len(it.portal.heartbeats()) == 7
        assert it.portal.told.accepted > 2


async def test_news_are_told_once(certificates: Certificates, tmp_path: Path) -> None:
    """What the server repeats in each reply is told once."""
    async with beating(certificates, tmp_path) as it:
        await it.clock.idle()
        it.portal.notices = [{"kind": "pattern", "id": "1"}]
        await it.clock.advance(300)
        it.portal.notices.append({"kind": "report", "id": "a"})
        await it.clock.advance(300)
        await it.clock.advance(300)
        assert it.noticed == [["1"], ["a"]]
