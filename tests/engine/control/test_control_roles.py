"""Who may do what on the control socket, by real users and groups of the kernel."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents import agent_in, short_home
from tm_tui.agent.agent import Agent
from tm_tui.agent.server import control_server, control_socket
from tm_tui.paths import Home
from tm_tui.serving import peers

ADMIN, VIEW = 54321, 54322
NOBODY = 65534
GROUPS = {"tm-admin": ADMIN, "tm-view": VIEW}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users")

READS = ("/v1/status", "/v1/settings", "/v1/session", "/v1/history", "/v1/trust", "/v1/cases")
WRITES = (
    ("PUT", "/v1/settings"),
    ("POST", "/v1/probe"),
    ("POST", "/v1/trust/host-keys"),
    ("DELETE", "/v1/trust/host-keys?endpoint=[a]:22"),
    ("POST", "/v1/history/1/restore"),
    ("POST", "/v1/cases"),
    ("DELETE", "/v1/cases/1"),
    ("POST", "/v1/cases/send"),
    ("POST", "/v1/anything"),
)


@pytest.fixture
async def agent(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Agent, Home]]:
    """An agent where both groups exist: their names are looked up here, all else is the kernel's."""
    monkeypatch.setattr(peers, "group_id", GROUPS.get)
    monkeypatch.setattr(control_socket, "group_id", GROUPS.get)
    with short_home(0o711) as home:
        home.config.parent.mkdir(mode=0o711)
        home.config.parent.chmod(0o711)
        async with agent_in(home) as running:
            yield running, home


def ask_as(path: Path, groups: list[int], method: str, target: str) -> tuple[int, bytes]:
    """Ask in a child process of nobody. Status 0: the socket did not open; 1: no answer came."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            os.setgroups(groups)
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, _ask(path, method, target))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    status, _, body = said.partition(b" ")
    return int(status), body


def _ask(path: Path, method: str, target: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        try:
            connection.connect(str(path))
        except PermissionError:
            return b"0 "
        try:
            connection.sendall(f"{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        except OSError:
            return b"1 "
    if not answer:
        return b"1 "
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split()[1] + b" " + body


async def ask(agent: tuple[Agent, Home], groups: list[int], method: str, target: str) -> tuple[int, bytes]:
    return await asyncio.to_thread(ask_as, agent[1].control_socket, groups, method, target)


async def test_an_admin_may_write(agent: tuple[Agent, Home]) -> None:
    """A member of tm-admin saves settings without being root."""
    status, body = await ask(agent, [ADMIN], "GET", "/v1/session")
    assert (status, json.loads(body)["role"]) == (200, "write")
    status, body = await ask(agent, [ADMIN], "PUT", "/v1/settings")
    assert status == 428


@pytest.mark.parametrize("target", READS)
async def test_a_viewer_may_look(agent: tuple[Agent, Home], target: str) -> None:
    """A member of tm-view sees everything that is no secret."""
    assert (await ask(agent, [VIEW], "GET", target))[0] == 200


@pytest.mark.parametrize(("method", "target"), WRITES)
async def test_a_viewer_changes_nothing(agent: tuple[Agent, Home], method: str, target: str) -> None:
    """Every write of a viewer is refused by the agent itself, whatever the screen permits."""
    status, body = await ask(agent, [VIEW], method, target)
    assert (status, json.loads(body)["code"]) == (403, "read-only")


async def test_others_do_not_even_get_in(agent: tuple[Agent, Home]) -> None:
    """Any other user of the machine learns nothing: the socket does not open."""
    assert await ask(agent, [], "GET", "/v1/status") == (0, b"")


async def test_others_are_dropped_where_the_file_lets_them(agent: tuple[Agent, Home]) -> None:
    """Should the socket's mode be loosened, the agent still drops whoever has no role."""
    home = agent[1]
    home.run.chmod(0o755)
    home.control_socket.chmod(0o666)
    assert await ask(agent, [], "GET", "/v1/status") == (1, b"")
    assert await ask(agent, [40000, *range(41000, 41300)], "GET", "/v1/status") == (1, b"")
    assert (await ask(agent, [VIEW, *range(41000, 41300)], "GET", "/v1/session"))[0] == 200


async def test_the_role_is_asked_for_at_each_request(
    agent: tuple[Agent, Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group that loses its right loses it on connections that are open already."""
    connection = await asyncio.open_unix_connection(str(agent[1].control_socket))
    reader, writer = connection
    request = b"GET /v1/session HTTP/1.1\r\nHost: a\r\n\r\n"
    writer.write(request)
    assert b"200" in await reader.readline()
    await reader.readuntil(b"}")
    monkeypatch.setattr(control_server, "role_of", lambda _: None)
    writer.write(request)
    assert await reader.read() == b""
    writer.close()


async def test_the_agents_own_user_may_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """A private agent serves the user who started it."""
    peer = peers.Peer(1, 4711, frozenset({4711}))
    assert peers.role_of(peer) is None
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert peers.role_of(peer) == "write"


async def test_saved_by_is_the_users_name(agent: tuple[Agent, Home]) -> None:
    """The history names the person by the kernel's word, not by what a client claims."""
    status, body = await ask(agent, [VIEW], "GET", "/v1/session")
    assert (status, json.loads(body)["user"]) == (200, "nobody")
    assert peers.user_name(4294967290) == "uid 4294967290"
