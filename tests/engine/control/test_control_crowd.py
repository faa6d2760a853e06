"""Somebody else at the control socket: thousands of connections of users who may only look."""

import asyncio
import json
import os
import resource
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from pydantic import SecretStr

import forked
from agents import CANARY, LIMIT, StatusServer, agent_process, settings_for, short_home, status_server
from crowd import COSTLY, HALF, IDLE, KINDS, SLOW, UNREAD, counts_of, crowd
from people import Child, Identity, people
from servers.certificates import Certificates
from tm_tui.api.agent import ServerState
from tm_tui.api.client import ControlClient
from tm_tui.api.failures import ControlRefused
from tm_tui.api.requests import SaveRequest, SecretChanges
from tm_tui.paths import Home
from tm_tui.serving.limits import Limits

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users")

USUAL = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (256, 1024))"
"""An agent whose system gives it no more than most do."""
SHARES = Limits().within(1024).shares
OWN_FILES = 100
"""More than an agent at its work has open."""


@pytest.fixture(scope="module")
def users() -> Iterator[dict[str, list[Identity]]]:
    with people(viewers=2) as found:
        yield found


class Stage:
    """An agent in a process of its own that beats each five seconds, and who stands at its socket."""

    def __init__(self, home: Home, pid: int, portal: StatusServer, client: ControlClient) -> None:
        self.home, self.pid, self.portal, self.client = home, pid, portal, client
        self.children: list[Child] = []

    async def crowd(self, who: Identity, **counts: int) -> Child:
        """Hostile connections, each tried once by now."""
        child = crowd(str(self.home.control_socket), who, counts)
        self.children.append(child)
        assert await asyncio.to_thread(child.ask, "begin") == "all tried"
        return child

    async def beats(self, more: int) -> None:
        """So many more beats come."""
        async with asyncio.timeout(12 * more):
            wanted = len(self.portal.heartbeats()) + more
            async for _ in self.client.status_stream():
                if len(self.portal.heartbeats()) >= wanted:
                    return

    def files(self) -> int:
        """What the agent has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def kilobytes(self) -> int:
        """What the agent has in memory."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0])


@asynccontextmanager
async def staged(certificates: Certificates) -> AsyncIterator[tuple[Stage, Callable[[], str]]]:
    """A stage, and what its agent had written to its log once that has ended."""
    with short_home(0o711) as home:
        home.config.parent.mkdir(mode=0o711)
        home.config.parent.chmod(0o711)
        async with status_server(certificates, lambda: datetime.now(UTC)) as portal:
            with agent_process(home, USUAL) as process:
                log: list[str] = []
                async with ControlClient(home.control_socket) as client:
                    stage = Stage(home, process.pid, portal, client)
                    await _connect(stage, certificates)
                    try:
                        yield stage, lambda: "".join(log)
                    finally:
                        for child in stage.children:
                            child.end()
                process.terminate()
                log.append((await asyncio.to_thread(process.communicate, timeout=LIMIT))[1])
            assert log[0].count("\n") < 60, log[0]
            assert "Traceback" not in log[0]


async def _connect(stage: Stage, certificates: Certificates) -> None:
    settings = {**settings_for(stage.portal.port, seconds=5), "trust": {"ca_file": str(certificates.ca_file)}}
    await stage.client.save(SaveRequest(settings=settings, secrets=SecretChanges(tmsp=SecretStr(CANARY))), 0)
    async with asyncio.timeout(LIMIT):
        async for status in stage.client.status_stream():
            if status.status_server.state is ServerState.CONNECTED:
                return


async def met_when(child: Child, holds: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """Ask a crowd for its counts until `holds` is true of them."""
    async with asyncio.timeout(LIMIT):
        while not holds(met := await asyncio.to_thread(counts_of, child)):
            pass
    return met


def answered_as(path: Path, who: Identity, times: int) -> list[int]:
    """The statuses of so many questions of this user, one connection each (0: none came)."""

    def ask(orders: int, said: int) -> None:
        while os.read(orders, 4096):
            os.write(said, json.dumps([_asked(path) for _ in range(times)]).encode() + b"\n")

    child = Child(who, ask)
    try:
        found: list[int] = json.loads(child.ask("go"))
    finally:
        child.end()
    return found


def _asked(path: Path) -> int:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))  # blocks while others queue; with a time limit it would fail at once
        connection.settimeout(LIMIT)
        try:
            connection.sendall(b"GET /v1/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = connection.recv(65536)
        except OSError:
            return 0
    return int(answer.split()[1]) if answer else 0


@pytest.mark.parametrize("connections", [100, 1000])
async def test_silent_connections_of_a_viewer_cost_admins_nothing(
    certificates: Certificates, users: dict[str, list[Identity]], connections: int
) -> None:
    """A user who may only look and opens what it can keeps no admin, no other viewer and no beat waiting."""
    async with staged(certificates) as (stage, _):
        child = await stage.crowd(users["tm-view"][0], idle=connections)
        most = SHARES["read"].a_user
        met = await met_when(child, lambda met: met["open"] <= most)
        assert met["refused idle"] >= connections - most
        for who in (users["tm-admin"][0], users["root"][0], users["tm-view"][1]):
            answers = await asyncio.to_thread(answered_as, stage.home.control_socket, who, 20)
            assert answers == [200] * 20
        await stage.beats(2)
        assert (await stage.client.status()).status_server.beats_missed == 0
        assert stage.files() <= SHARES["read"].a_user + OWN_FILES


async def test_two_thousand_hostile_connections_of_all_kinds(
    certificates: Certificates, users: dict[str, list[Identity]]
) -> None:
    """Whatever two viewers do with 2,000 connections, admins are answered and beats go out."""
    assert set(KINDS) == {IDLE, HALF, SLOW, UNREAD, COSTLY}
    async with staged(certificates) as (stage, _):
        before = stage.kilobytes()
        children = [await stage.crowd(who, **dict.fromkeys(KINDS, 200)) for who in users["tm-view"]]
        for who in (users["tm-admin"][0], users["root"][0]):
            answers = await asyncio.to_thread(answered_as, stage.home.control_socket, who, 100)
            assert answers == [200] * 100
        await stage.beats(2)
        status = await stage.client.status()
        assert status.status_server.beats_missed == 0
        assert len(status.sessions) <= 2 * 20
        assert stage.files() <= SHARES["read"].in_all + OWN_FILES
        assert stage.kilobytes() - before < 60_000
        for child in children:
            await met_when(child, lambda met: met["open"] <= SHARES["read"].a_user)


async def test_eighty_viewers_of_the_bundle(
    certificates: Certificates, users: dict[str, list[Identity]]
) -> None:
    """The bundle for support is made for one at a time; the others are told so, and admins do not wait."""
    async with staged(certificates) as (stage, _):
        child = await stage.crowd(users["tm-view"][0], costly=80)
        await stage.beats(1)
        assert [piece async for piece in stage.client.diagnostics()]
        answers = await asyncio.to_thread(answered_as, stage.home.control_socket, users["tm-admin"][0], 50)
        assert answers == [200] * 50
        await met_when(child, lambda met: met.get("status 429", 0) > 0 and met["status 200"] > 0)
        assert (await stage.client.status()).status_server.beats_missed == 0


async def test_the_agent_raises_what_it_may_have_open(
    certificates: Certificates, users: dict[str, list[Identity]]
) -> None:
    """The soft limit of descriptors, low as a shell leaves it, is raised as far as the hard one permits."""
    async with staged(certificates) as (stage, _):
        assert resource.prlimit(stage.pid, resource.RLIMIT_NOFILE) == (1024, 1024)


async def test_an_admins_console_stays_in_the_list(
    certificates: Certificates, users: dict[str, list[Identity]]
) -> None:
    """A viewer who follows the status under the id of an admin's console is a console of its own."""
    async with staged(certificates) as (stage, _):
        path = stage.home.control_socket
        consoles = [Child(users[role][0], following(path, "same")) for role in ("tm-admin", "tm-view")]
        stage.children += consoles
        for console in consoles:
            assert await asyncio.to_thread(console.line) == "follows"
        roles = {entry.role for entry in (await stage.client.status()).sessions}
        assert roles == {"write", "read"}
        stage.children.remove(consoles[1])
        consoles[1].end()
        async with asyncio.timeout(LIMIT):
            async for status in stage.client.status_stream():
                if len(status.sessions) == 1:
                    break
        assert status.sessions[0].role == "write"


def following(path: Path, identity: str) -> Callable[[int, int], None]:
    """Be a console of this id until nobody asks any more."""

    def work(orders: int, said: int) -> None:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(path))
            stream.sendall(
                f"GET /v1/status/stream HTTP/1.1\r\nHost: a\r\nTm-Tui-Session: {identity}\r\n\r\n".encode()
            )
            heard = b""
            while b"event: status" not in heard:
                heard += stream.recv(65536)
            os.write(said, b"follows\n")
            os.read(orders, 1)

    return work


async def test_too_many_of_root_are_told_so(certificates: Certificates) -> None:
    """A program of an admin that leaks connections gets the cause and the remedy."""
    async with staged(certificates) as (stage, _):
        await stage.crowd((0, [0]), idle=2 * SHARES["write"].a_user)
        with pytest.raises(ControlRefused) as caught:
            await stage.client.session()
        assert caught.value.status == 503
        assert caught.value.refusal.code == "too-many-connections"
        assert "connections" in caught.value.refusal.cause
        assert caught.value.refusal.remedy
        for words, code in ((("status",), 1), (("status", "--check"), 3)):
            done = await asyncio.to_thread(commanded, stage.home, *words)
            assert done.returncode == code
            said = done.stdout + done.stderr
            assert caught.value.refusal.cause in said
            assert caught.value.refusal.remedy in said
            assert said.count("\n") == 1


def commanded(home: Home, *words: str) -> CompletedProcess[str]:
    """Run a command of ours as root."""
    environ = {**os.environ, "TM_TUI_HOME": str(home.config.parent)}
    command = (sys.executable, "-m", "tm_tui.cli", *words)
    return forked.run(command, env=environ, text=True, timeout=LIMIT)
