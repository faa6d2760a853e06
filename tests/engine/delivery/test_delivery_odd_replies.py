"""A log server over SSH that answers one request in a way that nobody should: a failure with its code."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from servers.limits import PATIENT
from servers.odd_sftp import (
    ATTRS,
    DATA,
    HANDLE,
    NAME,
    REPLY,
    STATUS,
    Odd,
    Session,
    odd_sftp,
    packet,
    status,
    text,
)
from servers.probing import host_keys
from tm_tui.delivery.check import check_log_server
from tm_tui.delivery.ssh import SshCarrier
from tm_tui.link.failures import LinkFailure
from tm_tui.link.host_keys import Trust
from tm_tui.link.sftp import fetch_host_key
from tm_tui.link.types import Credentials, Endpoint, Link

Does = Callable[[Session, bytes], None]
NEVER_THAT = (1 << 32) - 1


def says(make: Callable[[bytes], bytes]) -> Does:
    """Answer with these bytes."""
    return lambda session, number: session.channel.write(make(number))


ENDINGS: dict[str, Does] = {
    "reset": lambda session, _: session.reset(),
    "hangs-up": lambda session, _: session.connection.abort(),
    "says-goodbye": lambda session, _: session.connection.disconnect(11, "\x1b[31mbye"),
    "ends-the-session": lambda session, _: session.channel.close(),
}
REPLIES: dict[str, Does] = {
    "half-a-status": says(lambda number: packet(STATUS, number + bytes(4))),
    "a-status-and-more": says(lambda number: packet(STATUS, number + bytes(12) + b"more")),
    "a-status-unknown": says(lambda number: status(number, NEVER_THAT)),
    "half-a-handle": says(lambda number: packet(HANDLE, number + b"\0\0\xff\xff")),
    "a-long-handle": says(lambda number: packet(HANDLE, number + text(bytes(70_000)))),
    "odd-data": says(lambda number: packet(DATA, number + b"\0\0\xff\xff")),
    "odd-names": says(lambda number: packet(NAME, number + b"\0\0\0\2" + text(b"\xff") + text(b""))),
    "odd-attributes": says(lambda number: packet(ATTRS, number + b"\xff\xff\xff\xff")),
    "odd-reply": says(lambda number: packet(REPLY, number + b"\xff" * 7)),
    "another-number": says(lambda _: status(b"\xff\xff\xff\xff")),
    "an-empty-packet": says(lambda _: bytes(4)),
    "an-endless-packet": says(lambda _: b"\xff\xff\xff\xff"),
}
STAGES = {
    "init", "limits", "opendir", "readdir", "open", "read", "write", "fsync", "close", "posix-rename",
}  # fmt: skip
BEGINNING = {"init", "limits"}
TIDYING = {"stat", "13"}
"""What the test does besides: look, and remove."""


async def _link(odd: Odd, folder: Path) -> Link:
    link = Link(
        Endpoint("127.0.0.1", odd.port),
        Credentials("user", SecretStr("password")),
        None,
        Trust(None, host_keys(folder)),
        PATIENT,
    )
    link.trust.host_keys.approve(await fetch_host_key(link))
    return link


async def _code(work: Awaitable[object]) -> str:
    """How it ended; whatever comes besides LinkFailure would end the delivery as a bug of ours."""
    async with asyncio.timeout(50):  # before any limit of the link
        try:
            await work
        except LinkFailure as failure:
            return failure.code if f"{failure.cause}{failure.remedy}".isprintable() else "not safe"
    return ""


async def _deliver(link: Link) -> None:
    async with SshCarrier(link, "tm-0042") as carrier:
        await carrier.deliver("tm-0042-1", bytes(300_000), lambda _: None, again=True)


async def test_all_stages_are_met(tmp_path):
    """The tables below name what delivery and test really ask."""
    async with odd_sftp() as odd:
        link = await _link(odd, tmp_path)
        await _deliver(link)
        assert odd.asked == STAGES
        await check_log_server(link, "ssh", "tm-0042")
        assert odd.asked == STAGES | TIDYING


@pytest.mark.parametrize("how", [*ENDINGS, *REPLIES])
async def test_a_delivery_ends_with_a_code(how, tmp_path):
    """At each request of a delivery: what ends the connection is told as that, and not as a bug of ours."""
    async with odd_sftp() as odd:
        link = await _link(odd, tmp_path)
        odd.does = {**ENDINGS, **REPLIES}[how]
        for odd.stage in sorted(STAGES - BEGINNING):
            code = await _code(_deliver(link))
            if how in ENDINGS:
                assert code == "reply-closed", odd.stage
            else:
                assert code in {"", "remote-file-failed", "reply-closed"}, odd.stage


@pytest.mark.parametrize("how", [*ENDINGS, *REPLIES])
async def test_a_transfer_that_does_not_begin_has_a_code(how, tmp_path):
    """Nor does one in its first words; a server whose connection is gone is not told to lack SFTP."""
    async with odd_sftp() as odd:
        link = await _link(odd, tmp_path)
        odd.does = {**ENDINGS, **REPLIES}[how]
        gone = how in ENDINGS and how != "ends-the-session"
        if not gone:  # it listens for a reason
            link = replace(link, limits=replace(PATIENT, reply=0.1))
        for odd.stage in sorted(BEGINNING):
            code = await _code(_deliver(link))
            assert code in ({"reply-closed"} if gone else {"", "sftp-not-offered", "reply-timeout"}), (
                odd.stage
            )


@pytest.mark.parametrize("how", [*ENDINGS, *REPLIES])
async def test_tidying_up_decides_nothing(how, tmp_path):
    """The test passes once its file has its name: it asks for what delivery needs, no more."""
    async with odd_sftp() as odd:
        link = await _link(odd, tmp_path)
        odd.does = {**ENDINGS, **REPLIES}[how]
        for odd.stage in TIDYING:
            assert not await _code(check_log_server(link, "ssh", "tm-0042")), odd.stage


async def test_a_server_that_wants_single_bytes_gets_usual_pieces(tmp_path):
    """A limit of one byte a request would cost the loop a minute a megabyte; all servers take 16 KiB."""
    requests = 0

    def count(session: Session, number: bytes) -> None:
        nonlocal requests
        requests += 1
        session.channel.write(status(number))

    async with odd_sftp() as odd:
        link = await _link(odd, tmp_path)
        odd.stage, odd.does = (
            "limits",
            says(lambda number: packet(REPLY, number + struct.pack(">4Q", 1, 1, 1, 1))),
        )
        both = odd.does

        def does(session: Session, number: bytes) -> None:
            both(session, number)
            odd.stage, odd.does = "write", count

        odd.does = does
        assert not await _code(_deliver(link))
    assert 0 < requests <= 20
