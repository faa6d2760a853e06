"""A deployment service with a real log queue, and deployers made of a few lines of shell."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents import revision_for, settings_for
from tm_tui.clock import SystemClock
from tm_tui.patterns.deployment_record import Deployment, Target
from tm_tui.patterns.deployment_service import DeploymentService
from tm_tui.patterns.pattern import Offered, Pattern
from tm_tui.patterns.store import PatternStore, StoredPattern
from tm_tui.spool.store import Spool

LIMIT = 60.0
CONTENT = b"the pattern"


def stored(folder: Path, number: int = 1, content: bytes = CONTENT) -> tuple[PatternStore, StoredPattern]:
    """A store with one pattern in it."""
    store = PatternStore(folder)
    store.load()
    return store, fill(store, number, content)


def fill(store: PatternStore, number: int = 1, content: bytes = CONTENT) -> StoredPattern:
    """Put a pattern there, as a check does."""
    whole = store.temporary()
    whole.write_bytes(content)
    pattern = Pattern(id=number, type="bandage", version="1.0", description="A pattern")
    hashes = (("sha256", hashlib.sha256(content).hexdigest()),)
    offered = Offered(pattern, f"p{number}", len(content), hashes)
    return store.keep(offered, whole, datetime.now(UTC))


async def until(holds: Callable[[], Any]) -> None:
    """Wait for what no event tells: what another process does."""
    async with asyncio.timeout(LIMIT):
        while not holds():
            await SystemClock().wait(asyncio.Event(), 0.01)


def left_of(group: int) -> list[str]:
    """What still runs of a process group; who is dead and waits to be buried does not."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().rpartition(")")
            state, _, pgrp = rest.split()[:3]
            if int(pgrp) == group and state != "Z":
                found.append(name)
    return found


def write_deployer(config: Path, script: str, **more: Any) -> None:
    """Name a shell script as the deployer."""
    config.mkdir(mode=0o700, exist_ok=True)
    program = config.parent / "deployer.sh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    told = {"argv": [str(program)], "retry_seconds": 0.1, **more}
    file = config / "deployer.toml"
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items()))
    file.chmod(0o600)


def target(name: str) -> Target:
    return Target(hostname=name, threat="WORM.X", severity="high")


class Deploying:
    """The service at work in a folder."""

    def __init__(self, folder: Path, spool: Spool) -> None:
        self.folder = folder
        self.spool = spool
        self.moved = asyncio.Event()
        self.store, self.pattern = stored(folder / "files")
        self.missing = asyncio.Event()
        self.ended: list[str] = []
        self.service = DeploymentService(
            folder / "deployments",
            folder / "config",
            self.store,
            spool,
            changed=self._moved,
            ended=lambda one, _: self.ended.append(one.hostname),
            missing=self.missing.set,
            clock=SystemClock(),
        )

    def _moved(self) -> None:
        self.moved.set()

    async def deploy(self, *names: str) -> Deployment:
        """Deploy to these endpoints, and wait for the end."""
        return await self.end_of(
            await self.service.begin(self.pattern, [target(name) for name in names], "admin")
        )

    async def end_of(self, one: Deployment) -> Deployment:
        async with asyncio.timeout(LIMIT):
            while not one.done:
                self.moved.clear()
                await self.moved.wait()
        return one

    async def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) async for line in self.spool.lines()]


@asynccontextmanager
async def deploying(folder: Path) -> AsyncIterator[Deploying]:
    async with await Spool.open(folder / "spool", "tm-lab-1") as spool:
        made = Deploying(folder, spool)
        task = asyncio.create_task(made.service.run(revision_for(settings_for(1), None)))
        try:
            yield made
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
