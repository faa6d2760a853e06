"""Admins beside hostile viewers: `python -m benchmarks.hostile_viewer` (as root, two minutes).

The real agent beats to a status server and is asked by an admin, first alone, then while users who may only
look keep 2,000 connections of five kinds at its socket (`tests/crowd.py`); what is closed is opened anew
after a second.
"""

import argparse
import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from benchmarks.peers import memory, open_files, row, scratch

from agents import agent_process, settings_for, short_home  # isort: skip  # benchmarks.peers has put tests/ on the path
from crowd import KINDS, counts_of, crowd
from people import Child, people
from servers import certificates as certs
from servers.certificates import Certificates
from servers.misbehaving import server
from tm_tui.api.agent import ServerState
from tm_tui.api.client import ControlClient
from tm_tui.api.failures import ControlRefused
from tm_tui.api.requests import SaveRequest, SecretChanges
from tm_tui.paths import Home

if TYPE_CHECKING:
    import subprocess

BEAT_SECONDS = 5
PAUSE = 0.02
"""Seconds between two questions of the admin."""


@dataclass
class Measured:
    """What one while brought."""

    answers: list[float] = field(default_factory=list)
    """Milliseconds."""
    beats: list[float] = field(default_factory=list)
    refused: int = 0
    megabytes: float = 0.0
    files: int = 0
    cpu: float = 0.0
    """Share of one processor that the agent used."""

    def part(self, share: float) -> float:
        """Milliseconds within which this share of the answers came."""
        ordered = sorted(self.answers)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    def intervals(self) -> list[float]:
        """Between beats, as shares of the one that was set."""
        return sorted((b - a) / BEAT_SECONDS for a, b in pairwise(self.beats))

    def cells(self) -> tuple[str, ...]:
        """For a row of the table."""
        gaps = self.intervals()
        beats = f"{len(self.beats)}; {gaps[0]:.2f}, {sum(gaps) / len(gaps):.2f}, {gaps[-1]:.2f}"
        times = f"{self.part(0.5):.1f} / {self.part(0.99):.1f} / {self.part(1):.1f} ms"
        of_agent = f"{self.megabytes:.0f} MB, {self.files} files, {self.cpu:.0%}"
        return (f"{len(self.answers)}", f"{self.refused}", times, beats, of_agent)


class Beats:
    """A status server that notes when beats come."""

    def __init__(self, certificates: Certificates) -> None:
        self.certificates = certificates
        self.moments: list[float] = []

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[int]:
        """Its port, for as long as this lasts."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificates.good.certificate, self.certificates.good.key)
        async with server(self._behave, context) as told:
            yield told.port

    async def _behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            if head.startswith("get "):
                writer.write(b"HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n")
                continue
            size = int(head.partition("content-length:")[2].split()[0])
            body = json.loads(await reader.readexactly(size))
            beat = "heartbeat" in head.split()[1]
            if beat:
                self.moments.append(time.monotonic())
            now = datetime.now(UTC).isoformat()
            told = {"appliance": body["appliance"], "registered_at": now, "server_time": now, "notices": []}
            reply = json.dumps(told)
            status = 200 if beat else 201
            writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: {len(reply)}\r\n\r\n{reply}".encode())
            await writer.drain()


async def ask(home: Home, beats: Beats, agent: "subprocess.Popen[str]", seconds: float) -> Measured:
    """Be the admin for a while."""
    found = Measured()
    begun, used = time.monotonic(), _cpu(agent.pid)
    async with ControlClient(home.control_socket) as client:
        while time.monotonic() - begun < seconds:
            before = time.perf_counter()
            try:
                await client.status()
            except ControlRefused:
                found.refused += 1
            found.answers.append((time.perf_counter() - before) * 1000)
            await asyncio.sleep(PAUSE)
    found.beats = [moment for moment in beats.moments if begun <= moment]
    found.megabytes, found.files = memory(agent.pid), open_files(agent.pid)
    found.cpu = (_cpu(agent.pid) - used) / (time.monotonic() - begun)
    return found


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def story(home: Home, beats: Beats, children: list[Child], seconds: float) -> None:
    """Quiet, then beside them."""
    with agent_process(home) as agent:
        async with beats.serve() as port, ControlClient(home.control_socket) as client:
            settings = settings_for(port, seconds=BEAT_SECONDS)
            settings["trust"] = {"ca_file": str(beats.certificates.ca_file)}
            secrets = SecretChanges(tmsp=SecretStr("pw-of-bench"))
            await client.save(SaveRequest(settings=settings, secrets=secrets), 0)
            async for status in client.status_stream():
                if status.status_server.state is ServerState.CONNECTED:
                    break
            quiet = await ask(home, beats, agent, seconds)
            for child in children:
                child.ask("begin")
            crowded = await ask(home, beats, agent, seconds)
            missed = (await client.status()).status_server.beats_missed
        met = [counts_of(child) for child in children]
    row("", "answers", "refused", "median / p99 / worst", "beats; shortest, mean, longest", "agent")
    row("quiet", *quiet.cells())
    row("beside them", *crowded.cells())
    longest = crowded.intervals()[-1] / quiet.intervals()[-1]
    row(
        "ratio",
        "",
        "",
        f"p99 {crowded.part(0.99) / quiet.part(0.99):.2f}",
        f"{longest:.2f}; missed {missed}",
        "",
    )
    total: dict[str, int] = {}
    for one in met:
        for name, count in one.items():
            total[name] = total.get(name, 0) + count
    print(", ".join(f"{name} {count}" for name, count in sorted(total.items())))


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--connections", type=int, default=2000)
    options.add_argument("--viewers", type=int, default=4, help="how many users they belong to")
    options.add_argument("--seconds", type=float, default=60.0, help="of each half")
    options.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    given = options.parse_args()
    each = given.connections // given.viewers // len(given.kinds)
    with people(given.viewers) as users, scratch() as base, short_home(0o711) as home:
        home.config.parent.mkdir(mode=0o711)
        home.config.parent.chmod(0o711)
        path = str(home.control_socket)
        children = [crowd(path, who, dict.fromkeys(given.kinds, each)) for who in users["tm-view"]]
        try:
            asyncio.run(story(home, Beats(certs.make(base)), children, given.seconds))
        finally:
            for child in children:
                child.end()


if __name__ == "__main__":
    main()
