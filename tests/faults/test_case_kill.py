"""A case of 50 MB through kill -9 of the agent and of the portal: the same bytes at the other end, once."""

import asyncio
import hashlib
import json
import os
import signal
import tarfile
from pathlib import Path

import pytest
import zstandard

from e2e.lab import Lab, lab
from spooling.killing import fill, small_disk
from tm_tui.api.cases import CaseInfo
from tm_tui.api.client import AgentAbsent, ControlClient
from tm_tui.api.requests import SubmitRequest

LIMIT = 60.0
SIZE = 50_000_000
MOST_MEMORY = 160_000
"""kB that the agent may have had at most, on its way with 50 MB."""


@pytest.fixture
def bench():
    with lab("a-password") as made:
        (made.folder / "evidence").mkdir()
        (made.folder / "evidence" / "dump.bin").write_bytes(os.urandom(SIZE))
        yield made


def configured(bench: Lab, *more: str) -> None:
    """Save the way to the portal."""
    for words, said in (
        (("config", "set", *bench.settings(), *more), ""),
        (("config", "secret", "tmsp"), "a-password\n"),
        (("config", "set", "tmsp.enabled", "true"), ""),
    ):
        done = bench.run(*words, stdin=said)
        assert done.returncode == 0, done.stderr


async def submitted(bench: Lab) -> tuple["Agent", int]:
    """An agent on its way with the case of 50 MB, at a rate that leaves time; and the case's number."""
    agent = Agent(bench)
    await agent.start()
    configured(bench, "tmsp.status_server.upload_kbps", "15000")
    request = SubmitRequest(paths=(str(bench.folder / "evidence"),), endpoint="pc-17", threat="Trojan")
    async with ControlClient(agent.socket) as client:
        return agent, (await client.submit_case(request)).number


class Agent:
    """The agent's process, killed and started again."""

    def __init__(self, bench: Lab) -> None:
        self.bench = bench
        self.socket = bench.home / "run" / "control.sock"
        self.process = None

    async def start(self) -> None:
        self.process = self.bench.start("agent.log", "agent", forked=False)  # its memory is looked at
        async with ControlClient(self.socket) as client, asyncio.timeout(LIMIT):
            while not await self._answers(client):
                await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.05)

    async def _answers(self, client: ControlClient) -> bool:
        try:
            await client.session()
        except AgentAbsent:
            return False
        return True

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)

    def most_memory(self) -> int:
        """Its greatest size so far, in kB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    async def until(self, number: int, holds) -> CaseInfo:
        """Wait until a case is so, by the pushed snapshots."""
        async with ControlClient(self.socket) as client, asyncio.timeout(LIMIT):
            async for _ in client.status_stream():
                case = await client.case(number)
                if holds(case):
                    return case
        raise AssertionError("the stream ended")


def sent(share: float):
    """Whether so much of a case has gone out."""
    return lambda case: case.progress is not None and case.progress.done_bytes > share * SIZE


def check_arrived(bench: Lab, case: CaseInfo) -> None:
    """Exactly one case at the portal, byte-identical with what was packed, and whole inside."""
    (file,) = (bench.folder / "p" / "cases").iterdir()
    raw = file.read_bytes()
    assert file.name == "C-000001.tar.zst"
    assert (len(raw), hashlib.sha256(raw).hexdigest()) == (case.packed_bytes, case.sha256)
    with (
        zstandard.ZstdDecompressor().stream_reader(raw) as plain,
        tarfile.open(fileobj=plain, mode="r|") as tar,
    ):
        digests = {one.name: hashlib.sha256(tar.extractfile(one).read()).hexdigest() for one in tar}
    source = (bench.folder / "evidence" / "dump.bin").read_bytes()
    assert digests["files/evidence/dump.bin"] == hashlib.sha256(source).hexdigest()


@pytest.mark.timeout(300)
async def test_agent_and_portal_killed_in_the_middle(bench: Lab) -> None:
    """The agent dies while packing, twice while uploading, the portal once: it goes on where it stood."""
    agent, number = await submitted(bench)
    agent.kill()  # as a rule while it packs
    await agent.start()
    await agent.until(number, sent(0.2))
    agent.kill()
    await agent.start()
    case = await agent.until(number, sent(0.4))
    bench.portal.kill()
    bench.portal.wait(60)
    await agent.until(number, lambda case: case.last_failure is not None)
    log_server, status_server = bench.ready["log_server"], bench.ready["status_server"]
    bench.portal = bench._start_portal(
        f"--https-port={log_server['https_port']}",
        f"--ssh-port={log_server['ssh_port']}",
        f"--status-port={status_server['port']}",
    )
    await agent.until(number, sent(0.6))
    memory = agent.most_memory()
    agent.kill()
    await agent.start()
    case = await agent.until(number, lambda case: bool(case.case_id))
    assert case.state == "submitted"
    assert memory < MOST_MEMORY
    check_arrived(bench, case)
    listed = json.loads(bench.run("case", "list", "--json").stdout)
    assert [one["case_id"] for one in listed["cases"]] == ["C-000001"]


async def test_the_command_waits_and_tells(bench: Lab) -> None:
    """`case submit --wait` ends with 0 when the portal has it; the inbox will do for PATHS."""
    agent = Agent(bench)
    await agent.start()
    configured(bench)
    inbox = bench.home / "state" / "cases" / "inbox"
    (inbox / "found").mkdir()
    (inbox / "found" / "a.txt").write_text("evidence")
    words = ("case", "submit", "--endpoint", "pc-17", "--wait", "--json")
    done = await asyncio.to_thread(bench.run, *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "submitted"
    assert list(inbox.iterdir()) == []
    again = await asyncio.to_thread(bench.run, *words)
    assert again.returncode == 1
    assert "inbox" in json.loads(again.stdout)["error"]["problems"][0]["cause"]
    gone = await asyncio.to_thread(bench.run, "case", "submit", "/no/such/file", "--endpoint", "x")
    assert (gone.returncode, "does not exist" in gone.stderr) == (1, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.timeout(300)
async def test_the_portals_disk_fills_up_in_the_middle(bench: Lab) -> None:
    """The agent names the portal's full disk, keeps what it has, and goes on once there is room."""
    with small_disk(bench.folder / "p" / "cases", SIZE // 1_000_000 + 30) as disk:
        agent, number = await submitted(bench)
        await agent.until(number, sent(0.2))
        fill(disk / "ballast")
        case = await agent.until(number, lambda case: case.last_failure is not None)
        assert case.last_failure is not None
        assert "disk" in case.last_failure.cause
        (disk / "ballast").unlink()
        async with ControlClient(agent.socket) as client:
            await client.send_cases()
        case = await agent.until(number, lambda case: bool(case.case_id))
        check_arrived(bench, case)
    agent.kill()
