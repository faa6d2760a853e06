"""A process to kill: it takes events in and delivers them, and ends by itself when all are delivered.

Run as `python -m spooling.child CONFIG` with a JSON object; it goes on where its predecessor was killed.
"""

import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from spooling.events import numbered_line
from tm_tui.delivery.retry import Backoff
from tm_tui.delivery.service import DeliveryService
from tm_tui.link.host_keys import HostKeys
from tm_tui.link.trust import Trust
from tm_tui.link.types import Credentials, Endpoint, Limits, Link
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


class QuickBackoff(Backoff):
    """Waits as the real one does, a hundred times shorter: faults come thick here."""

    def seconds(self, retry_after: float | None) -> float:
        """Seconds to wait after one more failure."""
        return min(super().seconds(retry_after) / 100, 0.1)


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
    """The greatest acknowledged number, in a file that outlives the process."""

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
        intake = await spool.add([numbered_line(number) for number in range(notes.done + 1, upto + 1)])
        assert intake.accepted == upto - notes.done, intake
        notes.note(upto)


async def main(config: dict[str, Any]) -> None:
    """Produce, deliver, end."""
    killer = Killer(config.get("point", ""), config.get("count", 1))
    limits = BatchLimits(events=config.get("batch", 200))
    noted = Path(config["acknowledged"])
    complaints = Complaints(noted.with_name("failures"))
    async with await Spool.open(Path(config["folder"]), APPLIANCE, limits=limits, trace=killer) as spool:
        service = DeliveryService(
            spool,
            link_of(config),
            protocol=config["protocol"],
            appliance=APPLIANCE,
            interval=86400,
            backoff=QuickBackoff(),
            trace=killer,
        )
        await service.start()
        producing = asyncio.create_task(produce(spool, Notes(noted), config))
        while not producing.done() or spool.status().events:
            outcome = await service.send_now()
            if outcome.failure:
                complaints.note(outcome.failure)
        await producing
        await service.stop()


if __name__ == "__main__":
    print("ready", flush=True)
    asyncio.run(main(json.loads(sys.argv[1])))
