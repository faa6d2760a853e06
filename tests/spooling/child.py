"""What a process to kill does: it takes events in and delivers them, and ends when all are delivered.

It goes on where its predecessor was killed (spooling.nursery starts them).
"""

import asyncio
import os
import random
import signal
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from spooling.events import numbered_line
from spooling.working import at_work
from tm_tui.clock import SystemClock
from tm_tui.delivery.service import DeliveryService
from tm_tui.errors import TmError
from tm_tui.link.host_keys import HostKeys, Trust
from tm_tui.link.types import Credentials, Endpoint, Limits, Link
from tm_tui.retry import Pace, Retry
from tm_tui.spool import database
from tm_tui.spool.disk import Quota, SpoolFull
from tm_tui.spool.store import BatchLimits, Spool

APPLIANCE = "tm-faults"


class Killer:
    """Ends the process, as kill -9 does, when a named point is passed for the n-th time."""

    def __init__(self, point: str, count: int) -> None:
        self.point, self.left = point, count

    def __call__(self, point: str) -> None:
        if point == self.point:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class ShiftedClock(SystemClock):
    """A clock that somebody has set wrongly by some days."""

    def __init__(self, days: float) -> None:
        super().__init__()
        self._shift = timedelta(days=days)

    def now(self) -> datetime:
        """The wrong time."""
        return super().now() + self._shift


class QuickRetry(Retry):
    """Waits as the real one does, a hundred times shorter: faults come thick here."""

    def failed(self, problem: TmError, said: str = "", *, pace: Pace | None = None) -> float:
        """Seconds to wait after one more failure."""
        wait = min(super().failed(problem, said, pace=pace) / 100, 0.1)
        self.again = self.failed_at + wait
        return wait


def link_of(config: dict[str, Any]) -> Link:
    """The link that a configuration describes."""
    trust = Trust(config.get("ca_pem"), HostKeys(Path(config["host_keys"])))
    credentials = Credentials(config["username"], SecretStr(config["password"]))
    return Link(
        Endpoint("127.0.0.1", config["port"]),
        credentials,
        None,
        trust,
        Limits(reply=config.get("reply", 5.0)),
    )


class Notes:
    """A number in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        self.done = int(path.read_text() or 0) if path.exists() else 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def note(self, done: int) -> None:
        """Keep a number."""
        self.done = done
        os.pwrite(self._file, b"%-12d" % done, 0)


class Complaints:
    """What delivery ran into, in a file for whoever looks into a failed campaign."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, failure: object) -> None:
        """Keep one."""
        os.write(self._file, f"{failure}\n".encode())


async def produce(spool: Spool, notes: Notes, config: dict[str, Any]) -> None:
    """Add events in calls of random size; note each acknowledged number afterwards, as a producer would."""
    chance = random.Random(config["seed"])
    while notes.done < config["total"]:
        upto = min(config["total"], notes.done + chance.choice((1, 7, 40, 150)))
        try:
            intake = await spool.add([numbered_line(number) for number in range(notes.done + 1, upto + 1)])
        except SpoolFull:  # as the producer was told: later again; who makes room on the disk tells nobody
            with suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await asyncio.Event().wait()
            continue
        upto = notes.done + intake.accepted
        assert all("full" in one.reason for one in intake.rejected), intake
        notes.note(upto)


async def main(config: dict[str, Any]) -> None:
    """Produce, deliver, end; with `offline`, produce only, and wait to be killed."""
    database._VACUUM_AT, database._VACUUM_PORTION = 32, 16  # so that small spools vacuum too
    killer = Killer(config.get("point", ""), config.get("count", 1))
    noted = Path(config["acknowledged"])
    complaints = Complaints(noted.with_name("failures"))
    clock = ShiftedClock(config.get("days", 0))
    options = {
        "limits": BatchLimits(events=config.get("batch", 200)),
        "quota": Quota(reserve=config.get("reserve", 16 << 20)),
    }
    async with await Spool.open(
        Path(config["folder"]), APPLIANCE, trace=killer, clock=clock, **options
    ) as spool:
        if config.get("offline"):
            await produce(spool, Notes(noted), config)
            await asyncio.Event().wait()
        service = DeliveryService(
            spool,
            link_of(config),
            protocol=config["protocol"],
            appliance=APPLIANCE,
            interval=86400,
            retry=QuickRetry(clock, random.random, disk="spool"),
            trace=killer,
            clock=clock,
        )
        async with at_work(service):
            producing = asyncio.create_task(produce(spool, Notes(noted), config))
            while not producing.done() or spool.status().events:
                outcome = await service.send_now()
                if outcome.failure:
                    complaints.note(outcome.failure)
            await producing
        Notes(noted.with_name("lost")).note(spool.status().lost)
