"""What is asked in the end: whether the log server would take a batch, and the status server a beat."""

from typing import Literal

from tm_tui.clock import Clock
from tm_tui.delivery.check import check_log_server
from tm_tui.link.https import https_client
from tm_tui.link.types import Link, Observer
from tm_tui.probe.events import Steps
from tm_tui.probe.skew import check_skew
from tm_tui.settings.revision import Revision
from tm_tui.status_server.heartbeat import Facts, beat

__all__ = ["try_log_server", "try_status_server"]


async def try_log_server(
    link: Link,
    protocol: Literal["ssh", "ssl"],
    appliance: str,
    steps: Steps,
    *,
    observe: Observer,
    clock: Clock,
) -> None:
    """Leave a few bytes as a batch would be left. Raises LinkFailure."""
    checked = await check_log_server(link, protocol, appliance, observe, clock=clock)
    check_skew(steps, checked.skew_seconds, link.endpoint.authority)


async def try_status_server(
    link: Link, revision: Revision, appliance: str, steps: Steps, *, observe: Observer, clock: Clock
) -> None:
    """Send a beat that counts as nothing (docs/protocol.md, `probe`). Raises LinkFailure."""
    facts = Facts(revision.number, uptime_seconds=clock.monotonic())
    every = revision.settings.tmsp.heartbeat_seconds
    async with https_client(link, observe=observe) as client:
        accepted = await beat(client, appliance, every, facts, clock, probe=True)
    observe("authentication", "passed", "user name and password accepted")
    steps.passed("it takes heartbeats")
    check_skew(steps, accepted.skew_seconds, link.endpoint.authority)
