"""File transfer over SSH to a log server, with its refusals explained."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncssh

from tm_tui.link import ssh
from tm_tui.link.failures import LinkFailure, failure, translate
from tm_tui.link.host_keys import HostKey
from tm_tui.link.types import Link, Observer, unobserved

__all__ = ["Sftp", "fetch_host_key", "open_sftp"]

_READ_ONLY = 1  # f_flag of statvfs@openssh.com: SSH_FXE_STATVFS_ST_RDONLY


@dataclass(frozen=True, slots=True)
class Sftp:
    """An open file transfer: asyncssh's client, and what its errors mean here."""

    client: asyncssh.SFTPClient
    connection: asyncssh.SSHClientConnection
    link: Link

    async def explain(self, error: asyncssh.Error, folder: str = ".") -> LinkFailure:
        """Make the failure of a file operation. OpenSSH says "failure" for a full disk: ask statvfs."""
        found = translate(error, "service", self.link.endpoint, self.link.proxy)
        if found.code != "remote-file-failed":
            return found
        try:
            async with asyncio.timeout(self.link.limits.reply):
                disk = await self.client.statvfs(folder)
        except (asyncssh.Error, TimeoutError):
            return found
        if disk.flags & _READ_ONLY:
            return failure("remote-read-only", "service", self.link.endpoint, self.link.proxy)
        if disk.bavail == 0 or disk.favail == 0 < disk.files:
            return failure("remote-disk-full", "service", self.link.endpoint, self.link.proxy)
        return found


@asynccontextmanager
async def open_sftp(link: Link, *, observe: Observer | None = None) -> AsyncIterator[Sftp]:
    """Open a file transfer as the link's user. Raises LinkFailure, for asyncssh's errors in the body too."""
    connection = await ssh.log_on(link, observe=observe or unobserved)
    politely = False
    try:
        sftp = Sftp(await _start(connection, link), connection, link)
        try:
            yield sftp
        except asyncssh.Error as error:
            raise await sftp.explain(error) from error
        politely = True
    finally:
        await ssh.abort(connection, politely=politely)


async def _start(connection: asyncssh.SSHClientConnection, link: Link) -> asyncssh.SFTPClient:
    try:
        async with asyncio.timeout(link.limits.reply):
            return await connection.start_sftp_client()
    except TimeoutError as error:
        raise failure("reply-timeout", "service", link.endpoint, link.proxy) from error
    except (asyncssh.Error, OSError) as error:
        raise failure("sftp-not-offered", "service", link.endpoint, link.proxy) from error


async def fetch_host_key(link: Link, *, observe: Observer | None = None) -> HostKey:
    """The key that the server shows now, approved or not; no credentials are used. Raises LinkFailure."""
    return await ssh.fetch_host_key(link, observe=observe or unobserved)
