"""Delivery by SFTP: upload as `.part`, bring it to the disk, rename (docs/protocol.md, batch over SSH)."""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from typing import Any, Self

import asyncssh
from asyncssh.packet import PacketDecodeError

from tm_tui.delivery.delivered import SFTP_DELIVERED, Sent
from tm_tui.link.sftp import SFTP_ODD, Sftp, open_sftp
from tm_tui.link.types import Link
from tm_tui.spool.batch import appliance_of

__all__ = ["SshCarrier", "leave_probe", "put_file"]

_PIECE = 1 << 20
_LARGEST_WRITE, _SAFE_WRITE, _IN_FLIGHT, _MOST_WRITES = 255 << 10, 16 << 10, 2 << 20, 64
"""Bytes of one request: OpenSSH takes so many, every server the safe ones; and what is on its way at once."""
_SAFE_READ = 16 << 10
_PART = ".part"
_SWEEP_SECONDS = 5.0


class SshCarrier:
    """One SSH connection with its file transfer, kept between batches."""

    def __init__(self, link: Link, appliance: str) -> None:
        self._link, self._appliance = link, appliance
        self._folder = f"logs/{appliance}"
        self._stack = AsyncExitStack()
        self._sftp: Sftp | None = None

    async def __aenter__(self) -> Self:
        self._sftp = await self._stack.enter_async_context(open_sftp(self._link))
        with suppress(*SFTP_ODD, TimeoutError):  # tidying decides nothing
            async with asyncio.timeout(_SWEEP_SECONDS):
                await self._sweep(self._sftp.client)
        return self

    async def __aexit__(self, *reason: Any) -> None:
        await self._stack.__aexit__(*reason)

    async def deliver(self, name: str, data: bytes, sent: Sent, *, again: bool) -> None:
        """See `Carrier`. Whether a file that is there is this batch, its bytes say."""
        if self._sftp is None:
            raise RuntimeError("The session is not open.")
        folder = f"logs/{appliance_of(name) or self._appliance}"  # it may have had another identity then
        client = self._sftp.client
        async with self._sftp.explained(folder):
            if again and await _holds(client, f"{folder}/{name}", data, sent):
                return
            await put_file(client, folder, name, data, sent)

    async def _sweep(self, client: asyncssh.SFTPClient) -> None:
        """Remove what uploads of this appliance that died have left; nobody else writes here."""
        async for found in client.scandir(self._folder):
            name = str(found.filename)
            if name.startswith(f"{self._appliance}-") and name.endswith(_PART):
                with suppress(*SFTP_ODD):
                    await client.remove(f"{self._folder}/{name}")


async def put_file(client: asyncssh.SFTPClient, folder: str, name: str, data: bytes, sent: Sent) -> None:
    """Leave a whole file at the server. Raises asyncssh.SFTPError.

    An account must be allowed to write in the folder (to make it, where it is missing) and to rename; not
    to list, to look or to remove.
    """
    part, path = f"{folder}/{name}{_PART}", f"{folder}/{name}"
    await _upload(client, folder, part, data, sent)
    refused = await _refusal(client.posix_rename(part, path))
    if isinstance(refused, asyncssh.SFTPOpUnsupported):
        refused = await _plain_rename(client, part, path, data, sent)
    if refused is not None and refused.code not in SFTP_DELIVERED:
        raise refused


async def leave_probe(client: asyncssh.SFTPClient, folder: str, content: bytes) -> float | None:
    """Leave `probe` as a batch is left, and remove it where that is allowed. Raises asyncssh.SFTPError.

    Returns the time that the server gave it, in seconds since 1970; None where it does not tell.
    """
    await put_file(client, folder, "probe", content, lambda _: None)
    written = None
    with suppress(*SFTP_ODD):
        written = (await client.stat(f"{folder}/probe")).mtime
    with suppress(*SFTP_ODD):
        await client.remove(f"{folder}/probe")
    return written


async def _upload(client: asyncssh.SFTPClient, folder: str, part: str, data: bytes, sent: Sent) -> None:
    try:
        file = await client.open(part, "wb", block_size=None)
    except asyncssh.SFTPNoSuchFile:
        await client.makedirs(folder, exist_ok=True)
        file = await client.open(part, "wb", block_size=None)
    size = min(max(client.limits.max_write_len, _SAFE_WRITE), _LARGEST_WRITE)
    async with file:
        await _write(file, data, size, sent)
        with suppress(asyncssh.SFTPOpUnsupported):
            await file.fsync()


async def _write(file: asyncssh.SFTPClientFile, data: bytes, size: int, sent: Sent) -> None:
    """Keep several pieces on their way, or each would wait for the far end's reply to the one before.

    Each is one request: asyncssh's own cutting up takes SSH_FX_EOF, which a server may answer to any of
    them, for the file's end and goes on.
    """
    places = iter(range(0, len(data), size))

    async def carry() -> None:
        for start in places:
            piece = data[start : start + size]
            await file.write(piece, start)
            sent(len(piece))

    at_once = max(1, min(_MOST_WRITES, _IN_FLIGHT // size))
    carriers = [asyncio.create_task(carry()) for _ in range(at_once)]
    try:
        await asyncio.gather(*carriers)
    finally:
        for task in carriers:
            task.cancel()


async def _holds(client: asyncssh.SFTPClient, path: str, data: bytes, sent: Sent) -> bool:
    """Whether these bytes are at the server; no, where it lets nobody look: then the rename tells."""
    try:
        async with client.open(path, "rb", block_size=_SAFE_READ) as file:
            if await file.read(1, len(data)):
                return False
            for start in range(0, len(data), _PIECE):
                piece = data[start : start + _PIECE]
                found: str | bytes = await file.read(len(piece), start)  # bytes: asyncssh types both alike
                if found != piece:
                    return False
                sent(len(piece))
    except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
        raise
    except (asyncssh.SFTPError, PacketDecodeError):
        return False
    return True


async def _refusal(step: Awaitable[None]) -> asyncssh.SFTPError | None:
    """How the server answered a step: None for SSH_FX_OK, which asyncssh does not raise."""
    try:
        await step
    except asyncssh.SFTPError as error:
        return error
    return None


async def _plain_rename(
    client: asyncssh.SFTPClient, part: str, path: str, data: bytes, sent: Sent
) -> asyncssh.SFTPError | None:
    """Without OpenSSH's extension a rename replaces nothing: what is there is this batch, or goes first."""
    refused = await _refusal(client.rename(part, path))
    if refused is None or await _holds(client, path, data, sent):
        return None
    if await _refusal(client.remove(path)) is None:
        refused = await _refusal(client.rename(part, path))
    return refused
