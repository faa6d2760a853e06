"""Would the log server take a batch? Asked with a few bytes in a place of their own."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tm_tui.clock import Clock, SystemClock, moment_of
from tm_tui.delivery.delivered import HTTP_STORED
from tm_tui.link.failures import failure
from tm_tui.link.http_headers import http_date
from tm_tui.link.types import Fact, Link, Observer, unobserved

__all__ = ["Checked", "check_log_server"]

_CONTENT = b"probe\n"
_FOLDER = "logs"
_SYSTEM: Clock = SystemClock()
_HALF_SECOND = timedelta(seconds=0.5)
"""HTTP dates and file times leave out the fraction."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a passed check found."""

    skew_seconds: float | None
    """Seconds that the appliance's clock is ahead; None if the server tells no time."""


async def check_log_server(
    link: Link,
    protocol: Literal["ssh", "ssl"],
    appliance: str,
    observe: Observer | None = None,
    *,
    clock: Clock = _SYSTEM,
) -> Checked:
    """Log on, leave `logs/<appliance>/probe` as a batch is left (docs/protocol.md). Raises LinkFailure.

    `observe` is told of each stage up to `service`.
    """
    check = _over_ssh if protocol == "ssh" else _over_https
    return Checked(await check(link, appliance, observe or unobserved, clock))


async def _over_https(link: Link, appliance: str, observe: Observer, clock: Clock) -> float | None:
    from tm_tui.delivery.ssl import put_file
    from tm_tui.link.https import https_client

    def notify(stage: str, outcome: str, fact: Fact) -> None:
        observe(stage, outcome, fact)
        if (stage, outcome) == ("tls", "passed"):  # what follows is the request with the credentials
            observe("authentication", "started", "")

    async with https_client(link, observe=notify) as client:
        reply = await put_file(client, appliance, "probe", _CONTENT, accept=HTTP_STORED)
    observe("authentication", "passed", "user name and password accepted")
    observe("service", "started", "")
    observe("service", "passed", "it takes logs")
    server_time = http_date(reply.headers.get("date", ""))
    return None if server_time is None else _ahead(clock, server_time + _HALF_SECOND, reply.seconds)


async def _over_ssh(link: Link, appliance: str, observe: Observer, clock: Clock) -> float | None:
    from tm_tui.delivery.ssh import leave_probe
    from tm_tui.link.sftp import open_sftp

    async with open_sftp(link, observe=observe) as sftp:
        observe("service", "started", "")
        try:
            async with asyncio.timeout(link.limits.reply):
                written = await leave_probe(sftp.client, f"{_FOLDER}/{appliance}", _CONTENT)
        except TimeoutError:
            raise failure("reply-timeout", "service", link.endpoint, link.proxy) from None
        observe("service", "passed", "it takes logs")
    return None if written is None else _ahead(clock, moment_of(written) + _HALF_SECOND, 0.0)


def _ahead(clock: Clock, server_time: datetime, round_trip: float) -> float:
    return round((clock.now() - server_time).total_seconds() - round_trip / 2, 3)
