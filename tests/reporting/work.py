"""A report service at work with a server of reports, in one process, with the time in the test's hand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from agents import revision_for, settings_for
from clock import FakeClock
from reporting.server import ReportServer
from servers.certificates import Certificates
from tm_tui.api.reports import ReportsStatus
from tm_tui.link.bandwidth import Bandwidth
from tm_tui.link.host_keys import HostKeys
from tm_tui.reports.service import ReportService
from tm_tui.reports.store import Bounds, ReportStore

APPLIANCE = "tm-0123456789ab"


@dataclass
class Working:
    """The service and what it says."""

    service: ReportService
    clock: FakeClock
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def ids(self) -> list[str]:
        """What is kept, the newest first."""
        return [one.id for one in self.service.reports()]

    async def until(self, holds: Callable[[ReportsStatus], object]) -> ReportsStatus:
        """Wait for a status in which it holds."""
        async with asyncio.timeout(60):
            while not holds(status := self.service.status()):
                self.moved.clear()
                await self.moved.wait()
        return status

    async def done(self, kept: int) -> ReportsStatus:
        """Wait until so many are kept and nothing is fetched any more."""
        return await self.until(lambda status: status.kept == kept and not status.fetching)

    async def failed(self, count: int = 1) -> ReportsStatus:
        """Wait for so many failures in a row."""
        return await self.until(
            lambda status: status.last_failure and status.last_failure.count >= count and not status.fetching
        )


@contextlib.asynccontextmanager
async def working(
    certificates: Certificates,
    server: ReportServer,
    folder: Path,
    *,
    bounds: Bounds | None = None,
    enabled: bool = True,
    connected: bool = True,
) -> AsyncIterator[Working]:
    """The service, connected at once unless told otherwise."""
    clock = FakeClock()
    store = ReportStore(folder, bounds)
    store.load()

    def moved() -> None:
        found.moved.set()

    service = ReportService(
        APPLIANCE,
        HostKeys(folder.parent / "host_keys"),
        store,
        Bandwidth(),
        changed=moved,
        clock=clock,
        chance=lambda: 0.5,
    )
    found = Working(service, clock)
    settings = settings_for(server.port, enabled=enabled)
    revision = revision_for(settings, certificates.ca_pem)
    service.prepare(revision)
    task = asyncio.create_task(service.run(revision))
    if connected:
        service.connection(connected=True)
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.wait({task})
