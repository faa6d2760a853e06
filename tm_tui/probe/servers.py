"""What is asked in the end: would the log server take a batch, the status server a beat, and the time."""

from datetime import timedelta
from typing import Literal

from tm_tui.clock import Clock
from tm_tui.delivery.check import check_log_server
from tm_tui.errors import TmError
from tm_tui.link.https import https_client
from tm_tui.link.types import Link, Observer
from tm_tui.probe.events import Steps
from tm_tui.settings.revision import Revision
from tm_tui.spoken import apart
from tm_tui.status_server.heartbeat import Facts, beat

__all__ = ["CLOCK_SKEW", "MOST_SKEW_SECONDS", "check_skew", "try_log_server", "try_status_server"]


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


CLOCK_SKEW = "clock-skew"
_DAY = 86400.0
MOST_SKEW_SECONDS = 300.0
"""Beyond this, times in logs mislead, and certificates soon seem expired or not yet valid."""


def check_skew(steps: Steps, ahead: float | None, authority: str) -> None:
    """Run the step. `ahead`: the appliance's clock minus the server's, in seconds; None if it tells none."""
    steps.start("clock")
    if ahead is None:
        steps.skip("clock", "the server does not tell its time")
        return
    seconds = abs(ahead)
    if seconds <= MOST_SKEW_SECONDS:
        steps.passed(f"{seconds:.1f} s {'ahead' if ahead >= 0 else 'behind'}")
        return
    short = f"{timedelta(seconds=round(seconds))} {'ahead of' if ahead >= 0 else 'behind'}"
    far = short if seconds < _DAY else apart(ahead)
    cause = f"The appliance's clock is {far} the clock of {authority}."
    remedy = (
        "Set the appliance's date and time, best by NTP. If they are right, tell the server's administrator."
    )
    steps.fail("clock", CLOCK_SKEW, TmError(cause, remedy))
