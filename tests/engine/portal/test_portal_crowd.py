"""Clients who take and do not give: products keep their room, and every request has its limits."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import httpx
import pytest
from portals import OpenPortal, RunningPortal, batch, beat, opened_portal, running
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from tm_tui.harden import raise_descriptors
from tm_tui.portal.authority import certificate_files, ensure_certificate, names_for
from tm_tui.portal.home import PortalHome
from tm_tui.portal.listeners import listener
from tm_tui.portal.refusals import Refused
from tm_tui.portal.rooms import Guest, Room, Rooms
from tm_tui.portal.web import Served, WebLimits, https_servers, tls_context
from tm_tui.serving.limits import Patience, Share

pytestmark = pytest.mark.one_store("connections end before a store is asked")

PAGE = b"GET /portal/logon HTTP/1.1\r\nHost: x\r\n\r\n"
HALF = b"POST /v1/heartbeat HTTP/1.1\r\nHost: x\r\nAuthori"
CUT = asyncio.Event()
"""Set when the endless answer has come to its end."""
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def trusting(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


async def connected(port: int, context: ssl.SSLContext) -> Stream:
    return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="127.0.0.1")


async def asks_once_then_half(port: int, context: ssl.SSLContext, kept: list[Stream]) -> None:
    """One of the row's clients. It may have been crowded out already: it does not mind."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        reader, writer = await connected(port, context)
        kept.append((reader, writer))
        writer.write(PAGE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HALF)
        await writer.drain()


async def crowd(number: int, one: Callable[[], Awaitable[None]]) -> None:
    """So many, fifty at once."""
    turns = asyncio.Semaphore(50)

    async def in_turn() -> None:
        async with turns:
            await one()

    await asyncio.gather(*(in_turn() for _ in range(number)))


async def beat_of_a_newcomer(portal: OpenPortal) -> int:
    async with portal.status_server() as client:
        return (await client.post("/v1/heartbeat", json=beat())).status_code


async def test_a_thousand_half_requests_cost_products_nothing(tmp_path: Path) -> None:
    """1,010 clients ask once for a page, then send half a request and wait: beats and batches go on."""
    raise_descriptors()
    with running(tmp_path / "home") as portal:
        await portal.register()
        context, kept = trusting(portal.ready["ca_file"]), list[Stream]()
        async with portal.status_server() as before:
            assert (await before.post("/v1/heartbeat", json=beat())).status_code == 200
            for port in (portal.ready["status_server"]["port"], portal.ready["log_server"]["https_port"]):
                await crowd(1010, lambda port=port: asks_once_then_half(port, context, kept))
            assert (await before.post("/v1/heartbeat", json=beat())).status_code == 200
        for _ in range(5):
            assert await beat_of_a_newcomer(portal) == 200
        name, packed = batch()
        async with portal.log_server() as client:
            assert (await client.put(f"/logs/tm-lab-1/{name}", content=packed)).status_code == 201
        async with portal.operators() as client:
            assert (await client.get("/v1/products")).status_code == 200
        assert not any(line["event"] == "library" for line in portal.logged())
        for _, writer in kept:
            writer.transport.abort()


async def test_half_handshakes_over_ssh_keep_nobody_out(portal: RunningPortal) -> None:
    """Callers who connect and never log on make room for an appliance, which stays in the middle of it."""
    await portal.register()
    port, silent = portal.ready["log_server"]["ssh_port"], list[Stream]()
    async with portal.sftp() as before:
        await before.makedirs("logs/tm-lab-1", exist_ok=True)
        silent += [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
        name, packed = batch(first=70)
        async with portal.sftp() as newcomer, newcomer.open(f"logs/tm-lab-1/{name}.part", "wb") as file:
            await file.write(packed)
        await before.posix_rename(f"logs/tm-lab-1/{name}.part", f"logs/tm-lab-1/{name}")
    for _, writer in silent:
        writer.transport.abort()


async def test_sftp_sessions_of_one_connection_are_bounded(portal: RunningPortal) -> None:
    """An account that opens session after session on a connection loses it; the next one is welcome."""
    async with portal.ssh() as connection:
        for _ in range(8):
            await (await connection.start_sftp_client()).listdir(".")
        with pytest.raises((OSError, asyncssh.Error)):
            await (await connection.start_sftp_client()).listdir(".")
        await asyncio.wait_for(connection.wait_closed(), 60)
    async with portal.sftp() as client:
        assert "logs" in await client.listdir(".")


async def test_a_flood_of_wrong_passwords_is_refused_in_part(portal: RunningPortal) -> None:
    """Those whose check would come late get 503 with Retry-After; a product that is known does not wait."""
    await portal.register()
    assert await beat_of_a_newcomer(portal) == 200
    async with portal.status_server(auth=("registering-user", "wrong")) as strangers:
        replies = asyncio.gather(*(strangers.get("/v1/cases") for _ in range(100)))
        assert await beat_of_a_newcomer(portal) == 200
        found = await replies
    assert {reply.status_code for reply in found} == {401, 503}
    for reply in found:
        if reply.status_code == 503:
            assert reply.json()["error"]["code"] == "busy"
            assert int(reply.headers["retry-after"]) > 0


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads a body to its end, or answers with much."""
    request = Request(scope, receive)
    if request.url.path == "/endless":

        async def pieces() -> AsyncIterator[bytes]:
            try:
                for _ in range(4000):  # far more than buffers on the way hold
                    yield b"x" * 65536
            finally:
                CUT.set()

        await StreamingResponse(pieces())(scope, receive, send)
        return
    await PlainTextResponse(str(len(await request.body())))(scope, receive, send)


@contextlib.asynccontextmanager
async def hasty_server(folder: Path) -> AsyncIterator[tuple[int, ssl.SSLContext]]:
    """An HTTPS server of the portal's kind whose limits are short."""
    home = PortalHome(folder)
    home.prepare()
    ensure_certificate(home, names_for("127.0.0.1", ()), datetime.now(UTC))
    limits = WebLimits(handshake=0.3, patience=Patience(0.3, 0.3, 0.3, idle=0.3, body_bytes=1024), look=0.05)
    with contextlib.closing(listener("127.0.0.1", 0)) as listening:
        context = tls_context()
        context.load_cert_chain(*certificate_files(home))
        async with https_servers([Served(app, listening)], context, limits):
            yield listening.getsockname()[1], trusting(str(home.ca_file))


async def slowly(stream: Stream, piece: bytes) -> None:
    """Send it again and again, until the server has had enough."""
    reader, writer = stream
    gone = asyncio.create_task(reader.read())
    while not gone.done():
        with contextlib.suppress(OSError):
            writer.write(piece)
            await writer.drain()
        await asyncio.wait({gone}, timeout=0.02)
    with contextlib.suppress(OSError):
        await gone


START = b"POST / HTTP/1.1\r\nHost: x\r\n"
WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"GET / HT", b"", id="half a line"),
        pytest.param(b"GET /", b"x", id="a line, byte by byte"),
        pytest.param(START, b"a: b\r\n", id="header after header"),
        pytest.param(START + b"a: ", b"b", id="one header without end"),
        pytest.param(START + b"Content-Length: 100000\r\n\r\n", b"", id="no body"),
        pytest.param(START + b"Content-Length: 100000\r\n\r\n", b"x", id="a body, byte by byte"),
        pytest.param(START + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="chunks of a byte"),
        pytest.param(
            START + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 20, id="a chunk's extension"
        ),
        pytest.param(WHOLE, b"", id="idle after an answer"),
        pytest.param(WHOLE + WHOLE[:9], b"", id="half of the second request"),
        pytest.param(WHOLE + WHOLE[:5], b"x", id="the second request, byte by byte"),
    ],
)
async def test_every_part_of_every_request_has_its_limit(tmp_path: Path, begin: bytes, piece: bytes) -> None:
    """Whatever a client is slow with, its connection ends, and another client does not notice it."""
    async with asyncio.timeout(30), hasty_server(tmp_path / "home") as (port, context):
        stream = await connected(port, context)
        stream[1].write(begin)
        slow = asyncio.create_task(slowly(stream, piece))
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            while not slow.done():
                reply = await client.post(f"https://127.0.0.1:{port}/", content=b"abc")
                assert (reply.status_code, reply.text) == (200, "3")
        await slow
        stream[1].transport.abort()


async def test_who_does_not_read_is_cut(tmp_path: Path) -> None:
    """An answer that nobody takes does not wait for ever."""
    async with asyncio.timeout(30), hasty_server(tmp_path / "home") as (port, context):
        CUT.clear()
        _, writer = await connected(port, context)
        writer.transport.pause_reading()
        writer.write(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        await CUT.wait()
        writer.transport.abort()


async def test_who_says_nothing_before_tls_is_cut(tmp_path: Path) -> None:
    """A connection without a handshake ends by itself."""
    async with asyncio.timeout(30), hasty_server(tmp_path / "home") as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()


async def test_more_products_than_connections_are_all_answered(tmp_path: Path) -> None:
    """Each newcomer's beat is taken for the connection that idled longest; the pages keep their places."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "portal.toml").write_text("[limits]\nunknown = 4\nappliances = 8\noperators = 4\n")
    async with contextlib.AsyncExitStack() as stack, opened_portal(home) as portal:
        await portal.register()
        kept = [await stack.enter_async_context(portal.status_server()) for _ in range(20)]
        for client in kept:
            assert (await client.post("/v1/heartbeat", json=beat())).status_code == 200
        async with portal.status_server(auth=None) as browser:
            assert (await browser.get("/portal/logon")).status_code == 200
        async with portal.operators() as client:
            assert (await client.get("/v1/products")).status_code == 200
        port = portal.ready["status_server"]["port"]
        assert len(connections(port)) <= 16
        for client in (kept[0], kept[-1]):  # one whose connection made room, and one that has it still
            assert (await client.post("/v1/heartbeat", json=beat())).status_code == 200


def connections(port: int) -> list[str]:
    """The established connections that a server has at a port (proc(5))."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row[2] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]


SHARES: dict[Room, Share] = {"unknown": Share(6, 8), "appliance": Share(3, 4), "operator": Share(2, 2)}


def guest(address: str, ended: list[Guest], *, waiting: bool = True) -> Guest:
    made = Guest(address, waiting=lambda: waiting)
    made.end = lambda: ended.append(made)
    return made


def test_strangers_make_room_for_strangers_alone() -> None:
    """A newcomer is let in for the longest there of the address that has most; who is known stays."""
    rooms, ended = Rooms(SHARES), list[Guest]()
    known = guest("192.0.2.1", ended)
    rooms.enter(known)
    assert rooms.become(known, "appliance", "account")
    quiet = guest("192.0.2.2", ended)
    rooms.enter(quiet)
    flood = [guest("192.0.2.3", ended) for _ in range(50)]
    for one in flood:
        rooms.enter(one)
    assert ended == flood[:44]
    assert len(rooms) == 8
    newest = [guest(f"198.51.100.{number}", ended) for number in range(4)]
    for one in newest:
        rooms.enter(one)
    assert {known, quiet, *newest}.isdisjoint(ended)


def test_who_is_being_let_in_makes_no_room_for_some_seconds() -> None:
    """A fleet that comes back at once waits for each other, and is served; slow ones go after their time."""
    rooms, ended = Rooms(SHARES, grace=1000.0), list[Guest]()
    fleet = [guest(f"192.0.2.{number}", ended, waiting=False) for number in range(8)]
    assert [rooms.enter(one) for one in fleet] == [True] * 8
    assert rooms.full
    late = guest("192.0.2.100", ended)
    assert not rooms.enter(late)
    assert ended == []
    fleet[3].since -= 1000.0
    assert not rooms.full
    assert rooms.enter(late)
    assert ended == [fleet[3]]
    fleet[5].waiting = lambda: True
    assert rooms.enter(guest("192.0.2.101", ended, waiting=False))
    assert ended == [fleet[3], fleet[5]]
    assert rooms.become(fleet[0], "appliance", "a")
    assert not rooms.full


def test_who_opens_very_many_keeps_nobody_out() -> None:
    """One address that begins handshake after handshake loses the first of them to somebody else."""
    rooms, ended = Rooms({"unknown": Share(15, 20)}, grace=1000.0), list[Guest]()
    flood = [guest("192.0.2.1", ended, waiting=False) for _ in range(30)]
    assert sum(rooms.enter(one) for one in flood) == 15
    others = [guest(f"198.51.100.{number}", ended, waiting=False) for number in range(8)]
    assert all(rooms.enter(one) for one in others)
    assert ended == flood[:3]


def test_known_ones_wait_for_who_is_at_work() -> None:
    """An idle connection makes room, one with a request under way does not: 503, with when to come again."""
    rooms, ended = Rooms(SHARES), list[Guest]()
    guests = [guest("192.0.2.1", ended, waiting=number == 1) for number in range(4)]
    for number, one in enumerate(guests):
        rooms.enter(one)
        assert rooms.become(one, "appliance", f"account-{number}")
    late = guest("192.0.2.1", ended)
    rooms.enter(late)
    rooms.admit(late, "appliance", "account-5")
    assert ended == [guests[1]]
    later = guest("192.0.2.1", ended)
    rooms.enter(later)
    late.waiting = lambda: False
    with pytest.raises(Refused) as refused:
        rooms.admit(later, "appliance", "account-6")
    assert (refused.value.status, refused.value.code) == (503, "busy")
    assert refused.value.headers.keys() == {"connection", "retry-after"}


def test_one_account_never_has_all_the_room() -> None:
    """An account whose clients hang leaves room for the others' appliances."""
    rooms, ended = Rooms(SHARES), list[Guest]()
    hanging = [guest("192.0.2.1", ended, waiting=False) for _ in range(5)]
    for one in hanging:
        rooms.enter(one)
    assert [rooms.become(one, "appliance", "a") for one in hanging] == [True, True, True, False, False]
    other = guest("192.0.2.1", ended)
    rooms.enter(other)
    assert rooms.become(other, "appliance", "b")


def test_an_ipv6_network_is_one_client() -> None:
    """Whoever has a /64 has no more than whoever has one address."""
    rooms, ended = Rooms(SHARES), list[Guest]()
    for number in range(10):
        rooms.enter(guest(f"2001:db8::{number + 1:x}", ended))
    rooms.enter(guest("192.0.2.9", ended))
    assert [one.address for one in ended] == [f"2001:db8::{number + 1:x}" for number in range(4)]
