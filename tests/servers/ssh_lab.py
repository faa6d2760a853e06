"""An SSH server of asyncssh's that can fail in ways in which a healthy OpenSSH will not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh


@dataclass
class Lab:
    """A running server: its port, its key, and which passwords it was told."""

    key: asyncssh.SSHKey
    port: int = 0
    told: list[str] = field(default_factory=list)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)


class _Gate(asyncssh.SSHServer):
    def __init__(self, lab: Lab, logon: str) -> None:
        self._lab = lab
        self._logon = logon

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._lab.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return self._logon != "keyboard"

    async def validate_password(self, username: str, password: str) -> bool:
        self._lab.told.append(password)
        self._lab.asked.set()
        if self._logon == "hang":
            await asyncio.Event().wait()
        if self._logon == "cut":
            self._connection.abort()
        return self._logon == "yes"


class Broken(asyncssh.SFTPServer):
    """Files live in a folder; every write fails as on a disk in some state."""

    flags = 0
    free = 0

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        raise asyncssh.SFTPFailure("Failure")

    def statvfs(self, path: bytes) -> asyncssh.SFTPVFSAttrs:
        return asyncssh.SFTPVFSAttrs(
            bsize=4096, frsize=4096, blocks=100, bfree=self.free, bavail=self.free,
            files=100, ffree=50, favail=50, fsid=0, flags=self.flags, namemax=255,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def lab(
    *, logon: str = "yes", sftp: type[Broken] | None = None, folder: Path | None = None, pretend: bool = False
) -> AsyncIterator[Lab]:
    """Serve; `logon` is yes, no, hang or cut. With `pretend` it shows a key that is not its own."""
    running = Lab(asyncssh.generate_private_key("ssh-ed25519"))
    keys = asyncssh.load_keypairs([running.key])
    if pretend:
        keys[0].public_data = asyncssh.generate_private_key("ssh-ed25519").public_data
    options: dict[str, Any] = {}
    if sftp and folder:
        options["sftp_factory"] = lambda channel: sftp(channel, chroot=str(folder).encode())
    acceptor = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=lambda: _Gate(running, logon), server_host_keys=keys, **options
    )
    running.port = acceptor.get_port()
    try:
        yield running
    finally:
        for connection in running.connections:
            connection.abort()
        acceptor.close()
        await acceptor.wait_closed()
