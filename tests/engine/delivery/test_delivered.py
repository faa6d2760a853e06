"""What counts as delivered: every HTTP status and every SFTP status is tried, and only these few do."""

import asyncio
import itertools
import ssl
from collections import deque
from dataclasses import replace

import asyncssh
import pytest
from asyncssh.packet import String, UInt32

from servers import misbehaving as bad
from servers.ssh_lab import lab
from spooling.events import numbered_line
from spooling.working import at_work
from tm_tui.delivery.service import DeliveryService
from tm_tui.link.sftp import fetch_host_key
from tm_tui.link.types import Endpoint

PAGE = b"<!doctype html><title>Log on</title>"
BODILESS = {204, 205, 304}
DELIVERED = {201, 204, 412}
PAUSING = {401, 403}
new_event = map(numbered_line, itertools.count(1))


class Front:
    """Whatever stands before a log server: it reads requests, keeps nothing, and answers by its script."""

    def __init__(self) -> None:
        self.script: deque[bytes] = deque()
        self.paths: list[str] = []

    async def behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            sizes = [line[15:] for line in head.lower().splitlines() if line.startswith("content-length:")]
            await reader.readexactly(int(sizes[0]) if sizes else 0)
            method, path = head.split()[:2]
            self.paths.append(path)
            writer.write(self.script.popleft() if method == "PUT" else answer(403))
            await writer.drain()


def answer(status: int) -> bytes:
    """An answer as a web server sends it, with a page where one may be."""
    page = b"" if status in BODILESS or status < 200 else PAGE
    sized = b"content-type: text/html\r\ncontent-length: %d\r\n" % len(page) if status >= 200 else b""
    return b"HTTP/1.1 %d x\r\n%s\r\n%s" % (status, sized, page)


@pytest.fixture
async def front(certificates):
    """A front, and its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.good.certificate, certificates.good.key)
    made = Front()
    async with bad.server(made.behave, context) as told:
        yield made, told.port


@pytest.fixture
async def sender(front, spool, link, clock):
    """A service that delivers to the front by HTTPS."""
    to_front = replace(link, endpoint=Endpoint("127.0.0.1", front[1]))
    service = DeliveryService(
        spool, to_front, protocol="ssl", appliance="tm-0042", interval=3600, clock=clock
    )
    async with at_work(service):
        yield service


async def stands(service, spool, failed: bool) -> None:
    """Whether the batch stays and the status says why, or is gone and nothing is said."""
    status = service.status()
    assert (spool.status().events == 1) == failed
    assert (status.last_failure is not None) == failed
    assert (status.state in {"retrying", "paused"}) == failed


@pytest.mark.parametrize("hundred", [2, 3, 4, 5])
async def test_of_all_http_statuses_three_deliver(hundred, front, sender, spool):
    """A page that says 200, 202 or 206 to a batch keeps nothing: the events wait, and the admin reads why."""
    for status in range(hundred * 100, hundred * 100 + 100):
        if not spool.status().events:
            await spool.add([next(new_event)])
        front[0].script.append(answer(status))
        outcome = await sender.send_now()
        assert (outcome.failure is None) == (status in DELIVERED), status
        assert outcome.events == (status in DELIVERED), status
        await stands(sender, spool, failed=status not in DELIVERED)
        if status == 409:  # it lets nobody make the folder either
            assert outcome.failure.code == "remote-no-folder"
        if status in {200, 202, 203, 206}:
            assert outcome.failure.code == "reply-not-understood"
            assert f"HTTP status {status}" in outcome.failure.cause
        assert (sender.status().state == "paused") == (status in PAUSING)


@pytest.mark.parametrize("last", [200, 201, 204, 412, 500])
async def test_interim_statuses_decide_nothing(last, front, sender, spool):
    """100 to 199 may come before the answer (RFC 9110, 15.2); only what comes last counts."""
    for interim in [*range(100, 101), *range(102, 200)]:
        if not spool.status().events:
            await spool.add([next(new_event)])
        front[0].script.append(answer(interim) + answer(last))
        assert ((await sender.send_now()).failure is None) == (last in DELIVERED), interim
    await stands(sender, spool, failed=last not in DELIVERED)


async def test_a_switch_of_protocols_delivers_nothing(front, sender, spool):
    """101 is no answer to a batch, whatever follows."""
    await spool.add([next(new_event)])
    front[0].script.append(answer(101) + answer(201))
    assert (await sender.send_now()).failure.code == "reply-not-understood"
    await stands(sender, spool, failed=True)


class Said(asyncssh.SFTPError):
    """A status as its number goes over the wire; asyncssh itself keeps newer ones from version 3."""

    def encode(self, version: int) -> bytes:
        return UInt32(self.code) + String("no") + String("")


class Saying(asyncssh.SFTPServer):
    """A healthy folder that answers one step by one status."""

    step, code = "", 0

    def _say(self, step: str) -> None:
        if step == self.step and self.code:
            raise Said(self.code, "no")

    def open(self, path, pflags, attrs):
        self._say("open")
        return super().open(path, pflags, attrs)

    def write(self, file_obj, offset, data):
        self._say("write")
        return super().write(file_obj, offset, data)

    def fsync(self, file_obj):
        self._say("fsync")
        return super().fsync(file_obj)

    def close(self, file_obj):
        super().close(file_obj)
        self._say("close")

    def posix_rename(self, oldpath, newpath):
        self._say("rename")
        return super().posix_rename(oldpath, newpath)

    def rename(self, oldpath, newpath):
        self._say("rename")
        return super().rename(oldpath, newpath)


@pytest.fixture
async def by_sftp(tmp_path, spool, link, clock):
    """A service that delivers by SFTP to what `Saying` says, and the folder there."""
    folder = tmp_path / "files"
    folder.mkdir()
    async with lab(sftp=Saying, folder=folder) as server:
        to_lab = replace(link, endpoint=Endpoint("127.0.0.1", server.port))
        to_lab.trust.host_keys.approve(await fetch_host_key(to_lab))
        options = {"protocol": "ssh", "appliance": "tm-0042", "interval": 3600, "clock": clock}
        service = DeliveryService(spool, to_lab, **options)
        async with at_work(service):
            yield service, folder / "logs" / "tm-0042"


@pytest.mark.parametrize("step", ["open", "write", "fsync", "close", "rename"])
async def test_of_all_sftp_statuses_one_delivers(step, by_sftp, spool, monkeypatch):
    """Each step has to end with SSH_FX_OK, the rename last; a server without fsync has to do without."""
    monkeypatch.setattr(Saying, "step", step)
    service, files = by_sftp
    for code in [0, *range(1, 33), 255, 1 << 31]:
        monkeypatch.setattr(Saying, "code", code)
        if not spool.status().events:
            await spool.add([next(new_event)])
        delivered = code == 0 or (step, code) == ("fsync", 8)
        outcome = await service.send_now()
        assert (outcome.failure is None) == delivered, code
        await stands(service, spool, failed=not delivered)
        names = {path.name for path in files.glob("*.zst")}
        assert {batch.name for batch in spool.batches()}.isdisjoint(names), code


async def test_a_server_without_posix_rename_delivers(by_sftp, spool, monkeypatch):
    """A plain rename does where OpenSSH's is not offered: a batch that is there counts, another file goes."""

    def unsupported(*_):
        raise asyncssh.SFTPOpUnsupported("no")

    monkeypatch.setattr(Saying, "posix_rename", unsupported)
    service, files = by_sftp
    files.mkdir(parents=True)
    for there in (None, "the batch", "half of it", "as long, and other"):
        await spool.add([next(new_event)])
        await spool.seal()
        (batch,) = spool.batches()
        data = await spool.read(batch)
        lies = {"the batch": data, "half of it": data[:20], "as long, and other": bytes(len(data))}
        if there:
            (files / batch.name).write_bytes(lies[there])
        assert (await service.send_now()).failure is None
        assert (files / batch.name).read_bytes() == data, there


async def test_other_bytes_of_the_same_size_are_not_the_batch(by_sftp, spool):
    """After a start a batch may be there already: its bytes say so, not the size of the file of its name."""
    service, files = by_sftp
    await spool.add([next(new_event)])
    await spool.seal()
    (batch,) = spool.batches()
    data = await spool.read(batch)
    files.mkdir(parents=True)
    (files / batch.name).write_bytes(bytes(len(data)))
    assert (await service.send_now()).failure is None
    assert (files / batch.name).read_bytes() == data
