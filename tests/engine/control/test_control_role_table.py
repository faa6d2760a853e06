"""Every control call by root, tm-admin, tm-view and nobody, on a real socket, as real users and groups.

The calls come from the app's own routes: a route without a row here fails, so none can be forgotten.
"""

import asyncio
import grp
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from agents import agent_in, short_home
from people import Identity, people
from tm_tui.agent.agent import Agent
from tm_tui.agent.server.binding import all_of, bind
from tm_tui.agent.server.control_server import control_app
from tm_tui.api.call import Call
from tm_tui.api.orders import CALLS
from tm_tui.paths import Home

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users")


@dataclass(frozen=True)
class Row:
    """One call and what those may expect who have the right to it. `reads`: tm-view has it too."""

    method: str
    path: str
    target: str
    status: int
    reads: bool
    body: str = ""
    headers: tuple[str, ...] = ()


MATCH = 'If-Match: "0"'
SAVED = json.dumps({"settings": {}})
TABLE = (
    Row("GET", "/v1/session", "/v1/session", 200, reads=True),
    Row("PUT", "/v1/session/editing", "/v1/session/editing", 404, reads=False, body='{"id": "x"}'),
    Row("GET", "/v1/status", "/v1/status", 200, reads=True),
    Row("GET", "/v1/status/stream", "/v1/status/stream", 200, reads=True),
    Row("GET", "/v1/settings", "/v1/settings", 200, reads=True),
    Row("PUT", "/v1/settings", "/v1/settings", 428, reads=False, body=SAVED),
    Row("POST", "/v1/probe", "/v1/probe", 200, reads=False, body="{}"),
    Row("GET", "/v1/trust", "/v1/trust", 200, reads=True),
    Row("POST", "/v1/trust/host-keys", "/v1/trust/host-keys", 400, reads=False, body="{}"),
    Row("DELETE", "/v1/trust/host-keys", "/v1/trust/host-keys?endpoint=[a]:22", 404, reads=False),
    Row("GET", "/v1/history", "/v1/history", 200, reads=True),
    Row("GET", "/v1/history/{number:number}", "/v1/history/0", 200, reads=True),
    Row("GET", "/v1/history/{old:number}/diff/{new:number}", "/v1/history/0/diff/0", 200, reads=True),
    Row(
        "POST",
        "/v1/history/{number:number}/restore",
        "/v1/history/9/restore",
        404,
        reads=False,
        headers=(MATCH,),
    ),
    Row("POST", "/v1/trial/confirm", "/v1/trial/confirm", 409, reads=False, headers=(MATCH,)),
    Row("POST", "/v1/trial/rollback", "/v1/trial/rollback", 409, reads=False, headers=(MATCH,)),
    Row("POST", "/v1/trial/acknowledge", "/v1/trial/acknowledge", 200, reads=False),
    Row("GET", "/v1/draft", "/v1/draft", 404, reads=True),
    Row("PUT", "/v1/draft", "/v1/draft", 400, reads=False, body="{}"),
    Row("DELETE", "/v1/draft", "/v1/draft", 200, reads=False),
    Row("POST", "/v1/events", "/v1/events", 200, reads=False),
    Row("GET", "/v1/spool", "/v1/spool", 200, reads=True),
    Row("POST", "/v1/spool/send", "/v1/spool/send", 409, reads=False),
    Row("GET", "/v1/spool/send/{number:number}", "/v1/spool/send/9", 404, reads=True),
    Row("GET", "/v1/patterns", "/v1/patterns", 200, reads=True),
    Row("POST", "/v1/patterns/check", "/v1/patterns/check", 409, reads=False),
    Row("DELETE", "/v1/patterns/root", "/v1/patterns/root", 200, reads=False),
    Row("POST", "/v1/patterns/deployments", "/v1/patterns/deployments", 400, reads=False, body="{}"),
    Row("GET", "/v1/patterns/deployments/{number:number}", "/v1/patterns/deployments/9", 404, reads=True),
    Row("GET", "/v1/cases", "/v1/cases", 200, reads=True),
    Row("POST", "/v1/cases", "/v1/cases", 400, reads=False, body="{}"),
    Row("POST", "/v1/cases/send", "/v1/cases/send", 409, reads=False),
    Row("GET", "/v1/cases/{number:number}", "/v1/cases/9", 404, reads=True),
    Row("DELETE", "/v1/cases/{number:number}", "/v1/cases/9", 404, reads=False),
    Row("GET", "/v1/reports", "/v1/reports", 200, reads=True),
    Row("POST", "/v1/reports/read", "/v1/reports/read", 400, reads=False, body="{}"),
    Row("GET", "/v1/reports/{number:number}", "/v1/reports/9", 404, reads=True),
    Row("GET", "/v1/diagnostics", "/v1/diagnostics", 200, reads=True),
    Row("POST", "/v1/diagnostics/case", "/v1/diagnostics/case", 202, reads=False),
    Row("GET", "/v1/activity", "/v1/activity", 200, reads=True),
    Row("GET", "/v1/activity/stream", "/v1/activity/stream", 200, reads=True),
)
"""Read rights go with GET alone; the documentation says the same (docs/control.md)."""


@pytest.fixture(scope="module")
def users() -> Iterator[dict[str, Identity]]:
    """Throwaway users in real groups, by group."""
    with people() as found:
        yield {role: ones[0] for role, ones in found.items()}


@pytest.fixture
async def agent(users: Any) -> AsyncIterator[tuple[Agent, Home]]:
    """An agent that found both groups at its start."""
    with short_home(0o711) as home:
        home.config.parent.mkdir(mode=0o711)
        home.config.parent.chmod(0o711)
        async with agent_in(home) as running:
            yield running, home


def asked(path: Path, identity: Identity, *rows: Row) -> list[tuple[int, bytes]]:
    """Ask in a child that is this user. Status 0: the socket did not open; 1: dropped without an answer."""
    uid, groups = identity
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            os.setgroups(groups)
            os.setgid(groups[0])
            os.setuid(uid)
            with os.fdopen(writing, "wb") as pipe:
                for row in rows:
                    pipe.write(_said(path, row).replace(b"\n", b" ") + b"\n")
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        lines = [line.rstrip(b"\n").partition(b" ") for line in pipe]
    os.waitpid(child, 0)
    return [(int(status), body) for status, _, body in lines]


def _said(path: Path, row: Row) -> bytes:
    head = [f"{row.method} {row.target} HTTP/1.1", "Host: a", "Connection: close", *row.headers]
    head.append(f"Content-Length: {len(row.body)}")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        try:
            connection.connect(str(path))
            connection.sendall(("\r\n".join(head) + "\r\n\r\n" + row.body).encode())
            answer = _answer(connection)
        except PermissionError:
            return b"0 "
        except OSError:
            answer = b""
    return answer.split()[1] + b" " + answer.partition(b"\r\n\r\n")[2] if answer else b"1 "


def _answer(connection: socket.socket) -> bytes:
    """The head, and the body where its length is told: a stream has no end to wait for."""
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
        head, found, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: ([0-9]+)", head.lower())
        if found and (length is None or len(body) >= int(length[1])):
            break
    return answer


def routes_of(agent: Agent) -> set[tuple[str, str]]:
    """Every method and path of the agent's app."""
    app = control_app(agent)._app  # type: ignore[attr-defined]  # the guard's inside
    assert isinstance(app, Starlette)
    return {
        (method, route.path)  # type: ignore[attr-defined]
        for route in app.routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    }


async def test_no_route_without_a_row(agent: tuple[Agent, Home]) -> None:
    """A new call of the control socket must say here what it answers, and is bound as it is declared."""
    declared = {(call.method, call.path): call.role == "read" for call in CALLS}
    assert routes_of(agent[0]) == declared.keys()
    assert {(row.method, row.path): row.reads for row in TABLE} == declared
    assert all(reads == (method == "GET") for (method, _), reads in declared.items())


@pytest.mark.parametrize(
    "bound", [CALLS[1:], (*CALLS, CALLS[0]), (*CALLS[1:], Call("GET", "/v1/x", bytes, "x"))]
)
def test_a_call_that_is_not_bound_as_declared_ends_the_start(bound: tuple[Call[Any], ...]) -> None:
    """Whoever declares a call and forgets to implement it, or the other way round, is told which."""

    async def does(_request: object) -> Any:
        raise NotImplementedError

    with pytest.raises(RuntimeError, match="Declared and not bound"):
        all_of([bind(call, does) for call in bound], CALLS)


@pytest.mark.parametrize("role", ["root", "tm-admin", "tm-view", ""], ids=lambda role: role or "nobody")
async def test_each_call_by_each_role(
    agent: tuple[Agent, Home], users: dict[str, Identity], role: str
) -> None:
    """Writers get what the call gives, readers 403 for all but GET, others not even a connection."""
    answers = await asyncio.to_thread(asked, agent[1].control_socket, users[role], *TABLE)
    writes, found, wanted = role in {"root", "tm-admin"}, {}, {}
    for row, (status, body) in zip(TABLE, answers, strict=True):
        name = f"{row.method} {row.target}"
        found[name] = status
        wanted[name] = row.status if writes or (role and row.reads) else 403 if role else 0
        if status == 403:
            assert json.loads(body)["code"] == "read-only"
    assert found == wanted


async def test_others_are_dropped_even_where_the_file_lets_them(
    agent: tuple[Agent, Home], users: dict[str, Identity]
) -> None:
    """A socket whose mode somebody loosened still answers nobody without a role."""
    agent[1].run.chmod(0o755)
    agent[1].control_socket.chmod(0o666)
    answers = await asyncio.to_thread(asked, agent[1].control_socket, users[""], *TABLE)
    assert answers == [(1, b"")] * len(TABLE)


async def test_the_groups_are_the_systems_own(users: dict[str, Identity]) -> None:
    """The users of this test are in the groups by the system's files, as on an appliance."""
    for role in ("tm-admin", "tm-view"):
        assert grp.getgrnam(role).gr_gid in users[role][1]


async def test_a_draft_is_its_users_alone(agent: tuple[Agent, Home], users: dict[str, Identity]) -> None:
    """What one admin had typed is not offered to another."""
    path = agent[1].control_socket
    keep = Row(
        "PUT", "", "/v1/draft", 200, reads=False, body='{"revision": 0, "typed": {"tmsp.email": "a@b.cc"}}'
    )
    show = Row("GET", "", "/v1/draft", 200, reads=True)
    assert (await asyncio.to_thread(asked, path, users["tm-admin"], keep))[0][0] == 200
    assert (await asyncio.to_thread(asked, path, users["root"], show))[0][0] == 404
    [(status, body)] = await asyncio.to_thread(asked, path, users["tm-admin"], show)
    assert (status, json.loads(body)["typed"]) == (200, {"tmsp.email": "a@b.cc"})
