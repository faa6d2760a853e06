"""Faults of the answer: what a server says once it is known to be the right one."""

from servers import misbehaving as bad
from servers.bench import Bench, Row, row
from servers.probing import Trial

__all__ = ["ROWS"]

ROWS: list[Row] = []


def _says(status: str, *headers: str, body: bytes = b"") -> bad.Behaviour:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""])
    return bad.answer(head.encode() + body)


@row(ROWS, "authentication", "http-auth-refused")
async def nginx_refuses_the_password(bench: Bench) -> Trial:
    """401, by a server that no one here wrote."""
    return await bench.ssl(bench.web.port, password="wrong")


@row(ROWS, "authentication", "http-auth-refused", server="status_server")
async def the_status_server_refuses_the_password(bench: Bench) -> Trial:
    """401 to a beat."""
    told = await bench.misbehaving(_says("401 No", 'WWW-Authenticate: Basic realm="TMSP"'), tls=True)
    return await bench.ssl(bench.web.port, status_port=told.port)


@row(ROWS, "authentication", "http-auth-method")
async def the_server_wants_another_logon(bench: Bench) -> Trial:
    """401 with Digest only, whose realm is called basic."""
    says = _says("401 No", 'WWW-Authenticate: Digest realm="Basic, basic"')
    return await bench.ssl((await bench.misbehaving(says, tls=True)).port)


@row(ROWS, "authentication", "http-forbidden")
async def the_account_may_not(bench: Bench) -> Trial:
    """403."""
    return await bench.ssl((await bench.misbehaving(_says("403 No"), tls=True)).port)


@row(ROWS, "service", "http-proxy-auth")
async def a_server_answers_as_a_proxy(bench: Bench) -> Trial:
    """407, where no proxy is set."""
    says = _says("407 No", 'Proxy-Authenticate: Basic realm="x"')
    return await bench.ssl((await bench.misbehaving(says, tls=True)).port)


@row(ROWS, "service", "http-method")
async def a_plain_web_server(bench: Bench) -> Trial:
    """405 to PUT."""
    return await bench.ssl((await bench.misbehaving(_says("405 No"), tls=True)).port)


@row(ROWS, "service", "http-not-found", server="status_server")
async def no_status_server_at_all(bench: Bench) -> Trial:
    """Nginx knows no heartbeats: 404, or 405 for a POST to a file."""
    told = await bench.misbehaving(_says("404 Not Found"), tls=True)
    return await bench.ssl(bench.web.port, status_port=told.port)


@row(ROWS, "service", "remote-disk-full")
async def the_web_server_s_disk_is_full(bench: Bench) -> Trial:
    """507."""
    return await bench.ssl((await bench.misbehaving(_says("507 Full"), tls=True)).port)


@row(ROWS, "service", "http-too-large")
async def too_large(bench: Bench) -> Trial:
    """413."""
    return await bench.ssl((await bench.misbehaving(_says("413 Large"), tls=True)).port)


@row(ROWS, "service", "http-busy")
async def too_many_requests(bench: Bench) -> Trial:
    """429."""
    return await bench.ssl((await bench.misbehaving(_says("429 Busy", "Retry-After: 7"), tls=True)).port)


@row(ROWS, "service", "http-server-error", server="status_server")
async def the_status_server_is_ill(bench: Bench) -> Trial:
    """503."""
    told = await bench.misbehaving(_says("503 Ill"), tls=True)
    return await bench.ssl(bench.web.port, status_port=told.port)


@row(ROWS, "service", "captive-portal", server="status_server")
async def sent_elsewhere(bench: Bench) -> Trial:
    """302: not followed."""
    told = await bench.misbehaving(_says("302 Found", "Location: https://login.example.com/"), tls=True)
    return await bench.ssl(bench.web.port, status_port=told.port)


@row(ROWS, "service", "reply-not-understood", server="status_server")
async def an_answer_of_another_kind(bench: Bench) -> Trial:
    """200 with a web page."""
    told = await bench.misbehaving(_says("200 OK", body=b"<html>\x1b[2J</html>"), tls=True)
    return await bench.ssl(bench.web.port, status_port=told.port)


@row(ROWS, "service", "reply-encoded", server="status_server")
async def an_answer_compressed_against_our_wish(bench: Bench) -> Trial:
    """A small gzip reply can fill the memory."""
    told = await bench.misbehaving(_says("200 OK", "Content-Encoding: gzip", body=b"x"), tls=True)
    return await bench.ssl(bench.web.port, status_port=told.port)


@row(ROWS, "service", "reply-too-large", server="status_server")
async def an_endless_answer(bench: Bench) -> Trial:
    """More than a megabyte."""
    told = await bench.misbehaving(_says("200 OK", body=b"x" * (1 << 21)), tls=True)
    return await bench.ssl(bench.web.port, status_port=told.port)
