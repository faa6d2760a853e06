"""The limits of the control socket: how long things may take, what may be asked, who counts as whom."""

import asyncio
import errno
import logging
import os
import resource
import select
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.applications import Starlette

from agents import CANARY, LIMIT, agent_in, settings_for, short_home
from servers.misbehaving import say_nothing, server
from tm_tui.agent.agent import Agent
from tm_tui.agent.folders import prepare_folders
from tm_tui.agent.server import accepting, control_server
from tm_tui.agent.server.accepting import Accepting, Slots
from tm_tui.agent.server.control_server import ControlServer, control_app
from tm_tui.agent.server.control_socket import bind_control_socket, unbind
from tm_tui.agent.server.costly import Rule, Turns
from tm_tui.agent.server.rate import Rate
from tm_tui.agent.server.routes import diagnostics
from tm_tui.agent.sessions import Sessions
from tm_tui.api.agent import ProbeReport, SessionInfo
from tm_tui.api.client import ControlClient, ControlRefused
from tm_tui.api.orders import CALLS
from tm_tui.api.requests import ProbeRequest, SecretChanges
from tm_tui.clock import SystemClock
from tm_tui.paths import Home
from tm_tui.serving import listening, peers
from tm_tui.serving.limits import Limits, Patience, Share
from tm_tui.serving.listening import Seldom
from tm_tui.serving.refusals import Refused

PASSWORD = SecretChanges(tmsp=SecretStr(CANARY))
SHORT = Limits(
    patience=MappingProxyType({role: Patience(1.0, 1.0, 1.0) for role in ("read", "write")}),
    look_seconds=0.05,
)
AS_READER = Limits(patience=MappingProxyType({role: Patience(5.0, None, 5.0) for role in ("read", "write")}))
"""What holds for those who may only look, for the user of these tests."""


@asynccontextmanager
async def serving(home: Home, limits: Limits) -> AsyncIterator[tuple[Agent, ControlServer]]:
    """An agent whose socket has these limits."""
    prepare_folders(home)
    agent = await Agent.open(home)
    made = ControlServer(control_app(agent), limits)
    await made.begin(bind_control_socket(home.control_socket))
    try:
        yield agent, made
    finally:
        await asyncio.gather(agent.stop(), made.end())
        await agent.close()
        unbind(home.control_socket)


@asynccontextmanager
async def connected(home: Home) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection."""
    reader, writer = await asyncio.open_unix_connection(str(home.control_socket))
    try:
        async with asyncio.timeout(LIMIT):
            yield reader, writer
    finally:
        writer.close()


# --- time


async def test_who_says_nothing_is_let_go(home: Home) -> None:
    """A connection without a request does not stay."""
    async with serving(home, SHORT), connected(home) as (reader, _):
        assert await reader.read() == b""


async def test_half_a_request_is_given_up(home: Home) -> None:
    """Whoever begins a request and does not end it is told so, and loses the connection."""
    async with serving(home, SHORT), connected(home) as (reader, writer):
        writer.write(b"GET /v1/status HTTP/1.1\r\nHo")
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b'"too-slow"' in answer


@pytest.mark.parametrize("start", [b"GET /v1/status HTTP/1.1\r\nHost: ", b""])
async def test_slow_bytes_do_not_buy_time(home: Home, start: bytes) -> None:
    """One byte now and one then keeps a connection no longer than none: the whole request has its limit."""
    loop = asyncio.get_running_loop()
    async with serving(home, SHORT), asyncio.timeout(LIMIT):
        with socket.socket(socket.AF_UNIX) as slow:
            slow.connect(str(home.control_socket))
            slow.setblocking(False)
            slow.sendall(start)
            answer = asyncio.ensure_future(loop.sock_recv(slow, 65536))
            while not answer.done():
                with suppress(BrokenPipeError):
                    slow.send(b"a")
                await asyncio.wait({answer}, timeout=0.02)
            assert b'"too-slow"' in await answer


async def test_a_body_that_stops_is_given_up(home: Home) -> None:
    """A save whose values never come does not hold its connection."""
    async with serving(home, SHORT) as (_, made), connected(home) as (reader, writer):
        writer.write(b"PUT /v1/settings HTTP/1.1\r\nHost: a\r\nIf-Match: 0\r\nContent-Length: 100\r\n\r\n{")
        assert await reader.read() == b""
        assert not made.server_state.connections


@pytest.mark.parametrize("request_line", [b"GET /v1/status", b"POST /v1/anything"])
async def test_a_body_that_nobody_wants_is_not_listened_to(home: Home, request_line: bytes) -> None:
    """Who may only look and sends a body without end is answered and closed, not read for ever."""
    loop = asyncio.get_running_loop()
    async with serving(home, AS_READER), asyncio.timeout(LIMIT):
        with socket.socket(socket.AF_UNIX) as flood:
            flood.connect(str(home.control_socket))
            flood.setblocking(False)
            flood.sendall(request_line + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\n")
            with suppress(BrokenPipeError, ConnectionResetError):
                while True:
                    await loop.sock_sendall(flood, b"x" * 65536)
            assert (await loop.sock_recv(flood, 65536)).startswith(b"HTTP/1.1 ")


async def test_a_kept_connection_has_its_limit_too(home: Home) -> None:
    """Not the first request alone: half of a second one is given up as well."""
    async with serving(home, SHORT), connected(home) as (reader, writer):
        writer.write(b"GET /v1/session HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"200" in await reader.readuntil(b"}")
        writer.write(b"GET /v1/session HT")
        assert b'"too-slow"' in await reader.read()


@pytest.mark.parametrize("path", ["/v1/status/stream", "/v1/activity/stream", "/v1/activity"])
async def test_an_answer_that_nobody_reads_ends(home: Home, path: str) -> None:
    """A stream whose reader sleeps is ended, and what waits for it stays small."""
    async with serving(home, SHORT) as (agent, made):
        for number in range(500):
            logging.getLogger("tm_tui.test").info("line %d %s", number, "x" * 500)
        with socket.socket(socket.AF_UNIX) as sleeper:
            sleeper.connect(str(home.control_socket))
            sleeper.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            gone = asyncio.ensure_future(asyncio.to_thread(_hung_up, sleeper))
            most = 0
            while not gone.done():
                agent.changed.announce()
                held = [one.transport.get_write_buffer_size() for one in made.server_state.connections]
                most = max([most, *held])
                await asyncio.wait({gone}, timeout=0.01)
            assert await gone
        assert most < 1 << 20


def _hung_up(sock: socket.socket) -> bool:
    """Wait until the other end is gone, and read nothing."""
    watched = select.poll()
    watched.register(sock, select.POLLRDHUP)
    return bool(watched.poll(LIMIT * 1000))


async def test_a_reader_keeps_its_stream(home: Home) -> None:
    """A console that reads is not ended, though the limits pass many times over."""
    async with serving(home, SHORT) as (agent, _), ControlClient(home.control_socket) as client:
        seen = 0
        until = asyncio.get_running_loop().time() + 3.0
        async for _ in client.status_stream():
            seen += 1
            asyncio.get_running_loop().call_later(0.02, agent.changed.announce)
            if asyncio.get_running_loop().time() > until:
                break
        assert seen > 10


async def test_a_full_queue_of_the_socket_is_waited_for(tmp_path: Path) -> None:
    """A command that meets a queue of others waits its turn, and is not told that the agent has ended."""
    with short_home() as home:
        prepare_folders(home)
        listener = bind_control_socket(home.control_socket)
        listener.listen(0)
        others = []
        while not others or not others[-1].connect_ex(str(home.control_socket)):
            others.append(socket.socket(socket.AF_UNIX))
            others[-1].setblocking(False)
        async with ControlClient(home.control_socket) as client:
            asked = asyncio.ensure_future(client.session())
            await asyncio.wait({asked}, timeout=0.05)
            assert not asked.done()
            agent = await Agent.open(home)
            made = ControlServer(control_app(agent))
            await made.begin(listener)
            assert (await asyncio.wait_for(asked, LIMIT)).role == "write"
            await asyncio.gather(agent.stop(), made.end())
            await agent.close()
        for other in others:
            other.close()


# --- roles


def test_no_descriptor_left_is_not_no_role() -> None:
    """While nothing can be opened, nobody is taken for a user without a role."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    handle = os.dup(0)
    os.close(handle)
    resource.setrlimit(resource.RLIMIT_NOFILE, (handle, hard))
    try:
        with pytest.raises(OSError) as caught:  # noqa: PT011  its number is what counts
            peers.group_id("tm-surely-absent")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.errno == errno.EMFILE
    assert peers.group_id("tm-surely-absent") is None
    assert peers.group_id("root") == 0


def failing(_peer: peers.Peer) -> peers.Role | None:
    raise OSError(errno.EIO, "the directory does not answer")


async def test_a_role_that_cannot_be_looked_up_is_asked_for_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the users' database does not answer, a good user is told to try again, and then let in."""
    async with agent_in(home), ControlClient(home.control_socket) as client:
        for place in (accepting, control_server):
            with monkeypatch.context() as broken:
                broken.setattr(place, "role_of", failing)
                with pytest.raises(ControlRefused) as caught:
                    await client.session()
            assert (caught.value.status, caught.value.refusal.code) == (503, "role-unknown")
            assert caught.value.refusal.remedy
            assert (await client.session()).role == "write"


# --- accepting


class Failing(socket.socket):
    """A listener for which there is no descriptor."""

    attempts = 0

    def accept(self) -> tuple[socket.socket, object]:
        """Fail."""
        self.attempts += 1
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


async def test_an_accept_that_fails_costs_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a descriptor the agent says so once, and tries again now and then, not all the time."""
    monkeypatch.setattr(listening, "_BACK_OFF", 0.001)
    with Failing(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(str(tmp_path / "s"))
        listener.listen(8)
        client.connect(str(tmp_path / "s"))
        rate = Rate(1, 1, 1)
        taking = Accepting(listener, Slots(Limits().shares), rate, 1.0, lambda _: asyncio.Protocol())
        async with asyncio.timeout(LIMIT):
            while listener.attempts < 20:  # noqa: ASYNC110  a listener announces nothing
                await asyncio.sleep(0)
        taking.close()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Too many open files" in caplog.text


async def test_refusals_are_told_once_a_user(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """Hundreds of refused connections are a line, not hundreds."""
    few = Limits(shares=MappingProxyType({"read": Share(1, 1), "write": Share(1, 1)}))
    async with serving(home, few), connected(home) as (_, writer):
        writer.write(b"GET /v1/status/stream HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(100):
            async with connected(home) as (reader, _):
                assert (await reader.read()).startswith(b"HTTP/1.1 503")
    assert caplog.text.count("it has too many") == 1


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["read", "write"]), st.booleans()), max_size=300)
)
def test_slots_never_exceed_their_shares(steps: list[tuple[int, peers.Role, bool]]) -> None:
    """Whoever comes and goes, no user and no role has more than its share, and none is lost."""
    shares = {"read": Share(2, 5), "write": Share(3, 7)}
    slots, held = Slots(shares), []  # type: ignore[arg-type]  # literals
    for uid, role, come in steps:
        if come or not held:
            mine = sum((uid, role) == (one, theirs) for one, theirs, _ in held)
            ours = sum(role == theirs for _, theirs, _ in held)
            give_back = slots.take(uid, role)
            assert (give_back is None) == (mine >= shares[role].a_user or ours >= shares[role].in_all)
            if give_back is not None:
                held.append((uid, role, give_back))
        else:
            _, _, give_back = held.pop(uid % len(held))
            give_back()
            give_back()


@given(st.integers(-1, 5000))
def test_connections_leave_descriptors_for_the_agent(descriptors: int) -> None:
    """Whatever the system permits, at least three of four descriptors are not for connections."""
    shares = Limits().within(descriptors).shares.values()
    if descriptors >= 8:
        assert sum(share.in_all for share in shares) <= descriptors / 4
    assert all(share.a_user >= 1 for share in shares)


# --- costs

CHEAP = {
    "/v1/session",
    "/v1/status",
    "/v1/status/stream",
    "/v1/settings",
    "/v1/draft",
    "/v1/spool/send/{number:number}",
    "/v1/patterns/deployments/{number:number}",
    "/v1/cases/{number:number}",
    "/v1/reports",
    "/v1/activity",
    "/v1/activity/stream",
}
"""Told from memory."""


async def test_each_call_says_what_it_costs(agent: Agent) -> None:
    """A new call that reads must say whether it is cheap: else a viewer could stop the agent by it."""
    app = control_app(agent)._app  # type: ignore[attr-defined]  # the guard's inside
    assert isinstance(app, Starlette)
    reading = {route.path for route in app.routes if "GET" in route.methods}  # type: ignore[attr-defined]
    costly = {call.path for call in CALLS if call.method == "GET" and call.costs}
    assert reading == CHEAP | costly
    assert not CHEAP & costly


async def test_one_bundle_at_a_time_for_a_user(
    agent: Agent, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often somebody asks for the bundle at once, one is made, a few wait, the others are told so."""
    under_way, most, begun = 0, 0, asyncio.Event()
    go_on = asyncio.Event()

    async def slow(_core: object) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        begun.set()
        await go_on.wait()
        under_way -= 1
        return b"bundle"

    monkeypatch.setattr(diagnostics, "bundle", slow)

    async def ask() -> str:
        async with ControlClient(home.control_socket) as client:
            try:
                pieces = [piece async for piece in client.diagnostics()]
            except ControlRefused as refused:
                return refused.refusal.code
        return b"".join(pieces).decode()

    asked = [asyncio.ensure_future(ask()) for _ in range(20)]
    async with asyncio.timeout(LIMIT):
        await begun.wait()
        done: set[asyncio.Future[str]] = set()
        while len(done) < 15:
            done = (await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED, timeout=0.05))[0]
        go_on.set()
        assert Counter(await asyncio.gather(*asked)) == {"bundle": 5, "busy": 15}
    assert most == 1


async def test_an_export_that_is_given_up_frees_its_turn(agent: Agent, home: Home) -> None:
    """Whoever leaves in the middle of an export may begin another."""
    for _ in range(5):
        async with ControlClient(home.control_socket) as client:
            async for _piece in client.export_spool("csv"):
                break
    async with ControlClient(home.control_socket) as client:
        assert [piece async for piece in client.export_spool("csv")]


async def test_of_twenty_tests_in_one_moment_four_run(client: ControlClient, home: Home) -> None:
    """Connection tests count from the moment they are admitted, not when their first step is taken."""
    async with server(say_nothing) as hole, asyncio.timeout(LIMIT):
        values = settings_for(hole.port)
        values["tmsp"]["log_server"]["port"] = hole.port
        request = ProbeRequest(settings=values, secrets=PASSWORD)
        probes = [client.probe(request) for _ in range(20)]
        firsts = await asyncio.gather(*(anext(probe) for probe in probes), return_exceptions=True)
        codes = Counter(
            first.refusal.code if isinstance(first, ControlRefused) else type(first).__name__
            for first in firsts
        )
        assert codes == {"StepEvent": 4, "too-many-probes": 16}
        for probe in probes:
            await probe.aclose()
        await hole.all_gone.wait()
    request = ProbeRequest(settings=settings_for(1), secrets=PASSWORD)
    again = [step async for step in client.probe(request)]
    assert isinstance(again[-1], ProbeReport)


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
async def test_turns_in_any_order_keep_their_rule(chance: object) -> None:
    """Users come, leave in the middle and time out in any order: never two of one user, never too many."""
    import random

    assert isinstance(chance, random.Random)
    rule = Rule(
        in_all={"read": 1, "write": 2},
        waiting=2,
        rest={"read": 0.0, "write": 0.0},
        patience=chance.choice([0.0, 5.0]),
    )
    turns, now = Turns(rule), Counter[tuple[int, str]]()

    async def one(uid: int, role: peers.Role) -> None:
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)
        try:
            end = await turns.take(uid, role)
        except Refused:
            return
        now[uid, role] += 1
        try:
            assert now[uid, role] == 1
            assert sum(count for (_, theirs), count in now.items() if theirs == role) <= rule.in_all[role]
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
        finally:
            now[uid, role] -= 1
            end()

    tasks = [
        asyncio.ensure_future(one(chance.randrange(3), chance.choice(["read", "write"]))) for _ in range(12)
    ]
    for task in tasks:
        await asyncio.sleep(0)
        if chance.random() < 0.3:
            task.cancel()
    async with asyncio.timeout(LIMIT):
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [end for end in ends if end is not None and not isinstance(end, asyncio.CancelledError)] == []
    for role in ("read", "write"):
        (await turns.take(9, role))()  # nothing is left over


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), max_size=200))
def test_a_user_never_does_more_than_its_rate(steps: list[tuple[int, float]]) -> None:
    """In no stretch of time does a user get more turns than burst and rate give."""
    time = 0.0
    rate = Rate(10, 20, 5, time=lambda: time)
    turns: dict[int, list[float]] = {}
    for uid, pause in steps:
        time += pause / 10
        turns.setdefault(uid, []).append(time + rate.charge(uid))
    everybody = sorted(turn for ours in turns.values() for turn in ours)
    for ours, most in [*((sorted(one), 10) for one in turns.values()), (everybody, 20)]:
        for first in range(len(ours)):
            for last in range(first, len(ours)):
                assert last - first + 1 <= 5 + (ours[last] - ours[first]) * most + 1e-6


def test_lines_come_seldom_and_few_are_remembered() -> None:
    """A line that anybody can cause is written again after its time, whoever else causes other ones."""
    time = 0.0
    seldom = Seldom(60, time=lambda: time)
    assert [seldom("a") for _ in range(5)] == [True, False, False, False, False]
    time = 61.0
    assert seldom("a")
    assert [seldom(number) for number in range(10_000)].count(True) == 10_000
    assert len(seldom._until) <= 256


# --- sessions


def test_an_id_counts_only_together_with_its_user() -> None:
    """A viewer with an admin's session id neither hides the admin's console nor speaks for it."""
    sessions = Sessions(SystemClock(), lambda: None)
    admin, viewer = SessionInfo(user="admin", role="write"), SessionInfo(user="viewer", role="read")
    with sessions.following("same", admin, 1):
        assert sessions.edits("same", 1, ("TMSP",))
        with sessions.following("same", viewer, 2):
            assert [(one.user, one.editing) for one in sessions.entries()] == [
                ("admin", ("TMSP",)),
                ("viewer", ()),
            ]
            assert sessions.edits("same", 2, ("Proxy",))
            assert [one.editing for one in sessions.entries()] == [("TMSP",), ("Proxy",)]
        assert [one.user for one in sessions.entries()] == ["admin"]
        assert not sessions.edits("same", 2, ())


def test_consoles_of_one_user_are_bounded() -> None:
    """One user's hundreds of consoles make nobody's status longer than twenty do."""
    sessions = Sessions(SystemClock(), lambda: None)
    viewer, admin = SessionInfo(user="viewer", role="read"), SessionInfo(user="admin", role="write")
    open_ones = [sessions.following(f"id-{number}", viewer, 2) for number in range(100)]
    for one in open_ones:
        one.__enter__()
    with sessions.following("mine", admin, 1):
        assert Counter(one.user for one in sessions.entries()) == {"viewer": 20, "admin": 1}
    for one in open_ones:
        one.__exit__(None, None, None)
    assert sessions.entries() == ()


async def test_a_session_id_is_shown_safely(client: ControlClient, home: Home) -> None:
    """What a console calls itself reaches no terminal as a control."""
    async with connected(home) as (reader, writer):
        writer.write(b"GET /v1/status/stream HTTP/1.1\r\nHost: a\r\nTm-Tui-Session: a\x9b31mb\r\n\r\n")
        await reader.readuntil(b"event: status")
        (entry,) = (await client.status()).sessions
        assert "\x9b" not in entry.id


async def test_whoever_hangs_up_in_a_request_is_no_failure(
    agent: Agent, home: Home, client: ControlClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that leaves in the middle of a save writes nothing into the agent's log."""
    for said in (
        b"PUT /v1/settings HTTP/1.1\r\nHost: a\r\nIf-Match: 0\r\nContent-Length: 100\r\n\r\n{",
        b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{",
    ):
        async with connected(home) as (_, writer):
            writer.write(said)
            await writer.drain()
    await client.session()
    assert "Exception" not in caplog.text
