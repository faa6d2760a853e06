"""What HTTPS servers answer, or fail to: each gives its code, and nothing waits beyond its limit."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from ways import Ways, credentials, fails

from servers import misbehaving as bad
from servers.certificates import Certificates
from servers.limits import hasty
from servers.web import PASSWORD, USER, Web
from tm_tui.link.http_headers import retry_after_seconds
from tm_tui.link.http_status import for_status
from tm_tui.link.https import call, https_client
from tm_tui.link.types import Credentials, Endpoint

WEB = credentials(USER, PASSWORD)


@pytest.fixture
def tls(certificates: Certificates) -> ssl.SSLContext:
    """A good server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.good.certificate, certificates.good.key)
    return context


@pytest.mark.parametrize(
    ("status", "code", "stage"),
    [
        (301, "captive-portal", "service"),
        (400, "http-refused", "service"),
        (401, "http-auth-refused", "authentication"),
        (403, "http-forbidden", "authentication"),
        (404, "http-not-found", "service"),
        (405, "http-method", "service"),
        (407, "http-proxy-auth", "service"),
        (409, "http-conflict", "service"),
        (418, "http-refused", "service"),
        (429, "http-busy", "service"),
        (500, "http-server-error", "service"),
        (502, "http-server-error", "service"),
        (503, "http-server-error", "service"),
        (507, "remote-disk-full", "service"),
        (511, "captive-portal", "service"),
    ],
)
async def test_each_status_has_its_cause(ways: Ways, web: Web, status: int, code: str, stage: str) -> None:
    """Every refusal of a web server is told apart, with its number."""
    async with https_client(ways.to(web.port, WEB)) as client:
        with fails(code, stage) as caught:
            await call(client, "GET", f"/status/{status}")
        assert str(status) in caught.value.cause
        assert (await call(client, "GET", f"/status/{status}", accept=(status,))).status == status


@pytest.mark.parametrize("who", [None, credentials(USER, "wrong"), credentials("other", PASSWORD)])
async def test_nginx_refuses_the_password(ways: Ways, web: Web, who: Credentials | None) -> None:
    """A wrong password at a stock log server is named as the password."""
    async with https_client(ways.to(web.port, who)) as client:
        with fails("http-auth-refused", "authentication"):
            await call(client, "PUT", "/logs/tm/x", content=b"x")


async def test_nginx_refuses_the_size(ways: Ways, web: Web) -> None:
    """A refusal that comes in the middle of a large upload is read, not taken for a broken line."""
    async with https_client(ways.to(web.port, WEB)) as client:
        with fails("http-too-large", "service"):
            await call(client, "PUT", "/small/x", content=b"x" * 20_000_000)


async def test_a_reset_behind_a_refusal_hides_nothing(ways: Ways, tls: ssl.SSLContext) -> None:
    """A server that refuses and cuts the line while we still send has said why."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with bad.server(behave, tls) as told, https_client(ways.to(told.port, WEB)) as client:
        with fails("http-too-large", "service"):
            await call(client, "PUT", "/x", content=b"x" * 5_000_000)


async def test_a_busy_server_says_when(ways: Ways, web: Web) -> None:
    """Retry-After reaches whoever has to wait."""
    async with https_client(ways.to(web.port, WEB)) as client:
        with fails("http-busy", "service") as caught:
            await call(client, "GET", "/busy")
    assert caught.value.retry_after == 7


def test_retry_after_in_all_its_forms() -> None:
    """Seconds, dates and nonsense are read; nobody is made to wait longer than an hour."""
    soon = datetime.now(UTC) + timedelta(seconds=100)
    assert retry_after_seconds({"retry-after": "12"}) == 12
    assert retry_after_seconds({"retry-after": "9" * 5000}) == 3600
    assert 90 < (retry_after_seconds({"retry-after": format_datetime(soon, usegmt=True)}) or 0) <= 100
    assert retry_after_seconds({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    for nonsense in ("", "-5", "soon", "1e9", "٣", "Wed, 99 Oct 2015"):
        assert retry_after_seconds({"retry-after": nonsense}) is None


async def test_a_portal_that_redirects_is_not_followed(ways: Ways, web: Web) -> None:
    """A network logon page is named; nothing is sent where it points."""
    async with https_client(ways.to(web.port, WEB)) as client:
        with fails("captive-portal", "service"):
            await call(client, "GET", "/moved")


async def test_an_address_on_another_host_is_refused(ways: Ways, web: Web) -> None:
    """A server cannot send us, and our password, to another one."""
    async with https_client(ways.to(web.port, WEB)) as client:
        for url in (
            f"https://127.0.0.1:{web.plain_port}/",
            f"http://127.0.0.1:{web.port}/",
            f"https://localhost:{web.port}/",
        ):
            with fails("http-foreign-address", "service"):
                await call(client, "GET", url)
    assert web.seen(web.plain_port) == [] or PASSWORD not in str(web.seen(web.plain_port))


async def test_a_compressed_reply_is_refused(ways: Ways, web: Web) -> None:
    """A small compressed reply cannot fill the memory."""
    async with https_client(ways.to(web.port, WEB)) as client:
        with fails("reply-encoded", "service"):
            await call(client, "GET", "/squeezed")
        assert (await call(client, "GET", "/status/404", accept=(404,))).status == 404, "the client goes on"


async def test_a_large_reply_is_cut_off(ways: Ways, web: Web) -> None:
    """A reply that never ends takes a megabyte of memory and no more."""
    async with https_client(ways.to(web.port, WEB)) as client:
        with fails("reply-too-large", "service"):
            await call(client, "GET", "/large")
        assert len((await call(client, "GET", "/large", most_bytes=3_000_000)).body) == 3_000_000


async def test_no_answer(ways: Ways, tls: ssl.SSLContext) -> None:
    """A server that takes the request and says nothing ends within the limit, and its socket is closed."""
    async with bad.server(bad.say_nothing, tls) as told:
        async with https_client(ways.to(told.port, WEB, limits=hasty("reply"))) as client:
            with fails("reply-timeout", "service"):
                await call(client, "GET", "/")
        async with asyncio.timeout(60):
            await told.all_gone.wait()


@pytest.mark.parametrize(
    ("head", "piece"),
    [(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x")],
)
async def test_an_answer_that_drips(ways: Ways, tls: ssl.SSLContext, head: bytes, piece: bytes) -> None:
    """A reply that comes byte by byte for ever, in its head or body, ends within the limit too."""
    async with (
        bad.server(bad.drip(head, piece), tls) as told,
        https_client(ways.to(told.port, WEB, limits=hasty("reply"))) as client,
    ):
        with fails("reply-timeout", "service"):
            await call(client, "GET", "/")


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (b"", "reply-closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "reply-closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "reply-closed"),
        (b"SSH-2.0-OpenSSH\x1b[2J\r\n\r\n", "reply-not-understood"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "reply-not-understood"),
    ],
)
async def test_half_or_wrong_answers(ways: Ways, tls: ssl.SSLContext, reply: bytes, code: str) -> None:
    """A connection that ends early and an answer that is no HTTP are told apart."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writer.close()
        await writer.wait_closed()

    async with bad.server(behave, tls) as told, https_client(ways.to(told.port, WEB)) as client:
        with fails(code, "service"):
            await call(client, "GET", "/")


async def test_a_server_that_stops_reading(ways: Ways, tls: ssl.SSLContext) -> None:
    """An upload into a black hole ends within the limit."""
    async with (
        bad.server(bad.take_nothing, tls) as told,
        https_client(ways.to(told.port, WEB, limits=hasty("reply"))) as client,
    ):
        with fails("send-timeout", "service"):
            await call(client, "PUT", "/x", content=b"x" * 50_000_000)


async def test_an_upload_from_an_iterator(ways: Ways, web: Web) -> None:
    """A batch is streamed from disk, not held in memory."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 100_000

    async with https_client(ways.to(web.port, WEB)) as client:
        headers = {"content-length": "1000000"}
        assert (
            await call(client, "PUT", "/logs/tm/streamed", content=pieces(), headers=headers)
        ).status == 201
    assert (web.root / "logs/tm/streamed").stat().st_size == 1_000_000


async def test_a_cancelled_request_leaves_no_socket(ways: Ways, tls: ssl.SSLContext) -> None:
    """An admin who leaves the test screen while the server thinks leaves no connection behind."""
    async with bad.server(bad.say_nothing, tls) as told, https_client(ways.to(told.port, WEB)) as client:
        task = asyncio.create_task(call(client, "GET", "/"))
        await told.somebody.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(60):
            await told.all_gone.wait()


def test_causes_never_carry_what_the_server_said() -> None:
    """Escapes in a server's words cannot reach a terminal: causes hold our words and numbers only."""
    found = for_status(
        503, {"retry-after": "\x1b]52;c;x\x07"}, Endpoint("tmsp.example.com", 443), body=b"\x1b[2J"
    )
    assert found.cause.isprintable()
    assert found.retry_after is None


def test_the_clients_repr_has_no_password(ways: Ways) -> None:
    """A traceback or a log line that shows the client or its link shows no password."""
    link = ways.to(443, WEB)
    client = https_client(link)
    assert PASSWORD not in f"{link!r} {client!r} {client.__dict__!r} {client.auth!r}"


@pytest.mark.parametrize(
    "cookie",
    [
        b"Set-Cookie: session=1; Path=/",
        b"Set-Cookie: a=b; Expires=" + b" " * 60_000 + b"x",
        b"\r\n".join(b"Set-Cookie: a%d=b" % number for number in range(4000)),
        b"Set-Cookie2: a=b; Version=1" + b"; a" * 20_000,
    ],
    ids=["one", "slow", "many", "old"],
)
async def test_cookies_are_neither_read_nor_sent(ways: Ways, tls: ssl.SSLContext, cookie: bytes) -> None:
    """One of a log-on page could hold up beats for minutes, and would go along with all that follows."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + cookie + b"\r\n\r\n")

    async with bad.server(behave, tls) as told, https_client(ways.to(told.port, WEB)) as client:
        began = time.thread_time()
        for _ in range(2):
            assert "set-cookie" not in (await call(client, "GET", "/")).headers
        assert time.thread_time() - began < 2
    assert told.received.count(b"GET /") == 2
    assert b"cookie" not in told.received.lower()
