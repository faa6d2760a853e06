"""Delivery by SFTP: upload as `.part`, bring it to the disk, rename (docs/protocol.md, batch over SSH)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Self

import asyncssh

from tm_tui.delivery.carrier import Sent
from tm_tui.link.failures import translate
from tm_tui.link.sftp import Sftp, open_sftp
from tm_tui.link.types import Link

__all__ = ["SshCarrier"]

_PIECE, _AT_ONCE = 1 << 20, 2
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
        with suppress(asyncssh.Error, TimeoutError):  # tidying decides nothing
            async with asyncio.timeout(_SWEEP_SECONDS):
                await self._sweep(self._sftp.client)
        return self

    async def __aexit__(self, *reason: Any) -> None:
        await self._stack.__aexit__(*reason)

    async def deliver(self, name: str, data: bytes, sent: Sent, *, again: bool) -> None:
        """See `Carrier`. A file that is there with the same size is the same: its name holds its checksum."""
        if self._sftp is None:
            raise RuntimeError("The session is not open.")
        path = f"{self._folder}/{name}"
        async with self._explained(self._sftp):
            if again and await _size(self._sftp.client, path) == len(data):
                sent(len(data))
                return
            await self._upload(self._sftp.client, f"{path}{_PART}", data, sent)
            await _rename(self._sftp.client, f"{path}{_PART}", path)

    @asynccontextmanager
    async def _explained(self, sftp: Sftp) -> AsyncIterator[None]:
        try:
            yield
        except asyncssh.Error as error:
            raise await sftp.explain(error, self._folder) from error
        except OSError as error:
            raise translate(error, "service", self._link.endpoint, self._link.proxy) from error

    async def _upload(self, client: asyncssh.SFTPClient, part: str, data: bytes, sent: Sent) -> None:
        try:
            file = await client.open(part, "wb")
        except asyncssh.SFTPNoSuchFile:
            await client.makedirs(self._folder, exist_ok=True)
            file = await client.open(part, "wb")
        async with file:
            await _write(file, data, sent)
            with suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()

    async def _sweep(self, client: asyncssh.SFTPClient) -> None:
        """Remove what uploads of this appliance that died have left; nobody else writes here."""
        async for found in client.scandir(self._folder):
            name = str(found.filename)
            if name.startswith(f"{self._appliance}-") and name.endswith(_PART):
                with suppress(asyncssh.SFTPError):
                    await client.remove(f"{self._folder}/{name}")


async def _write(file: asyncssh.SFTPClientFile, data: bytes, sent: Sent) -> None:
    """Keep several pieces on their way, or each would wait for the far end's reply to the one before."""
    places = iter(range(0, len(data), _PIECE))

    async def carry() -> None:
        for start in places:
            piece = data[start : start + _PIECE]
            await file.write(piece, start)
            sent(len(piece))

    carriers = [asyncio.create_task(carry()) for _ in range(_AT_ONCE)]
    try:
        await asyncio.gather(*carriers)
    finally:
        for task in carriers:
            task.cancel()


async def _size(client: asyncssh.SFTPClient, path: str) -> int | None:
    try:
        return (await client.stat(path)).size
    except asyncssh.SFTPNoSuchFile:
        return None


async def _rename(client: asyncssh.SFTPClient, part: str, path: str) -> None:
    """Put the finished file in place at once; without OpenSSH's extension, clear the place first."""
    try:
        await client.posix_rename(part, path)
    except asyncssh.SFTPOpUnsupported:
        with suppress(asyncssh.SFTPNoSuchFile):
            await client.remove(path)
        await client.rename(part, path)
