"""kill -9 of the agent in a fetch, and of a store at any moment; a disk that fills up at any write."""

import asyncio
import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents import CANARY, agent_process, settings_for, short_home
from forked import Forked
from reporting.server import MADE, ReportServer, plain, report_server, silent
from servers.certificates import Certificates
from tm_tui.agent.folders import prepare_folders
from tm_tui.api.client import ControlClient
from tm_tui.errors import StorageFailed
from tm_tui.paths import Home
from tm_tui.reports.protocol import ReportEntry
from tm_tui.reports.store import Bounds, ReportStore
from tm_tui.settings.model import Settings
from tm_tui.settings.store import SettingsStore

KILLS = 20
NOW = datetime(2026, 11, 25, tzinfo=UTC)
_STORING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tm_tui.reports.protocol import ReportEntry
from tm_tui.reports.store import Bounds, ReportStore
now = datetime(2026, 11, 25, tzinfo=UTC)
store = ReportStore(Path(sys.argv[1]), Bounds(reports=5))
store.load()
number = int(sys.argv[2])
print("ready", flush=True)
while True:
    number += 1
    text = f"{number}\\n" * 500
    entry = ReportEntry(id=f"r{number}", kind="k", title="t", made_at=now, bytes=1, sha256="0" * 64)
    store.put(entry, text, now)
    print(number, flush=True)
    store.mark([store.reports[0].number], read=True)
"""


def test_a_store_killed_at_any_moment(tmp_path: Path) -> None:
    """After each kill what was kept is there whole, nothing half is listed, and no litter stays."""
    chance = random.Random(5)
    folder, last = tmp_path / "reports", 0
    for _ in range(KILLS):
        command = [sys.executable, "-c", _STORING, str(folder), str(last)]
        with Forked(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout
            assert child.stdout.readline() == "ready\n"
            told = [int(child.stdout.readline()) for _ in range(chance.randrange(4))]
            select.select([], [], [], chance.uniform(0.0, 0.01))
            os.kill(child.pid, signal.SIGKILL)
            told += [int(line) for line in child.stdout.read().split("\n")[:-1]]
        store = ReportStore(folder, Bounds(reports=5))
        store.load()
        assert store.problem is None
        numbers = [int(one.id[1:]) for one in store.reports]
        if told:
            assert max(numbers) in {told[-1], told[-1] + 1}
        for one in store.reports:
            assert store.text(one.number) == f"{one.id[1:]}\n" * 500
        assert len(store.reports) <= 5
        names = {path.name for path in folder.iterdir()}
        assert names - {"index.json"} == {one.file for one in store.reports}
        last = max(numbers, default=last)
    assert last > KILLS // 2


async def _portal(server: ReportServer) -> None:
    """Let it accept registration and beats too."""
    reports = server._answer

    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        if path in {"/v1/registration", "/v1/heartbeat"}:
            told = {"appliance": "tm-0123456789ab", "registered_at": MADE.isoformat()}
            told |= {"server_time": datetime.now(UTC).isoformat()}
            writer.write(plain(body=json.dumps(told).encode(), kind="application/json"))
            await writer.drain()
        else:
            await reports(path, writer)

    server._answer = answer  # type: ignore[method-assign]


def _registered(home: Home, certificates: Certificates, port: int) -> None:
    prepare_folders(home)
    document = settings_for(port, seconds=5) | {"trust": {"ca_file": str(certificates.ca_file)}}
    from pydantic import SecretStr

    SettingsStore(home.config).save(
        Settings.parse(document), {"tmsp": SecretStr(CANARY)}, expected=0, saved_by="test"
    )


async def _kept(client: ControlClient, number: int) -> Any:
    async with asyncio.timeout(60):
        async for status in client.status_stream():
            if status.reports.kept == number:
                return status.reports
    raise AssertionError


async def test_an_agent_killed_in_a_fetch(certificates: Certificates) -> None:
    """Kill -9 between two bytes of a report: the next agent has what was whole, and fetches the rest."""
    async with report_server(certificates) as server:
        await _portal(server)
        server.add("interrupted", b"# Interrupted\n")
        server.add("whole", b"# Whole\n")
        server.odd["interrupted"] = silent
        with short_home() as home:
            _registered(home, certificates, server.port)
            async with ControlClient(home.control_socket) as client:
                with _agent(home) as process:
                    await server.until_asked("/v1/reports/interrupted")
                    status = await _kept(client, 1)
                    assert status.newest.id == "whole"
                    process.send_signal(signal.SIGKILL)
                    await asyncio.to_thread(process.wait, 20)
            del server.odd["interrupted"]
            async with ControlClient(home.control_socket) as client:
                with _agent(home):
                    await _kept(client, 2)
                    document = await client.reports()
                    texts = [(await client.report(one.number)).text for one in document.reports]
                    assert sorted(texts) == ["# Interrupted\n", "# Whole\n"]
        assert server.asked.count("/v1/reports/whole") == 1


@contextlib.contextmanager
def _agent(home: Home) -> Iterator[subprocess.Popen[str]]:
    with agent_process(home, TM_TUI_HOME=str(home.config.parent)) as process:
        yield process


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 pages of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _entry(id_: str) -> ReportEntry:
    return ReportEntry(id=id_, kind="k", title="t", made_at=NOW, bytes=1, sha256="0" * 64)


@pytest.mark.parametrize("pages", range(5))
def test_a_full_disk(small_disk: Path, pages: int) -> None:
    """Wherever it fills up: what was kept can be read, the reason is told, no litter, and a way on."""
    folder = small_disk / "reports"
    store = ReportStore(folder)
    store.load()
    store.put(_entry("old"), "old\n", NOW)
    statvfs = os.statvfs(small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (statvfs.f_bavail * statvfs.f_frsize - pages * 4096))
    refused = ""
    try:
        store.put(_entry("new"), "new\n", NOW)
    except StorageFailed as failure:
        refused = failure.cause
    assert not refused or "The disk is full" in refused
    kept = {"old"} if refused else {"old", "new"}
    assert {one.id for one in store.reports} == kept
    assert store.text(1) == "old\n"
    again = ReportStore(folder)
    again.load()
    assert {one.id for one in again.reports} == kept
    assert again.problem is None
    assert {path.name for path in folder.iterdir()} == {"index.json", *(one.file for one in again.reports)}
    filler.unlink()
    again.put(_entry("later"), "later\n", NOW)
    assert again.knows("later")


def test_a_full_disk_at_the_start(small_disk: Path) -> None:
    """The agent can start without the folder; reports are refused with the reason until there is room."""
    statvfs = os.statvfs(small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (statvfs.f_bavail * statvfs.f_frsize))
    store = ReportStore(small_disk / "reports")
    store.load()
    with pytest.raises(StorageFailed, match="The disk is full"):
        store.put(_entry("a"), "a\n", NOW)
    filler.unlink()
    store.put(_entry("a"), "a\n", NOW)
    assert store.knows("a")
