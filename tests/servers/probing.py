"""Run the probe against the peers of this folder, and hold its events to what every reader relies on."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from servers.certificates import Certificates
from servers.limits import PATIENT
from servers.misbehaving import Told, server
from tm_tui.api.agent import ProbeReport, ReportFailure, StepEvent
from tm_tui.clock import Clock, SystemClock
from tm_tui.link.build import build_links
from tm_tui.link.host_keys import HostKeys
from tm_tui.link.sftp import fetch_host_key
from tm_tui.link.types import Limits
from tm_tui.probe.runner import run_probe
from tm_tui.settings.model import Secrets, Settings
from tm_tui.settings.revision import Revision

APPLIANCE = "tm-probe"
ENDS = {"passed", "failed", "skipped"}


@dataclass
class Trial:
    """What is to be probed: the form's values, the passwords, whom to trust, and how patiently."""

    tmsp: dict[str, Any]
    password: str | None
    ca_pem: str | None
    host_keys: HostKeys
    proxy: dict[str, Any] | None = None
    proxy_password: str | None = None
    limits: Limits = PATIENT
    clock: Clock = field(default_factory=SystemClock)

    @property
    def revision(self) -> Revision:
        """The unsaved revision that the agent would probe."""
        parts: dict[str, Any] = {"tmsp": self.tmsp}
        if self.proxy:
            parts["proxy"] = {"enabled": True, **self.proxy}
        passwords = {"tmsp": self.password, "proxy": self.proxy_password}
        secrets = {name: SecretStr(word) for name, word in passwords.items() if word is not None}
        return Revision(3, Settings.parse(parts), Secrets.model_validate(secrets), self.ca_pem, None, "")

    async def approve_host_key(self) -> None:
        """Approve the key that the log server shows now."""
        links = build_links(self.revision, self.host_keys)
        self.host_keys.approve(await fetch_host_key(links.log_server))

    def start(self) -> AsyncIterator[StepEvent | ProbeReport]:
        """The probe itself, to be read event by event."""
        return run_probe(self.revision, self.host_keys, APPLIANCE, clock=self.clock, limits=self.limits)

    async def run(self) -> "Outcome":
        """Read all events to the report, and check what holds for every probe. It leaves nothing open."""
        before = _open_files()
        events = [event async for event in self.start()]
        async with asyncio.timeout(60):  # the last bytes to a TLS proxy may still be on their way
            while _open_files() > before:
                await SystemClock().wait(asyncio.Event(), 0.005)
        report = events.pop()
        assert isinstance(report, ProbeReport)
        steps = [event for event in events if isinstance(event, StepEvent)]
        assert len(steps) == len(events)
        outcome = Outcome(steps, report)
        outcome.check()
        return outcome


@dataclass
class Outcome:
    """All events of one probe, and its report."""

    events: list[StepEvent]
    report: ProbeReport

    def ended(self, step: str) -> StepEvent:
        """How a step ended."""
        return next(event for event in self.events if event.step == step and event.outcome in ENDS)

    def failure(self, server_name: str) -> ReportFailure:
        """The one failure of a server."""
        (found,) = (one for one in self.report.failures if one.step.startswith(f"{server_name}."))
        return found

    def passed(self, server_name: str) -> bool:
        """Whether all steps of a server passed, but for those that nothing is to be tested by."""
        ends = {
            e.step: e.outcome for e in self.events if e.step.startswith(server_name) and e.outcome in ENDS
        }
        return set(ends.values()) <= {"passed", "skipped"} and ends[f"{server_name}.service"] == "passed"

    def check(self) -> None:
        """Each step of both servers ends once, in order, after its start; the report repeats the failures."""
        for name in ("log_server", "status_server"):
            mine = [event for event in self.events if event.step.startswith(f"{name}.")]
            identity = "host_key" if any(e.step == f"{name}.host_key" for e in mine) else "tls"
            stages = ["settings", "name", "proxy", "tcp", identity, "authentication", "service", "clock"]
            assert [e.step for e in mine if e.outcome in ENDS] == [f"{name}.{stage}" for stage in stages]
            self._check_starts(mine)
        failed = [(e.step, e.code, e.cause, e.remedy) for e in self.events if e.outcome == "failed"]
        failed.sort(key=lambda one: one[0].startswith("status_server."))  # they are tested side by side
        assert [(f.step, f.code, f.cause, f.remedy) for f in self.report.failures] == failed
        assert self.report.passed == (not failed)

    @staticmethod
    def _check_starts(mine: list[StepEvent]) -> None:
        running: str | None = None
        for event in mine:
            if event.outcome == "started":
                assert running is None
                running = event.step
            else:
                assert running == event.step or (running is None and event.outcome == "skipped")
                assert event.seconds >= 0
                running = None


def _open_files() -> int:
    """How many are open; a portal in this process opens its database once more when it has much to do."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += ".sqlite3" not in str(link.readlink())
    return found


@contextlib.asynccontextmanager
async def beats(certificates: Certificates, ahead: float = 0.0) -> AsyncIterator[Told]:
    """A status server that takes every beat; its clock may be `ahead` of ours by some seconds."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        now = datetime.fromtimestamp(datetime.now(UTC).timestamp() + ahead, UTC)
        body = json.dumps({"server_time": now.isoformat(), "notices": []}).encode()
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        await reader.read()

    async with server(behave, server_context(certificates)) as told:
        yield told


def server_context(certificates: Certificates, name: str = "") -> ssl.SSLContext:
    """TLS for a server of the test's own, with the good certificate or a bad one by its code."""
    pair = certificates.bad[name] if name else certificates.good
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


def host_keys(folder: Path) -> HostKeys:
    """A file of approved keys, empty at first."""
    return HostKeys(folder / "config" / "host_keys")
