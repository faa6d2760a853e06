"""SOCKS4 and names: the proxy is asked first, and our own name servers only where it takes no names."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from ways import Ways, fails, proxy

from servers import misbehaving as bad
from servers.limits import PATIENT, hasty
from servers.proxies import Dante
from servers.web import Web
from tm_tui.link.dialer import dial
from tm_tui.link.types import Endpoint

TARGET = Endpoint("tmsp.example.com", 443)
GRANTED, REJECTED = b"\0\x5a" + bytes(6), b"\0\x5b" + bytes(6)


def answering(granted: Callable[[bytes], bool], asked: list[bytes]) -> bad.Behaviour:
    """A SOCKS4 proxy that keeps what it is asked, and grants what it likes."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readexactly(8) + await reader.readuntil(b"\0")
        if request[4:7] == bytes(3):
            request += await reader.readuntil(b"\0")
        asked.append(request)
        writer.write(GRANTED if granted(request) else REJECTED)
        await bad.say_nothing(reader, writer)

    return behave


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """No name server answers here; the names that were asked for."""
    names: list[str] = []
    over = threading.Event()
    real = socket.getaddrinfo

    def silent(host: str, *rest: object, **more: object) -> object:
        if host == "127.0.0.1":
            return real(host, *rest, **more)  # type: ignore[arg-type]
        names.append(host)
        over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "no")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    yield names
    over.set()


async def test_the_proxy_looks_the_name_up(ways: Ways, looked_up: list[str]) -> None:
    """A proxy that takes names (4a) is used at once, whether or not a name server answers here."""
    asked: list[bytes] = []
    async with bad.server(answering(lambda _: True, asked)) as told:
        (await dial(TARGET, proxy("socks4", told.port), ways.trust, limits=PATIENT)).close()
    assert asked == [b"\4\1\x01\xbb\0\0\0\xff\0tmsp.example.com\0"]
    assert looked_up == []


async def test_no_name_server_answers(ways: Ways, looked_up: list[str]) -> None:
    """Where the proxy takes no names and nobody answers here either, it is the name servers that are told."""
    asked: list[bytes] = []
    async with bad.server(answering(lambda _: False, asked)) as told:
        with fails("proxy-socks4-no-resolver", "proxy"):
            await dial(TARGET, proxy("socks4", told.port), ways.trust, limits=hasty("connect"))
    assert looked_up == [TARGET.host]
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([(socket.AF_INET6, ("2001:db8::1", 443, 0, 0))], "proxy-socks4-rejected"),
        ([(socket.AF_INET, ("192.0.2.7", 443))], "proxy-socks4-rejected"),
        (socket.EAI_NONAME, "proxy-socks4-rejected"),
        (socket.EAI_FAIL, "proxy-socks4-no-resolver"),
    ],
)
async def test_the_proxy_refuses_all(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, found: object, code: str
) -> None:
    """A proxy that refuses name and address is told as refusing; so is one of a name that nobody knows."""
    real = socket.getaddrinfo

    def look_up(host: str, *rest: object, **more: object) -> object:
        if host == "127.0.0.1":
            return real(host, *rest, **more)  # type: ignore[arg-type]
        if isinstance(found, int):
            raise socket.gaierror(found, "no")
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in found]  # type: ignore[attr-defined]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    asked: list[bytes] = []
    async with bad.server(answering(lambda _: False, asked)) as told:
        with fails(code, "proxy"):
            await dial(TARGET, proxy("socks4", told.port), ways.trust, limits=PATIENT)
    by_address = [b"\4\1\x01\xbb" + socket.inet_aton("192.0.2.7") + b"\0"]
    assert asked[1:] == (by_address if "192.0.2.7" in str(found) else [])


async def test_dante_takes_addresses_only(ways: Ways, dante_for_all: Dante, web: Web) -> None:
    """A real proxy that knows plain SOCKS4 only is given the address that the appliance looked up."""
    target = Endpoint("localhost", web.port)
    (await dial(target, proxy("socks4", dante_for_all.port), ways.trust, observe=ways.observe)).close()
    assert ways.passed() == ["name", "proxy", "tcp"]
