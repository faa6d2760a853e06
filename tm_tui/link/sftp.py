"""File transfer over SSH to a log server, with its refusals explained."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import cast

import asyncssh
from asyncssh.constants import FXP_HANDLE, FXP_NAME
from asyncssh.packet import PacketDecodeError
from asyncssh.sftp import start_sftp_client

from tm_tui.link import ssh
from tm_tui.link.failures import LinkFailure, failure, translate
from tm_tui.link.host_keys import HostKey
from tm_tui.link.ssh_client import speaks_of_expiry
from tm_tui.link.types import Link, Observer, unobserved

__all__ = ["SFTP_ODD", "Sftp", "fetch_host_key", "open_sftp"]

SFTP_ODD = (asyncssh.Error, PacketDecodeError)
"""What asyncssh raises of a server that refuses, that is gone, or whose reply cannot be read."""

_REFUSED_SUBSYSTEM = 0xFFFFFFFF
"""asyncssh's own code for a session that opened, in which the server refused what was asked for."""
_LISTEN_SECONDS = 3.0
_MOST_SAID = 4096
_PLAIN = frozenset({"", "failure", "permission denied", "no such file", "no such file or directory"})
_MOST_PACKET = 80 << 10
"""Bytes; a server's longest replies are lists of a hundred names, 64 KB."""
_HANDLE, _NAME = bytes([FXP_HANDLE]), bytes([FXP_NAME])
_MOST_HANDLE = 9 + 256
"""Bytes of a reply with a handle, which all requests on its file repeat (filexfer-02, 6.3)."""
_MOST_NAMES = 1000
"""In one reply: each costs the loop far more than its bytes."""
_COUNTED = 9
"""Bytes of a reply up to the count of its names: type, request, count (draft-ietf-secsh-filexfer-02, 7)."""
_READ_ONLY = 1  # f_flag of statvfs@openssh.com: SSH_FXE_STATVFS_ST_RDONLY


@dataclass(frozen=True, slots=True)
class Sftp:
    """An open file transfer: asyncssh's client, and what its errors mean here."""

    client: asyncssh.SFTPClient
    connection: asyncssh.SSHClientConnection
    link: Link

    @asynccontextmanager
    async def explained(self, folder: str = ".") -> AsyncIterator[None]:
        """Make a LinkFailure of what a file operation in the body raises."""
        try:
            yield
        except SFTP_ODD as error:
            raise await self._explain(error, folder) from error
        except OSError as error:
            raise translate(error, "service", self.link.endpoint, self.link.proxy) from error

    async def _explain(self, error: Exception, folder: str) -> LinkFailure:
        """Make the failure of a file operation. OpenSSH says "failure" for a full disk: ask statvfs."""
        link, reason = self.link, _reason(error)
        found = translate(error, "service", link.endpoint, link.proxy)
        if found.code in {"remote-denied", "remote-no-folder"} and reason:
            return failure(found.code, "service", link.endpoint, link.proxy, detail=reason)
        if found.code != "remote-file-failed":
            return found
        found = failure(
            found.code, "service", link.endpoint, link.proxy, detail=reason or "it gives no reason"
        )
        try:
            async with asyncio.timeout(self.link.limits.reply):
                disk = await self.client.statvfs(folder)
        except (*SFTP_ODD, TimeoutError):
            return found
        if disk.flags & _READ_ONLY:
            return failure("remote-read-only", "service", self.link.endpoint, self.link.proxy)
        if disk.bavail == 0 or disk.favail == 0 < disk.files:
            return failure("remote-disk-full", "service", self.link.endpoint, self.link.proxy)
        return found


def _reason(error: Exception) -> str:
    """What a server says besides the name of its status, which every server says."""
    text = error.reason.strip() if isinstance(error, asyncssh.SFTPError) else ""
    if isinstance(error, PacketDecodeError):
        text = f"its reply cannot be read: {error}"
    return "" if text.lower().rstrip(".") in _PLAIN else text


class _ShortPackets:
    """asyncssh's reader, for packets that it makes sense of in a moment: it does so without a pause.

    Its own bound is 4 MB, which is seconds of work if it holds the shortest names.
    """

    def __init__(self, reader: "asyncssh.SSHReader[bytes]") -> None:
        self._reader = reader
        self.logger = reader.logger
        self.get_extra_info = reader.get_extra_info

    async def readexactly(self, size: int) -> bytes:
        """As asyncssh has it. Raises SFTPBadMessage for what nobody sends, SFTPConnectionLost for its end.

        A connection that is reset ends in what the system says, which asyncssh hands to each that waits.
        """
        if size > _MOST_PACKET:
            raise asyncssh.SFTPBadMessage("packet too long")
        try:
            data = await self._reader.readexactly(size)
        except (OSError, asyncssh.DisconnectError) as error:
            raise asyncssh.SFTPConnectionLost(str(error)) from error
        if data[:1] == _NAME and int.from_bytes(data[_COUNTED - 4 : _COUNTED]) > _MOST_NAMES:
            raise asyncssh.SFTPBadMessage("too many names at once")
        if data[:1] == _HANDLE and len(data) > _MOST_HANDLE:
            raise asyncssh.SFTPBadMessage("handle too long")
        return data


@asynccontextmanager
async def open_sftp(link: Link, *, observe: Observer | None = None) -> AsyncIterator[Sftp]:
    """Open a file transfer as the link's user. Raises LinkFailure, for what fails in the body too."""
    connection = await ssh.log_on(link, observe=observe or unobserved)
    politely = False
    try:
        sftp = Sftp(await _start(connection, link), connection, link)
        async with sftp.explained():
            yield sftp
        politely = True
    finally:
        await ssh.abort(connection, politely=politely)


async def _start(connection: asyncssh.SSHClientConnection, link: Link) -> asyncssh.SFTPClient:
    try:
        async with asyncio.timeout(link.limits.reply):
            writer, reader, _ = await connection.open_session(subsystem="sftp", encoding=None)
            short = cast("asyncssh.SSHReader[bytes]", _ShortPackets(reader))
            loop = asyncio.get_running_loop()
            return await start_sftp_client(connection, loop, "strict", short, writer, "utf-8", "strict", 3)
    except (*SFTP_ODD, OSError, TimeoutError) as error:
        if isinstance(error, asyncssh.ChannelOpenError) and error.code != _REFUSED_SUBSYSTEM:
            code = "reply-closed" if connection.is_closed() else "ssh-no-session"
            raise failure(code, "service", link.endpoint, link.proxy) from error
        code, said = await _why_not(connection, link)
        if not code:
            gone = "reply-closed" if connection.is_closed() else "sftp-not-offered"
            code = "reply-timeout" if isinstance(error, TimeoutError) else gone
        raise failure(code, "service", link.endpoint, link.proxy, detail=said) from error


async def _why_not(connection: asyncssh.SSHClientConnection, link: Link) -> tuple[str, str]:
    """Begin once more and listen: a start file prints before all else, some servers say why.

    OpenSSH keeps standard error of a subsystem to itself, so a command is tried after it that does nothing.
    Returns the code and what was said; no code if that was nothing.
    """
    seconds = min(_LISTEN_SECONDS, link.limits.reply)
    before, reason = await _heard(connection, seconds, subsystem="sftp")
    words = before + reason or "".join(await _heard(connection, seconds, command="exit 0"))
    if speaks_of_expiry(words):
        return "ssh-password-expired", ""
    if before:
        return "sftp-text-before", before
    return ("sftp-ended", reason) if reason else ("", "")


async def _heard(connection: asyncssh.SSHClientConnection, seconds: float, **what: str) -> tuple[str, str]:
    """What a session prints within so many seconds, to standard output and to standard error, bounded."""
    said = [b"", b""]

    async def hear(reader: "asyncssh.SSHReader[bytes]", which: int) -> None:
        while len(said[which]) < _MOST_SAID and (piece := await reader.read(_MOST_SAID)):
            said[which] += piece

    with suppress(asyncssh.Error, OSError, TimeoutError):  # what was heard until then tells enough
        async with asyncio.timeout(seconds):
            _, output, errors = await connection.open_session(encoding=None, **what)
            await asyncio.gather(hear(output, 0), hear(errors, 1))
    before, reason = (" ".join(text.decode("utf-8", "replace").split()) for text in said)
    return before, reason


async def fetch_host_key(link: Link, *, observe: Observer | None = None) -> HostKey:
    """The key that the server shows now, approved or not; no credentials are used. Raises LinkFailure."""
    return await ssh.fetch_host_key(link, observe=observe or unobserved)
