"""CONNECT with proxies that answer oddly: what counts is read, what does not is passed over."""

import pytest
from ways import Ways, credentials, fails, proxy

from servers import misbehaving as bad
from servers.limits import PATIENT
from tm_tui.link.dialer import dial
from tm_tui.link.types import Endpoint

TARGET = Endpoint("tmsp.example.com", 443)
WHO = credentials("user", "password")


async def refused(ways: Ways, code: str, reply: bytes) -> float | None:
    """Meet a proxy that gives this reply, and see it fail so; the seconds to wait that it asked for."""
    async with bad.server(bad.answer(reply)) as told:
        with fails(code, "proxy") as caught:
            await dial(TARGET, proxy("http", told.port, WHO), ways.trust, limits=PATIENT)
    return caught.value.retry_after


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (402, "proxy-forbidden"),
        (408, "proxy-slow"),
        (409, "proxy-request-refused"),
        (418, "proxy-request-refused"),
        (429, "proxy-busy"),
        (431, "proxy-request-refused"),
        (451, "proxy-forbidden"),
        (502, "proxy-target-failed"),
        (503, "proxy-target-failed"),
        (599, "proxy-target-failed"),
    ],
)
async def test_each_status_means_what_it_says(ways: Ways, status: int, code: str) -> None:
    """A proxy that is busy, slow or forbids by law is not said to know no CONNECT."""
    assert await refused(ways, code, b"HTTP/1.1 %d Odd\r\n\r\n" % status) is None


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_proxy_says_when(ways: Ways, status: int) -> None:
    """Retry-After of a proxy reaches whoever has to wait."""
    reply = b"HTTP/1.1 %d Later\r\nRetry-After: 17\r\n\r\n" % status
    assert await refused(ways, "proxy-busy", reply) == 17


async def test_a_proxy_asks_to_come_back_in_no_year_of_ours(ways: Ways) -> None:
    """The date is passed over; the proxy is busy all the same."""
    reply = b"HTTP/1.1 429 Later\r\nRetry-After: Mon, 01 Jan 99999999999999999999 00:00:00 GMT\r\n\r\n"
    assert await refused(ways, "proxy-busy", reply) is None


@pytest.mark.parametrize(
    ("challenge", "code"),
    [
        (b'Digest realm="basic"', "proxy-auth-method"),
        (b'Digest realm="x, Basic y", nonce="basic"', "proxy-auth-method"),
        (b'Negotiate, Basic realm="x"', "proxy-auth"),
        (b'Digest realm="x"\r\nProxy-Authenticate: BASIC', "proxy-auth"),
    ],
)
async def test_the_way_of_logging_on_is_told_by_the_scheme(ways: Ways, challenge: bytes, code: str) -> None:
    """A Digest realm called "basic" is not told as a wrong password."""
    await refused(ways, code, b"HTTP/1.1 407 No\r\nProxy-Authenticate: " + challenge + b"\r\n\r\n")


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 5\r\nContent-Length: 7\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"content-length: five\r\ntransfer-encoding: nonsense\r\n",
        b"Transfer-Encoding: gzip,\r\n chunked\r\nX-After: 1\r\n",
        b"Content-Length: 999999999999999999999999\r\nTransfer-Encoding: chunked\r\n",
    ],
)
async def test_the_length_of_no_body_is_ignored(ways: Ways, lines: bytes) -> None:
    """What frames a body on the 2xx of a CONNECT is ignored (RFC 9110, 9.3.6): the tunnel is there."""
    reply = b"HTTP/1.1 200 OK\r\n" + lines + b"\r\nbanner"
    async with bad.server(bad.answer(reply)) as told:
        sock = await dial(TARGET, proxy("http", told.port), ways.trust, limits=PATIENT)
        sock.settimeout(60)
        with sock, sock.makefile("rb") as file:
            assert file.read(6) == b"banner"


async def test_a_proxy_that_wants_to_know_the_agent(ways: Ways) -> None:
    """Proxies that let only requests with a User-Agent through let ours through."""
    async with bad.server(bad.answer(b"HTTP/1.1 200 OK\r\n\r\n")) as told:
        (await dial(TARGET, proxy("http", told.port), ways.trust, limits=PATIENT)).close()
        assert b"\r\nuser-agent: tm-tui/" in bytes(told.received).lower()
