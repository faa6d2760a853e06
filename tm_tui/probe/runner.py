"""The probe: both servers side by side, each step told as it happens and bounded, all of it cancellable.

What both ways share, such as a proxy that says nothing, costs its limit once.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

from tm_tui.api.agent import ProbeReport, ReportFailure, StepEvent
from tm_tui.clock import Clock
from tm_tui.link.build import build_links
from tm_tui.link.failures import LinkFailure, translate
from tm_tui.link.host_keys import HostKeys
from tm_tui.link.types import Limits, Link
from tm_tui.probe.events import NO_PROXY, ServerName, Steps
from tm_tui.probe.identity import key_info, observer
from tm_tui.probe.servers import try_log_server, try_status_server
from tm_tui.probe.settings import check_settings
from tm_tui.settings.revision import Revision
from tm_tui.tasks import end

__all__ = ["run_probe"]

_SERVERS: tuple[ServerName, ...] = ("log_server", "status_server")
_LIMITS = Limits()
_KNOWS_US = {"http-conflict", "remote-disk-full"}
"""Answers that a server gives after it looked at the credentials."""
_GRACE_SECONDS = 1.0  # the link's own limits speak first, because they know more


async def run_probe(
    revision: Revision, host_keys: HostKeys, appliance: str, *, clock: Clock, limits: Limits = _LIMITS
) -> AsyncIterator[StepEvent | ProbeReport]:
    """Test both servers with the values of `revision`, saved or not, enabled or not; the report comes last.

    An async generator: closing it ends every connection. `limits` bound each step; failures are events.
    """
    events: asyncio.Queue[StepEvent | ProbeReport | None] = asyncio.Queue()
    probe = _Probe(revision, host_keys, appliance, clock, limits)
    task = asyncio.create_task(probe.run(events), name="probe")
    task.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (event := await events.get()) is not None:
            yield event
        await task
    finally:
        # No TaskGroup here: closing a generator would come out of one as an exception group.
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class _Probe:
    """One run of the connection test."""

    def __init__(
        self, revision: Revision, host_keys: HostKeys, appliance: str, clock: Clock, limits: Limits
    ) -> None:
        self._revision = revision
        self._host_keys = host_keys
        self._appliance = appliance
        self._clock = clock
        self._limits = limits

    async def run(self, events: "asyncio.Queue[StepEvent | ProbeReport | None]") -> None:
        began = self._clock.monotonic()
        both = [Steps(server, self._stages(server), events.put_nowait, self._clock) for server in _SERVERS]
        tests = [asyncio.create_task(self._test(steps.server, steps), name=steps.server) for steps in both]
        try:
            await asyncio.gather(*tests)
        finally:
            await end(tests)
        failures: list[ReportFailure] = [failure for steps in both for failure in steps.failures]
        seconds = round(self._clock.monotonic() - began, 3)
        events.put_nowait(ProbeReport(passed=not failures, failures=tuple(failures), seconds=seconds))

    def _stages(self, server: ServerName) -> tuple[str, ...]:
        ssh = server == "log_server" and self._revision.settings.tmsp.log_server.protocol == "ssh"
        identity = "host_key" if ssh else "tls"
        return ("settings", "name", "proxy", "tcp", identity, "authentication", "service", "clock")

    async def _test(self, server: ServerName, steps: Steps) -> None:
        if not check_settings(self._revision, server, steps):
            return
        links = build_links(self._revision, self._host_keys)
        link = replace(getattr(links, server), limits=self._limits)
        if link.proxy is None:
            steps.leave_out("proxy", NO_PROXY)
        try:
            await self._bounded(server, link, steps)
        except LinkFailure as failure:
            _judge_credentials(steps, failure)
            steps.fail(failure.stage, failure.code, failure, key_info(failure.host_key, link))

    async def _bounded(self, server: ServerName, link: Link, steps: Steps) -> None:
        """Give each step its limit, and all of them the sum; whoever hangs is told apart by where."""
        limits = _seconds_by_stage(link.limits)
        loop = asyncio.get_running_loop()
        end = loop.time() + sum(limits.values())
        deadline = asyncio.timeout_at(end)

        def begin(stage: str) -> None:
            if not deadline.expired():  # a link that is being cancelled may still tell of a step
                deadline.reschedule(min(end, loop.time() + limits[stage]))

        try:
            async with deadline:
                steps.on_start = begin
                await self._try(server, link, steps)
        except TimeoutError as error:
            raise translate(error, steps.current or "service", link.endpoint, link.proxy) from error
        finally:
            steps.on_start = None

    async def _try(self, server: ServerName, link: Link, steps: Steps) -> None:
        observe = observer(steps, self._clock)
        appliance, clock = self._appliance, self._clock
        if server == "log_server":
            protocol = self._revision.settings.tmsp.log_server.protocol
            await try_log_server(link, protocol, appliance, steps, observe=observe, clock=clock)
        else:
            await try_status_server(link, self._revision, appliance, steps, observe=observe, clock=clock)


def _judge_credentials(steps: Steps, failure: LinkFailure) -> None:
    """An answer such as "busy" to a request with credentials does not tell whether they are right."""
    if steps.current == "authentication" and failure.stage == "service":
        if failure.code in _KNOWS_US:
            steps.passed()
        else:
            steps.skip("authentication", "the server said nothing about user name and password")


def _seconds_by_stage(limits: Limits) -> dict[str, float]:
    to_proxy = 2 * limits.connect + limits.handshake + limits.reply
    seconds = {
        "name": limits.connect,
        "proxy": to_proxy,
        "tcp": limits.connect,
        "tls": limits.handshake,
        "host_key": limits.handshake + limits.login,
        "authentication": limits.login + limits.reply,
        "service": limits.reply,
        "clock": limits.reply,
    }
    return {stage: limit + _GRACE_SECONDS for stage, limit in seconds.items()}
