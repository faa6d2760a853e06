"""Apply on trial in the agent, with the time in the test's hand: countdown, beats, restarts, full disks."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from agents import agent_in, settings_for, short_home, status_server, status_when
from clock import FakeClock
from servers.certificates import Certificates
from servers.misbehaving import server
from servers.probing import server_context
from tm_tui.agent import trials
from tm_tui.api.agent import AgentStatus, SettingsDocument
from tm_tui.api.client import ControlClient
from tm_tui.api.failures import ControlRefused
from tm_tui.api.requests import RestoreRequest, SaveRequest, SecretChanges, TrialRequest
from tm_tui.paths import Home

TEN_MINUTES = 600.0


class Appliance:
    """A home whose agent may be ended and started again while the time stays in the test's hand."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.clock = FakeClock()
        self.client = ControlClient(home.control_socket)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ControlClient]:
        """Its agent, from start to end."""
        async with agent_in(self.home, self.clock):
            yield self.client

    async def until(self, holds: Callable[[AgentStatus], bool]) -> AgentStatus:
        """Wait for a snapshot of this kind."""
        return await status_when(self.client, holds)

    async def save(self, email: str, revision: int, minutes: int | None = None) -> SettingsDocument:
        """Save off, with an e-mail address to tell revisions apart; on trial with minutes (0: default)."""
        trial = None if minutes is None else TrialRequest(minutes=minutes or None)
        return await self.client.save(SaveRequest(settings={"tmsp": {"email": email}}, trial=trial), revision)

    async def email(self) -> str:
        """What tells revisions apart, of the one in force."""
        found: str = (await self.client.settings()).settings["tmsp"]["email"]
        return found


@pytest.fixture
async def appliance() -> AsyncIterator[Appliance]:
    with short_home() as home:
        yield Appliance(home)


async def refusal(attempt: Any) -> str:
    """The code with which this is refused."""
    with pytest.raises(ControlRefused) as caught:
        await attempt
    return caught.value.refusal.code


OLD, NEW = "old@example.com", "new@example.com"


async def test_unconfirmed_settings_go_back_by_themselves(appliance: Appliance) -> None:
    """Ten minutes without a confirmation: the old settings are a new revision, told until it was seen."""
    async with appliance.running() as client:
        await appliance.save(OLD, 0)
        assert (await appliance.save(NEW, 1, 0)).revision == 2
        status = await client.status()
        assert status.trial is not None
        assert (status.trial.revision, status.trial.previous, status.trial.left_seconds) == (
            2,
            1,
            TEN_MINUTES,
        )
        assert "Revision 2 is on trial" in status.alerts[0]
        await appliance.clock.advance(TEN_MINUTES - 1)
        assert await appliance.email() == NEW
        appliance.clock.suspend(2)
        status = await appliance.until(lambda status: status.revision == 3)
        assert await appliance.email() == OLD
        assert status.trial is None
        assert status.rollback is not None
        assert (status.rollback.trial, status.rollback.revision) == (2, 3)
        assert "not confirmed within 10 min" in status.alerts[0]
        outcomes = [(entry.kind, entry.outcome) for entry in await client.history()]
        assert outcomes == [("rollback", None), ("trial", "rolled-back"), ("save", None)]
    async with appliance.running() as client:
        assert (await client.status()).rollback is not None
        assert (await client.acknowledge_rollback()).rollback is None
        await client.acknowledge_rollback()
    async with appliance.running() as client:
        assert (await client.status()).rollback is None


async def test_an_admin_confirms(appliance: Appliance) -> None:
    """Confirmed is confirmed: no time and no restart takes it back, and the history says by whom."""
    async with appliance.running() as client:
        await appliance.save(OLD, 0)
        await appliance.save(NEW, 1, 5)
        assert await refusal(client.confirm_trial(1)) == "trial-over"
        assert (await client.confirm_trial(2)).revision == 2
        assert (await client.status()).trial is None
        assert await refusal(client.confirm_trial(2)) == "trial-over"
        appliance.clock.suspend(10 * TEN_MINUTES)
        newest = (await client.history())[0]
        assert (newest.outcome, newest.confirmed_by) == ("confirmed", "root")
    async with appliance.running():
        assert await appliance.email() == NEW


async def test_an_admin_takes_back(appliance: Appliance) -> None:
    """Taking back at once needs no announcement: who did it stands in the history."""
    async with appliance.running() as client:
        await appliance.save(OLD, 0)
        await appliance.save(NEW, 1, 5)
        assert (await client.end_trial(2)).revision == 3
        status = await client.status()
        assert (status.trial, status.rollback, status.revision) == (None, None, 3)
        assert await appliance.email() == OLD
        assert (await client.history())[0].saved_by == "root"


async def test_nothing_else_is_saved_meanwhile(appliance: Appliance) -> None:
    """A save, a restore and a second trial are refused with who tries what, until the trial has ended."""
    async with appliance.running() as client:
        await appliance.save(OLD, 0)
        await appliance.save(NEW, 1, 5)
        for attempt in (
            appliance.save("x@example.com", 2),
            appliance.save("x@example.com", 2, 5),
            client.restore(1, 2),
        ):
            assert await refusal(attempt) == "trial-runs"
        await client.confirm_trial(2)
        assert (await appliance.save("x@example.com", 2)).revision == 3


async def test_an_older_revision_on_trial(appliance: Appliance) -> None:
    """Going back to an old revision can be tried as well, passwords included."""
    async with appliance.running() as client:
        secret = SecretChanges(tmsp=SecretStr("first"))
        await client.save(SaveRequest(settings={"tmsp": {"email": OLD}}, secrets=secret), 0)
        await client.save(SaveRequest(settings={}, secrets=SecretChanges(tmsp=SecretStr(""))), 1)
        tried = await client.restore(1, 2, RestoreRequest(note="as before", trial=TrialRequest(minutes=1)))
        assert (tried.revision, tried.secrets_set, tried.note) == (3, ("tmsp",), "as before")
        await appliance.clock.idle()
        appliance.clock.suspend(61)
        await appliance.until(lambda status: status.revision == 4)
        assert (await client.settings()).secrets_set == ()


async def test_a_restart_goes_on_with_the_countdown(appliance: Appliance) -> None:
    """The agent ends and comes back: what is left of the trial is left, whatever the wall clock says now."""
    async with appliance.running():
        await appliance.save(OLD, 0)
        await appliance.save(NEW, 1, 0)
    appliance.clock.suspend(200)
    appliance.clock.set_wall(-86400 * 365)
    async with appliance.running() as client:
        status = await client.status()
        assert status.trial is not None
        assert status.trial.left_seconds == TEN_MINUTES - 200
        assert await appliance.email() == NEW
        appliance.clock.set_wall(86400 * 800)
        await appliance.clock.idle()
        assert await appliance.email() == NEW
        appliance.clock.suspend(401)
        await appliance.until(lambda status: status.revision == 3)


async def test_the_time_ran_out_while_no_agent_was_there(appliance: Appliance) -> None:
    """An agent that starts too late begins with the old settings; the tried ones are not used again."""
    async with appliance.running():
        await appliance.save(OLD, 0)
        await appliance.save(NEW, 1, 0)
    appliance.clock.suspend(TEN_MINUTES + 1)
    async with appliance.running() as client:
        status = await client.status()
        assert (status.revision, status.trial) == (3, None)
        assert status.rollback is not None
        assert await appliance.email() == OLD


@pytest.mark.parametrize(
    ("wall", "left"), [(200.0, 400.0), (-9999.0, 600.0), (700.0, None)], ids=["on time", "back", "ahead"]
)
async def test_after_a_power_cut_the_wall_clock_counts(
    appliance: Appliance, monkeypatch: pytest.MonkeyPatch, wall: float, left: float | None
) -> None:
    """Another boot knows only the wall clock: it ends the trial; a wrong one cannot prolong it."""
    async with appliance.running():
        await appliance.save(OLD, 0)
        await appliance.save(NEW, 1, 0)
    monkeypatch.setattr(trials, "boot_id", lambda: "another")
    machine, appliance.clock = appliance.clock, FakeClock()
    appliance.clock.set_wall((machine.now() - appliance.clock.now()).total_seconds() + wall)
    async with appliance.running() as client:
        status = await client.status()
        if left is None:
            assert (status.revision, status.trial) == (3, None)
            return
        assert status.trial is not None
        assert status.trial.left_seconds == left
        appliance.clock.set_wall(5000)
    async with appliance.running() as client:  # from now on this boot's own clock counts
        trial = (await client.status()).trial
        assert trial is not None
        assert trial.left_seconds == left
        await appliance.clock.idle()
        appliance.clock.suspend(left)
        await appliance.until(lambda status: status.revision == 3)


async def test_a_disk_that_does_not_take_the_way_back(appliance: Appliance) -> None:
    """The time is over and nothing can be written: the old settings are in force all the same, and told.

    As soon as the disk takes it, the end is written. Until then nobody can confirm or save.
    """
    revisions = appliance.home.config / "revisions"
    async with appliance.running() as client:
        await appliance.save(OLD, 0)
        await appliance.save(NEW, 1, 1)
        await appliance.clock.idle()
        revisions.chmod(0o777)  # which the agent does not trust
        appliance.clock.suspend(61)
        status = await appliance.until(lambda status: status.trial is not None and bool(status.trial.problem))
        assert "end cannot be written" in status.alerts[0]
        assert await appliance.email() == OLD
        assert await refusal(client.confirm_trial(2)) == "trial-over"
        revisions.chmod(0o700)
        await appliance.clock.idle()
        appliance.clock.suspend(31)
        await appliance.until(lambda status: status.trial is None)
        assert await appliance.email() == OLD


async def test_the_first_accepted_beat_confirms(certificates: Certificates) -> None:
    """Settings that reach the status server are good: the first beat under them ends the trial well."""
    with short_home() as home:
        appliance = Appliance(home)
        async with status_server(certificates, appliance.clock.now) as portal, appliance.running() as client:
            settings = {**settings_for(portal.port), "trust": {"ca_file": str(certificates.ca_file)}}
            secrets = SecretChanges(tmsp=SecretStr("geheim"))
            await client.save(SaveRequest(settings=settings, secrets=secrets), 0)
            await appliance.until(lambda status: status.status_server.beats_accepted == 1)
            settings["tmsp"] = {**settings["tmsp"], "heartbeat_seconds": 60}
            await client.save(SaveRequest(settings=settings, trial=TrialRequest()), 1)
            status = await appliance.until(lambda status: status.trial is None and status.revision == 2)
            assert (status.revision, status.rollback) == (2, None)
            assert status.trial_ended is not None
            assert status.trial_ended.how == "confirmed by an accepted beat: it stays"
            newest = (await client.history())[0]
            assert (newest.outcome, newest.confirmed_by) == ("confirmed", "an accepted beat")


async def test_a_trial_waits_for_each_server_whose_way_it_changed(certificates: Certificates) -> None:
    """A beat says nothing of a new log server: a wrong one goes back by itself, a right one stays."""
    with short_home() as home:
        appliance = Appliance(home)
        clock = appliance.clock
        async with (
            status_server(certificates, clock.now) as portal,
            server(_take, server_context(certificates)) as logs,
            appliance.running() as client,
        ):
            trust = {"trust": {"ca_file": str(certificates.ca_file)}}
            secrets = SecretChanges(tmsp=SecretStr("geheim"))
            first = {**settings_for(portal.port), **trust}
            await client.save(SaveRequest(settings=first, secrets=secrets), 0)
            await appliance.until(lambda status: status.status_server.beats_accepted == 1)

            async def tried(port: int, revision: int) -> None:
                log_server = {"host": "127.0.0.1", "port": port, "protocol": "ssl"}
                settings = {**settings_for(portal.port, log_server=log_server), **trust}
                request = SaveRequest(settings=settings, secrets=secrets, trial=TrialRequest())
                await client.save(request, revision)

            await tried(2, 1)
            await clock.idle()
            beats = len(portal.heartbeats())
            clock.suspend(340)
            status = await appliance.until(lambda _: len(portal.heartbeats()) > beats)
            await clock.idle()
            status = await client.status()
            assert status.trial is not None
            assert status.trial.waiting == ("log server",)
            clock.suspend(301)
            status = await appliance.until(lambda status: status.revision == 3)
            assert status.trial_ended is not None
            assert status.trial_ended.how.startswith("not confirmed in time")
            await tried(logs.port, 3)
            status = await appliance.until(lambda status: status.revision == 4 and status.trial is None)
            assert (await client.history())[0].confirmed_by == "the log server"


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A log server that takes what it is given."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    await reader.read()


async def test_no_beat_no_confirmation(certificates: Certificates) -> None:
    """A server that refuses the beats confirms nothing: the settings that worked come back and beat again."""
    with short_home() as home:
        appliance = Appliance(home)
        async with status_server(certificates, appliance.clock.now) as portal, appliance.running() as client:
            settings = {**settings_for(portal.port), "trust": {"ca_file": str(certificates.ca_file)}}
            secrets = SecretChanges(tmsp=SecretStr("geheim"))
            await client.save(SaveRequest(settings=settings, secrets=secrets), 0)
            await appliance.until(lambda status: status.status_server.beats_accepted == 1)
            wrong = {**settings_for(1), "trust": {"ca_file": str(certificates.ca_file)}}
            await client.save(SaveRequest(settings=wrong, secrets=secrets, trial=TrialRequest(minutes=1)), 1)
            await appliance.until(lambda status: status.status_server.last_failure is not None)
            await appliance.clock.idle()
            appliance.clock.suspend(61)
            status = await appliance.until(
                lambda status: status.revision == 3 and status.status_server.beats_accepted == 2
            )
            assert status.rollback is not None
            assert len(portal.heartbeats()) == 2


async def test_no_trick_of_the_clocks_moves_the_end(
    appliance: Appliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trials through suspend, steps of the wall clock and other time zones: each ends in its time."""
    clock = appliance.clock

    def zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    tricks: list[Callable[[], None]] = [
        lambda: None,
        lambda: clock.set_wall(86400),
        lambda: clock.set_wall(-3 * 86400),
        lambda: zone("Pacific/Kiritimati"),
        lambda: zone("America/Adak"),
        lambda: clock.suspend(299),
    ]
    async with appliance.running() as client:
        await appliance.save(OLD, 0)
        number = 1
        for trick in tricks:
            begin = clock.monotonic()
            await appliance.save(NEW, number, 0)
            await clock.idle()
            clock.suspend(300)
            trick()
            await clock.idle()
            clock.suspend(begin + TEN_MINUTES - 1 - clock.monotonic())
            trial = (await client.status()).trial
            assert trial is not None
            assert trial.left_seconds == 1.0
            assert await appliance.email() == NEW
            await clock.idle()
            clock.suspend(1)
            number += 2
            await appliance.until(lambda status, number=number: status.revision == number)  # type: ignore[misc]
            assert await appliance.email() == OLD
    monkeypatch.undo()
    time.tzset()
