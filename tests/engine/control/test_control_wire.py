"""What may come over the control socket instead of a request: it is answered, and nobody else waits."""

import asyncio
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agents import LIMIT
from tm_tui.agent.agent import Agent
from tm_tui.api.orders import CALLS
from tm_tui.paths import Home

HOST = b"Host: x\r\n"
STATUS = b"GET /v1/status HTTP/1.1\r\n"
PROBE = b"POST /v1/probe HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
ODD = {
    "absolute": b"GET http://other/v1/status HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute-broken": b"GET http://u:p@[::1/v1/status HTTP/1.1\r\n" + HOST + b"\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "connect": b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n",
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two-hosts": STATUS + HOST + HOST + b"\r\n",
    "no-host": STATUS + b"\r\n",
    "both-lengths": PROBE + b"Content-Length: 4\r\n" + CHUNKED + b"0\r\n\r\n",
    "two-lengths": PROBE + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "less-than-nothing": PROBE + b"Content-Length: -4\r\n\r\n",
    "length-of-digits": PROBE + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "expects-else": PROBE + b'Expect: 200-ok\r\nContent-Length: 4\r\n\r\n{"a"',
    "not-utf-8": b"GET /v1/%ff%fe%00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a-zero": b"GET /v1/\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "arabic-digits": b"GET /v1/reports/%D9%A3 HTTP/1.1\r\n" + HOST + b"\r\n",
    "tls": b"\x16\3\1\2\0\1\0\1\xfc\3\3" + bytes(500),
    "lines": b"\r\n" * 60_000 + STATUS + HOST + b"\r\n",
    "a-long-line": STATUS + HOST + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
    "chunk-words": PROBE + CHUNKED + b"1;" + b"a=b;" * 50_000,
    "a-large-chunk": PROBE + CHUNKED + b"f" * 24 + b"\r\n",
    "trailers": PROBE + CHUNKED + b"0\r\n" + b"a: b\r\n" * 50_000 + b"\r\n",
    "packed": PROBE + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "deep": PROBE + b"Content-Length: 100000\r\n\r\n" + b"[" * 100_000,
}
MOST_WORK = 0.25
"""Seconds of the loop's work without a turn for anybody else; 256 KiB of single bytes took 0.5."""


async def answered(home: Home, request: bytes) -> bytes:
    """What comes back first, however much of the request is taken."""
    reader, writer = await asyncio.open_unix_connection(str(home.control_socket))
    try:
        async with asyncio.timeout(LIMIT):
            writer.write(request)
            return await reader.read(1 << 16)
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("name", ODD)
async def test_an_odd_request_is_refused(
    name: str, agent: Agent, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """By its status, with one line of the log at most: no bug of ours, and the next request is answered."""
    caplog.set_level(logging.WARNING)
    assert re.match(rb"HTTP/1.1 4\d\d ", await answered(home, ODD[name]))
    assert len(caplog.records) <= 1
    assert all(record.exc_info is None for record in caplog.records)
    assert (await answered(home, STATUS + HOST + b"\r\n")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("digits", [13, 5000])
@pytest.mark.parametrize("path", sorted({f"{c.method} {c.path}" for c in CALLS if ":number}" in c.path}))
async def test_no_number_is_too_long(
    path: str, digits: int, agent: Agent, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """Each call that has a number in its path: Python reads no 5,000 digits, which was a bug of ours."""
    line = re.sub(r"\{\w+:number\}", "9" * digits, path)
    request = line.encode() + b" HTTP/1.1\r\n" + HOST + b"If-Match: 0\r\nContent-Length: 0\r\n\r\n"
    assert re.match(rb"HTTP/1.1 404 ", await answered(home, request))
    assert not caplog.records


@contextmanager
def _watched() -> Iterator[list[float]]:
    """The longest time that the loop worked between two of its turns, in processor time."""
    loop, worst, last = asyncio.get_running_loop(), [0.0], time.thread_time()
    timer = None

    def tick() -> None:
        nonlocal last, timer
        now = time.thread_time()
        worst[0], last = max(worst[0], now - last), now
        timer = loop.call_later(0.005, tick)

    tick()
    yield worst
    tick()
    timer.cancel()


@pytest.mark.parametrize("line", [b"POST /v1/probe", b"GET /v1/status", b"POST /v1/events", b"POST /nothing"])
async def test_a_body_of_single_bytes_leaves_turns_to_others(line: bytes, agent: Agent, home: Home) -> None:
    """Chunks of one byte cost the loop far more than their bytes: beats have their turn in between."""
    request = line + b" HTTP/1.1\r\n" + HOST + CHUNKED + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"
    with _watched() as worst:
        answer = await answered(home, request)
    assert answer.startswith(b"HTTP/1.1 ")
    assert worst[0] < MOST_WORK


MANY = {
    "unknown keys": b'{"settings":{},%s}' % b",".join(b'"k%d":1' % number for number in range(60_000)),
    "unknown settings": b'{"settings":{%s}}' % b",".join(b'"k%d":1' % number for number in range(60_000)),
    "wrong entries": b'{"settings":{},"secrets":{"kept":[%s1]}}' % (b"1," * 400_000),
    "entries in entries": b'{"settings":{"a":[%s1]}}' % (b"[1]," * 200_000),
}


@pytest.mark.parametrize("name", MANY)
async def test_a_document_of_too_many_parts_is_refused_unjudged(name: str, agent: Agent, home: Home) -> None:
    """Within a megabyte are seconds of judging, each part for itself: it is counted before."""
    body = MANY[name]
    head = b"PUT /v1/settings HTTP/1.1\r\nHost: x\r\nIf-Match: 0\r\nContent-Length: %d\r\n\r\n" % len(body)
    with _watched() as worst:
        answer = await answered(home, head + body)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"more than 2000 keys" in answer
    assert b"Send only what" in answer
    assert worst[0] < MOST_WORK


async def test_requests_in_one_piece_are_all_answered(agent: Agent, home: Home) -> None:
    """Hundreds that were sent ahead, more than one turn takes: each has its answer, in order."""
    one = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    reader, writer = await asyncio.open_unix_connection(str(home.control_socket))
    writer.write(one * 1500 + STATUS + b"Host: x\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(LIMIT):
        answers = await reader.read()
    writer.close()
    assert answers.count(b"HTTP/1.1 404 ") == 1500
    assert answers.count(b"HTTP/1.1 200 ") == 1
