"""A web server with DAV makes no folder by itself: it is made where that is allowed, else named."""

import asyncio
import itertools
import json
import ssl
from collections import deque
from dataclasses import replace

import pytest
from pydantic import SecretStr

from servers import misbehaving as bad
from servers.dav import apache
from spooling.events import numbered_line
from spooling.working import at_work
from tm_tui.delivery.check import check_log_server
from tm_tui.delivery.service import DeliveryService
from tm_tui.link.failures import LinkFailure
from tm_tui.link.types import Credentials, Endpoint

OTHER = json.dumps({"error": {"code": "other-content", "cause": "x", "remedy": "y"}}).encode()
HTML = b"<title>409 Conflict</title>"


class Scripted:
    """Answers one request after the other, each of which must be the one that is expected."""

    def __init__(self, *script: tuple[str, int, bytes]) -> None:
        self.script = deque(script)
        self.wrong: list[str] = []

    async def behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            sizes = [line[15:] for line in head.lower().splitlines() if line.startswith("content-length:")]
            await reader.readexactly(int(sizes[0]) if sizes else 0)
            asked = " ".join(head.split()[:2])
            expected, status, body = self.script.popleft() if self.script else ("nothing", 500, b"")
            if not asked.startswith(expected):
                self.wrong.append(f"{asked} instead of {expected}")
            size = b"content-length: %d\r\n" % len(body) if status != 204 else b""
            shown = b"" if asked.startswith("HEAD") else body
            writer.write(b"HTTP/1.1 %d x\r\n%s\r\n%s" % (status, size, shown))
            await writer.drain()


PUT, FOLDER, LOGS, LOOK = "PUT /logs/tm-0042/", "MKCOL /logs/tm-0042/", "MKCOL /logs/", "HEAD /logs/tm-0042/"
TABLE = {
    "made": ([(PUT, 409), (FOLDER, 201), (PUT, 201)], None),
    "made with the one above": ([(PUT, 409), (FOLDER, 409), (LOGS, 201), (FOLDER, 201), (PUT, 201)], None),
    "made by another meanwhile": ([(PUT, 409), (FOLDER, 405), (LOOK, 403), (PUT, 201)], None),
    "not allowed": ([(PUT, 409), (FOLDER, 403)], "remote-no-folder"),
    "not allowed above": ([(PUT, 409), (FOLDER, 409), (LOGS, 403)], "remote-no-folder"),
    "no MKCOL": ([(PUT, 409), (FOLDER, 501)], "remote-no-folder"),
    "no MKCOL, said as if it were there": (
        [(PUT, 409), (FOLDER, 405), (LOOK, 404)],
        "remote-no-folder",
    ),
    "a page that says yes": ([(PUT, 409), (FOLDER, 200)], "remote-no-folder"),
    "the folder is there": ([(PUT, 409), (FOLDER, 405), (LOOK, 200), (PUT, 409)], "http-conflict"),
    "made in vain": ([(PUT, 409), (FOLDER, 201), (PUT, 409)], "http-conflict"),
    "the portal's other content": ([(PUT, 409, OTHER)], "http-conflict"),
}


@pytest.fixture
def tries(spool, link, clock):
    """Deliver a batch to a port, or test it: what stopped that."""

    async def attempt(what: str, port: int) -> LinkFailure | None:
        there = replace(link, endpoint=Endpoint("127.0.0.1", port))
        if what == "probe":
            try:
                await check_log_server(there, "ssl", "tm-0042", clock=clock)
            except LinkFailure as error:
                return error
            return None
        await spool.add([numbered_line(1)])
        options = {"protocol": "ssl", "appliance": "tm-0042", "interval": 3600, "clock": clock}
        async with at_work(DeliveryService(spool, there, **options)) as service:
            failure = (await service.send_now()).failure
        assert spool.status().events == (failure is not None)
        return failure

    return attempt


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("what", ["batch", "probe"])
async def test_what_a_conflict_means(name, what, tries, certificates):
    """409 is a missing folder or a different file: the remedy says which, what helps is done by itself."""
    script, code = TABLE[name]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.good.certificate, certificates.good.key)
    server = Scripted(*((*step, HTML)[:3] for step in script))
    async with bad.server(server.behave, context) as told:
        failure = await tries(what, told.port)
    assert server.wrong == []
    assert not server.script
    assert (failure and failure.code) == code
    if code == "remote-no-folder":
        assert "logs/tm-0042" in failure.cause


@pytest.mark.parametrize("mkcol", [True, False])
async def test_a_stock_apache_is_a_log_server(mkcol, spool, link, clock, certificates):
    """Test and delivery make the folder where MKCOL is allowed; else the admin reads that it is missing."""
    new = map(numbered_line, itertools.count(1))
    with apache(certificates, "tm", "secret", mkcol=mkcol) as server:
        credentials = Credentials("tm", SecretStr("secret"))
        there = replace(link, endpoint=Endpoint("127.0.0.1", server.port), credentials=credentials)
        options = {"protocol": "ssl", "appliance": "tm-0042", "interval": 3600, "clock": clock}
        async with at_work(DeliveryService(spool, there, **options)) as service:
            await spool.add([next(new)])
            failure = (await service.send_now()).failure
            if not mkcol:
                assert failure.code == "remote-no-folder"
                assert spool.status().events == 1
                with pytest.raises(LinkFailure, match="does not exist"):
                    await check_log_server(there, "ssl", "tm-0042", clock=clock)
                return
            assert failure is None
            await check_log_server(there, "ssl", "tm-0042", clock=clock)
            await spool.add([next(new)])
            assert (await service.send_now()).failure is None
            assert len(list((server.logs / "tm-0042").glob("*.zst"))) == 2
