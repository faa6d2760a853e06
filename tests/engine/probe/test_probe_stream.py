"""The probe as its readers see it: what comes when, and what ends when nobody listens any more."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from servers.certificates import Certificates
from servers.limits import PATIENT, hasty
from servers.misbehaving import say_nothing, server
from servers.probing import Outcome, Trial, beats, host_keys, server_context
from tm_tui.api.agent import StepEvent
from tm_tui.clock import SystemClock


@dataclass
class ShiftedClock(SystemClock):
    """The machine's clock, wrong by some seconds."""

    seconds: float = 0.0

    def now(self) -> datetime:
        """The wrong time."""
        return datetime.now(UTC) + timedelta(seconds=self.seconds)


def trial(certificates: Certificates, folder: Path, log_port: int, status_port: int) -> Trial:
    """Both servers over SSL on loopback ports."""
    tmsp = {
        "username": "user",
        "log_server": {"host": "127.0.0.1", "protocol": "ssl", "port": log_port},
        "status_server": {"host": "127.0.0.1", "port": status_port},
    }
    return Trial(tmsp, "password", certificates.ca_pem, host_keys(folder))


async def both(certificates: Certificates, folder: Path, **changes: object) -> Outcome:
    """Probe two servers that are well, with some changes to the form."""
    async with beats(certificates) as log, beats(certificates) as status:
        made = trial(certificates, folder, log.port, status.port)
        for name, value in changes.items():
            setattr(made, name, value)
        return await made.run()


async def test_a_step_is_seen_as_soon_as_it_begins(certificates, tmp_path):
    """An admin watches a slow server's step begin while it is still going on, not only when it is over."""
    async with server(say_nothing) as silent, beats(certificates) as status:
        made = trial(certificates, tmp_path, silent.port, status.port)
        seen = []
        async with aclosing(made.start()) as events, asyncio.timeout(PATIENT.handshake):
            async for event in events:
                seen.append((event.step, event.outcome))
                if event.step == "log_server.tls":
                    break
            await silent.somebody.wait()
        assert seen[-1] == ("log_server.tls", "started")


async def test_leaving_the_test_ends_its_connections(certificates, tmp_path):
    """Pressing Esc during a test leaves no connection open at the server, and no task behind."""
    before = asyncio.all_tasks()
    async with server(say_nothing) as silent:
        made = trial(certificates, tmp_path, silent.port, silent.port)
        async with aclosing(made.start()) as events:
            async for event in events:
                if event.step == "log_server.tls":
                    break
            await silent.somebody.wait()
        async with asyncio.timeout(60):
            await silent.all_gone.wait()
        assert silent.accepted <= 2
    assert asyncio.all_tasks() == before


async def test_the_reader_s_own_end_stops_the_test(certificates, tmp_path):
    """A console that dies in the middle of a test does not leave the agent testing for ever."""
    async with server(say_nothing) as silent:
        made = trial(certificates, tmp_path, silent.port, silent.port)

        async def read() -> None:
            async with aclosing(made.start()) as events:
                async for _ in events:
                    pass

        reader = asyncio.create_task(read())
        await silent.somebody.wait()
        reader.cancel()
        await asyncio.wait({reader})
        async with asyncio.timeout(60):
            await silent.all_gone.wait()
        assert silent.accepted <= 2


async def test_the_other_server_is_tested_all_the_same(certificates, tmp_path):
    """With the log server down, an admin still learns that the status server is well."""
    async with server(say_nothing) as silent, beats(certificates) as status:
        made = trial(certificates, tmp_path, silent.port, status.port)
        made.limits = hasty("handshake")
        outcome = await made.run()
    assert outcome.failure("log_server").code == "tls-timeout"
    assert outcome.ended("log_server.authentication").detail == "because the step tls failed"
    assert outcome.passed("status_server")


async def test_a_silent_proxy_costs_its_limit_once(certificates, tmp_path):
    """Both servers are tested side by side: an admin waits for a proxy that says nothing once, not twice."""
    async with server(say_nothing) as silent, beats(certificates) as status:
        made = trial(certificates, tmp_path, status.port, status.port)
        made.proxy = {"type": "http", "host": "127.0.0.1", "port": silent.port}
        made.limits = hasty("reply", seconds=3.0)
        outcome = await made.run()
        assert silent.accepted == 2
    assert {failure.step for failure in outcome.report.failures} == {
        "log_server.proxy",
        "status_server.proxy",
    }
    assert outcome.report.seconds < 2 * min(
        event.seconds for event in outcome.events if event.outcome == "failed"
    )


async def test_passed_steps_tell_what_they_found(certificates, tmp_path):
    """Issuer, names and days left are on the pane, so that an admin sees an expiry coming."""
    outcome = await both(certificates, tmp_path)
    detail = outcome.ended("status_server.tls").detail
    assert "issued by trustme" in detail
    assert "127.0.0.1" in detail
    assert "days left" in detail
    assert outcome.ended("status_server.proxy").detail == "no proxy"
    assert outcome.ended("status_server.clock").detail.endswith(("ahead", "behind"))
    assert outcome.passed("status_server")


async def test_a_certificate_near_its_end_is_warned_of(certificates, tmp_path):
    """A certificate with nine days left passes, and says that it expires soon."""
    leaf = certificates.authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=9))
    context = server_context(certificates)
    leaf.configure_cert(context)
    async with server(say_nothing, context) as soon:
        made = trial(certificates, tmp_path, soon.port, soon.port)
        made.limits = hasty("reply")
        outcome = await made.run()
    assert "9 days left - it expires soon" in outcome.ended("log_server.tls").detail


@pytest.mark.parametrize(("seconds", "said"), [(3700.0, "1:01:40 ahead of"), (-3700.0, "1:01:40 behind")])
async def test_a_clock_that_is_wrong_fails_the_test(certificates, tmp_path, seconds, said):
    """A clock an hour off is named with its direction, before it makes logs useless."""
    outcome = await both(certificates, tmp_path, clock=ShiftedClock(seconds))
    failed = outcome.failure("status_server")
    assert (failed.step, failed.code) == ("status_server.clock", "clock-skew")
    assert f"The appliance's clock is {said} the clock of 127.0.0.1" in failed.cause
    assert outcome.ended("status_server.service").outcome == "passed"


async def test_a_server_without_a_clock_skips_the_step(certificates, tmp_path):
    """A log server that sends no Date is no failure."""
    outcome = await both(certificates, tmp_path)
    assert outcome.ended("log_server.clock").outcome == "skipped"
    assert outcome.passed("log_server")


@pytest.mark.parametrize("enabled", [False, True])
async def test_the_form_is_tested_before_tmsp_is_switched_on(certificates, tmp_path, enabled):
    """Testing first and switching on afterwards is how careful admins work."""
    async with beats(certificates) as log, beats(certificates) as status:
        made = trial(certificates, tmp_path, log.port, status.port)
        made.tmsp["enabled"] = enabled
        assert (await made.run()).report.passed


@pytest.mark.parametrize(
    ("take_away", "named"),
    [
        ("password", "the password"),
        ("username", "the user name"),
        ("host", "the address of the log server"),
    ],
)
async def test_an_incomplete_form_names_the_field(certificates, tmp_path, take_away, named):
    """Whoever forgot a field is told which one; nothing is sent, and the other server is tested."""
    async with beats(certificates) as told:
        made = trial(certificates, tmp_path, told.port, told.port)
        if take_away == "password":
            made.password = None
        elif take_away == "username":
            made.tmsp["username"] = ""
        else:
            made.tmsp["log_server"]["host"] = ""
        outcome = await made.run()
    failed = outcome.failure("log_server")
    assert (failed.step, failed.code) == ("log_server.settings", "settings-incomplete")
    assert failed.cause == f"The settings lack {named}."
    assert outcome.passed("status_server") == (take_away == "host")
    assert told.accepted == (take_away == "host")


async def test_everything_missing_is_named_in_one_sentence(certificates, tmp_path):
    """An empty form gives one list, not three rounds of corrections."""
    outcome = await Trial({}, None, None, host_keys(tmp_path)).run()
    assert outcome.failure("status_server").cause == (
        "The settings lack the address of the status server, the user name and the password."
    )


async def test_ssh_through_an_http_proxy_is_warned_of(certificates, tmp_path):
    """Before it fails, the pane says that many proxies pass 443 and 563 only."""
    async with server(say_nothing) as silent:
        made = trial(certificates, tmp_path, 22, silent.port)
        made.tmsp["log_server"] = {"host": "127.0.0.1", "protocol": "ssh", "port": 22}
        made.proxy = {"type": "http", "host": "127.0.0.1", "port": silent.port}
        made.limits = hasty("reply")
        outcome = await made.run()
    assert (
        "many such proxies allow ports 443 and 563 only, not 22"
        in outcome.ended("log_server.settings").detail
    )
    assert outcome.failure("log_server").step == "log_server.proxy"


async def test_a_useless_ca_file_is_told_in_its_place(certificates, tmp_path):
    """A CA file that is none is named at the step that needs it, and nothing was sent."""
    outcome = await both(certificates, tmp_path, ca_pem="no certificate")
    failed = outcome.failure("status_server")
    assert (failed.step, failed.code) == ("status_server.tls", "ca-unusable")


async def test_events_are_safe_to_show(certificates, tmp_path):
    """A certificate's names cannot carry terminal escapes into the pane."""
    outcome = await both(certificates, tmp_path)
    assert all(isinstance(event, StepEvent) and event.detail.isprintable() for event in outcome.events)


@pytest.mark.parametrize(("stage", "code"), [("tcp", "tcp-timeout"), ("service", "reply-timeout")])
async def test_a_step_that_forgets_its_limit_is_ended(certificates, tmp_path, monkeypatch, stage, code):
    """Whatever hangs, the test goes on to the other server and ends (a stand-in does the hanging)."""

    async def hang(link, protocol, appliance, steps, *, observe, clock):
        observe(stage, "started", "")
        await asyncio.Event().wait()

    monkeypatch.setattr("tm_tui.probe.runner.try_log_server", hang)
    limits = hasty("connect" if stage == "tcp" else "reply", seconds=3.0)
    outcome = await both(certificates, tmp_path, limits=limits)
    failed = outcome.failure("log_server")
    assert (failed.step, failed.code) == (f"log_server.{stage}", code)
    assert outcome.ended("status_server.tcp").outcome == "passed"
