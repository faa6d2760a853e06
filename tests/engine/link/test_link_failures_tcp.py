"""Names, routes and closed ports without a proxy, and what the operating system says of them."""

import asyncio
import errno
import os
import resource
import socket
import threading
from collections.abc import Iterator

import pytest
from ways import Ways, fails, open_handles, proxy

from servers import misbehaving as bad
from servers.limits import PATIENT, hasty
from servers.process import free_port, reserved_port
from tm_tui.link.dialer import dial
from tm_tui.link.failures import translate
from tm_tui.link.types import Endpoint, Limits


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that drops whoever calls: its queue of callers is full."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for caller in (first, second):
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def expect(
    ways: Ways, code: str, stage: str, host: str, port: int, *, limits: Limits = PATIENT
) -> None:
    """Dial, and see it fail."""
    with fails(code, stage) as caught:
        (await dial(Endpoint(host, port), None, ways.trust, limits=limits, observe=ways.observe)).close()
    assert host in caught.value.cause or code == "local-resources"


async def test_an_unknown_name(ways: Ways) -> None:
    """A misspelt name is told as a name, whatever the resolver of this machine can do."""
    await expect(ways, "name-unknown", "name", f"{'a' * 64}.example", 443)


@pytest.mark.parametrize(
    ("number", "direct", "by_proxy"),
    [
        (socket.EAI_NONAME, "name-unknown", "proxy-host-unknown"),
        (socket.EAI_AGAIN, "name-no-resolver", "proxy-no-resolver"),
    ],
)
async def test_what_the_resolver_says(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, number: int, direct: str, by_proxy: str
) -> None:
    """An unknown name and a dead name server are told apart (the machine's resolver is held)."""

    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "\x1b[2J")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    await expect(ways, direct, "name", "tmsp.example.com", 443)
    with fails(by_proxy, "proxy"):
        await dial(Endpoint("192.0.2.1", 443), proxy("http", 8080, host="proxy.example.com"), ways.trust)


async def test_a_name_server_that_says_nothing(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lookup that hangs ends within the limit, and holds up nobody's end."""
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(60) and [])
    try:
        await expect(ways, "name-timeout", "name", "tmsp.example.com", 443, limits=hasty("connect"))
    finally:
        over.set()


async def test_a_closed_port(ways: Ways) -> None:
    """A refused connection is told as such, with host and port."""
    with reserved_port() as port:
        await expect(ways, "tcp-refused", "tcp", "127.0.0.1", port)
    assert ways.passed() == ["name"]


async def test_a_black_hole(ways: Ways, black_hole: int) -> None:
    """A firewall that swallows everything ends within the limit."""
    await expect(ways, "tcp-timeout", "tcp", "127.0.0.1", black_hole, limits=hasty("connect", seconds=2.0))


async def test_no_route(ways: Ways) -> None:
    """A network that cannot be reached is told apart from a dead server."""
    await expect(ways, "tcp-unreachable", "tcp", "224.0.0.1", 443)


def test_a_local_firewall(ways: Ways) -> None:
    """The appliance's own firewall (EPERM, given here as errno) is not blamed on the server."""
    assert (
        translate(PermissionError(errno.EPERM, "no"), "tcp", Endpoint("192.0.2.1", 443)).code == "tcp-blocked"
    )


def test_an_odd_error() -> None:
    """What no rule knows still gives a cause and a remedy, without the library's words."""
    found = translate(OSError(errno.EPROTOTYPE, "\x1b[2J"), "tcp", Endpoint("192.0.2.1", 443))
    assert found.code == "link-failed"
    assert found.cause.isprintable()


async def test_no_more_open_files(ways: Ways) -> None:
    """An appliance that ran out of file handles says so, instead of blaming the network."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = Endpoint("127.0.0.1", free_port())
    next_handle = os.dup(0)
    os.close(next_handle)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_handle, hard))
    try:
        with fails("local-resources", "tcp"):
            await dial(target, None, ways.trust, limits=PATIENT)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_the_second_address_is_tried(
    ways: Ways, black_hole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name with a dead first address works by its second one, without waiting for the first (RFC 8305)."""
    async with bad.server(bad.say_nothing) as told:

        def two(*_: object, **__: object) -> list[object]:
            return [
                (
                    socket.AF_INET,
                    socket.SOCK_STREAM,
                    6,
                    "",
                    ("127.0.0.1", black_hole),
                ),
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", told.port)),
            ]

        monkeypatch.setattr(socket, "getaddrinfo", two)
        sock = await dial(Endpoint("tmsp.example.com", 443), None, ways.trust, limits=PATIENT)
        assert sock.getpeername()[1] == told.port
        assert not sock.getblocking()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        sock.close()


async def test_a_cancelled_dial_leaves_no_socket(ways: Ways, black_hole: int) -> None:
    """An admin who gives up while a connection is being made leaves nothing open."""
    before = open_handles()
    trying = asyncio.Event()

    def observe(stage: str, outcome: str, _: str) -> None:
        if (stage, outcome) == ("tcp", "started"):
            asyncio.get_running_loop().call_soon(trying.set)

    task = asyncio.create_task(
        dial(
            Endpoint("127.0.0.1", black_hole),
            None,
            ways.trust,
            observe=observe,
        )
    )
    await trying.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert open_handles() == before
