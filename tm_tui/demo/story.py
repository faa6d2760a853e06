"""The story that `tm-tui demo` plays by itself when nobody sits at a terminal: each step must hold."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

from pydantic import SecretStr

from tm_tui.api.agent import AgentStatus, HostKeyInfo, ProbeReport, StepEvent
from tm_tui.api.requests import ApproveRequest, ProbeRequest, SecretChanges
from tm_tui.demo.cases import case_survives_a_kill
from tm_tui.demo.logs import events_at_portal, lines_of, some_events
from tm_tui.demo.patterns import deploy_a_pattern
from tm_tui.demo.proxy import DemoProxy
from tm_tui.demo.reports import report_of_an_incident
from tm_tui.demo.stage import Stage
from tm_tui.errors import TmError
from tm_tui.link.host_keys import HostKeys, Trust

__all__ = ["STEPS", "StepFailed", "play"]

_WAIT_LIMIT = 25.0
_PROXY_USER = "demo"
_PROXY_PASSWORD = "p/ss:w#rd%@ü"  # noqa: S105 # the demo's own proxy, gone with it


class StepFailed(TmError):
    """A step of the demo did not hold."""


async def _probe(stage: Stage, protocol: str, secrets: SecretChanges) -> tuple[list[StepEvent], ProbeReport]:
    request = ProbeRequest(settings=stage.settings(protocol, enabled=True), secrets=secrets)
    steps: list[StepEvent] = []
    async for item in stage.client.probe(request):
        if isinstance(item, ProbeReport):
            return steps, item
        steps.append(item)
    raise StepFailed("The connection test ended without a report.", "See the agent's log.")


async def _until(stage: Stage, what: str, holds: Callable[[AgentStatus], bool]) -> AgentStatus:
    """Wait for the first snapshot in which `holds`; the agent pushes them."""
    last: AgentStatus | None = None
    try:
        async with asyncio.timeout(_WAIT_LIMIT):
            async for status in stage.client.status_stream():
                last = status
                if holds(status):
                    return status
    except TimeoutError:
        pass
    failure = last.status_server.last_failure if last else None
    why = f" Last failure: {failure.cause}" if failure else ""
    raise StepFailed(f"Waited {_WAIT_LIMIT:.0f} s in vain for: {what}.{why}", "See `tm-tui status`.")


def _expect(report: ProbeReport, code: str) -> str:
    codes = [failure.code for failure in report.failures]
    if code not in codes:
        raise StepFailed(f"The test should have failed with {code}, it said {codes or 'passed'}.", "")
    return next(failure.cause for failure in report.failures if failure.code == code)


def _passed(report: ProbeReport) -> None:
    if not report.passed:
        failure = report.failures[0]
        raise StepFailed(f"{failure.step}: {failure.cause}", failure.remedy)


async def wrong_password(stage: Stage) -> str:
    """A wrong password is refused, with its cause."""
    wrong = SecretChanges(tmsp=SecretStr("not the password"))
    _, report = await _probe(stage, "ssl", wrong)
    return _expect(report, "http-auth-refused")


async def test_ssl(stage: Stage) -> str:
    """The connection test passes over SSL."""
    steps, report = await _probe(stage, "ssl", SecretChanges(tmsp=stage.password))
    _passed(report)
    return f"{sum(step.outcome == 'passed' for step in steps)} steps passed"


async def unknown_host_key(stage: Stage) -> str:
    """An SSH log server is not believed before an admin approved its host key."""
    steps, report = await _probe(stage, "ssh", SecretChanges(tmsp=stage.password))
    _expect(report, "host-key-unknown")
    key = _shown_key(steps)
    if key.fingerprint != stage.portal.ready["ssh_host_key"]:
        raise StepFailed("The fingerprint shown is not the portal's.", "Somebody stands between.")
    request = ApproveRequest(
        endpoint=key.endpoint, fingerprint=key.fingerprint, settings=stage.settings("ssh", enabled=False)
    )
    await stage.client.approve_host_key(request)
    return f"{key.algorithm} {key.fingerprint} compared and approved"


def _shown_key(steps: list[StepEvent]) -> HostKeyInfo:
    for step in steps:
        if step.host_key is not None:
            return step.host_key
    raise StepFailed("The connection test showed no host key.", "See the agent's log.")


async def test_ssh(stage: Stage) -> str:
    """The connection test passes over SSH."""
    steps, report = await _probe(stage, "ssh", SecretChanges(tmsp=stage.password))
    _passed(report)
    return f"{sum(step.outcome == 'passed' for step in steps)} steps passed"


async def save_and_connect(stage: Stage) -> str:
    """Saving registers the appliance, and the first heartbeat is accepted."""
    revision = await stage.save(
        stage.settings("ssh", enabled=True), SecretChanges(tmsp=stage.password), "demo: registered"
    )
    status = await _until(stage, "connected", lambda now: now.state == "connected")
    return f"revision {revision}, {status.appliance}, round trip {status.status_server.round_trip_ms:.0f} ms"


async def beats(stage: Stage) -> str:
    """Heartbeats go on, and are counted."""
    status = await _until(stage, "three heartbeats", lambda now: now.status_server.beats_accepted >= 3)
    return f"{status.status_server.beats_accepted} accepted, {status.status_server.beats_missed} missed"


async def _deliver(stage: Stage, name: str, number: int) -> str:
    """Hand in events, send them, and count each in the files of the portal."""
    events = some_events(name, number, datetime.now(UTC))
    taken = await stage.client.add_events(lines_of(events))
    if taken.accepted != len(events):
        raise StepFailed(f"{taken.accepted} of {len(events)} events were accepted.", "See the agent's log.")
    reply = await stage.client.send_logs()
    while not reply.done:
        reply = await stage.client.sent(reply.number)
    if reply.failure is not None:
        raise StepFailed(f"Not delivered: {reply.failure.cause}", reply.failure.remedy)
    appliance = (await stage.client.status()).appliance
    there = await asyncio.to_thread(events_at_portal, stage.portal.logs / appliance)
    wrong = [event["id"] for event in events if there[event["id"]] != 1]
    if wrong:
        raise StepFailed(f"{len(wrong)} events are not exactly once in the portal's files.", "See its log.")
    kinds = Counter(event["kind"] for event in events)
    said = " and ".join(f"{kinds[kind]} {kind}" for kind in sorted(kinds, reverse=True))
    return f"{said} in {reply.batches} batches, each exactly once in the portal's files"


async def logs_over_ssh(stage: Stage) -> str:
    """Events are accepted, sealed into batches and delivered over SSH."""
    return await _deliver(stage, "ssh", 400)


async def logs_over_ssl(stage: Stage) -> str:
    """The same over SSL."""
    return await _deliver(stage, "ssl", 400)


async def logs_wait(stage: Stage) -> str:
    """While sending is switched off events are still accepted: they wait on the disk."""
    before = (await stage.client.spool()).events
    taken = await stage.client.add_events(lines_of(some_events("off", 8, datetime.now(UTC))))
    waiting = (await stage.client.spool()).events
    if waiting - before != taken.accepted or not taken.accepted:
        raise StepFailed(f"{taken.accepted} events were accepted, {waiting - before} more wait.", "")
    return f"{waiting} events wait"


async def through_proxy(stage: Stage) -> str:
    """The same through a proxy that wants a password of awkward characters; here logs go by SSL."""
    trust = Trust(None, HostKeys(stage.folder / "no_host_keys"))
    async with DemoProxy(_PROXY_USER, _PROXY_PASSWORD, trust).running() as proxy:
        way = {"enabled": True, "host": "127.0.0.1", "port": proxy.port, "username": _PROXY_USER}
        before = (await stage.client.status()).status_server.beats_accepted
        await stage.save(
            stage.settings("ssl", enabled=True, proxy=way),
            SecretChanges(tmsp=stage.password, proxy=SecretStr(_PROXY_PASSWORD)),
            "demo: through a proxy",
        )
        await _until(
            stage,
            "a heartbeat through the proxy",
            lambda now: (
                now.state == "connected" and proxy.tunnels > 0 and now.status_server.beats_accepted != before
            ),
        )
        direct = SecretChanges(tmsp=stage.password)
        await stage.save(stage.settings("ssl", enabled=True), direct, "demo: direct again")
        return f"{proxy.tunnels} tunnels"


async def portal_restart(stage: Stage) -> str:
    """The portal dies and comes back; the agent notices both by itself."""
    await _until(stage, "connected", lambda now: now.state == "connected")
    await stage.portal.kill()
    status = await _until(stage, "a failure", lambda now: now.status_server.last_failure is not None)
    failure = status.status_server.last_failure
    await stage.portal.start()
    count = status.status_server.beats_accepted
    await _until(
        stage,
        "connected again",
        lambda now: now.state == "connected" and now.status_server.beats_accepted > count,
    )
    return f"failed with {failure.code if failure else 'nothing'}, then connected again"


async def switched_off(stage: Stage) -> str:
    """Switched off, everything stops and the status says what that means."""
    await stage.save(stage.settings("ssl", enabled=False), SecretChanges(), "demo: switched off")
    status = await _until(stage, "disabled", lambda now: now.state == "disabled")
    if not status.alerts:
        raise StepFailed("The status does not say what being disabled means.", "")
    return status.alerts[0]


STEPS: tuple[Callable[[Stage], Awaitable[str]], ...] = (
    wrong_password,
    test_ssl,
    unknown_host_key,
    test_ssh,
    save_and_connect,
    beats,
    logs_over_ssh,
    through_proxy,
    logs_over_ssl,
    deploy_a_pattern,
    report_of_an_incident,
    case_survives_a_kill,
    portal_restart,
    switched_off,
    logs_wait,
)


async def play(stage: Stage) -> AsyncIterator[tuple[str, str, float]]:
    """Play all steps: (what was shown, detail, seconds). Raises TmError at the first that does not hold."""
    for step in STEPS:
        began = time.monotonic()
        detail = await step(stage)
        yield (step.__doc__ or step.__name__).strip().splitlines()[0], detail, time.monotonic() - began
