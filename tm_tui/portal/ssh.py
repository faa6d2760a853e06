"""The SSH side of the log server: password logins, SFTP, and no shell, command or tunnel."""

import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncssh
from pydantic import SecretStr

from tm_tui.atomic import Folder, StorageAbsent
from tm_tui.errors import StorageFailed
from tm_tui.portal.home import PortalHome
from tm_tui.portal.sftp import LogFolder, Uploads

if TYPE_CHECKING:
    from tm_tui.portal.core import Portal

__all__ = ["ensure_host_key", "ssh_server"]

_KEY_FILE = "ssh_host_ed25519"
_MOST_CONNECTIONS = 200
_LOGIN_SECONDS = 20
_KEEPALIVE_SECONDS = 15
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr")
_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")


def ensure_host_key(home: PortalHome) -> asyncssh.SSHKey:
    """The Ed25519 host key, made at the first start. Raises StorageFailed."""
    with Folder.open(home.path) as top, top.folder("keys") as keys:
        try:
            return asyncssh.import_private_key(keys.read(_KEY_FILE, 65536))
        except StorageAbsent:
            key = asyncssh.generate_private_key("ssh-ed25519")
            keys.replace(_KEY_FILE, key.export_private_key())
            return key
        except asyncssh.KeyImportError:
            cause = f"{keys.path / _KEY_FILE} holds no private key."
            raise StorageFailed(cause, "Restore it; a new one would have to be approved anew.") from None


@dataclass(frozen=True)
class _House:
    portal: "Portal"
    connections: set[asyncssh.SSHServerConnection]
    uploads: Uploads


class _Caller(asyncssh.SSHServer):
    """One connection: it gets in by password only, and what is not SFTP is refused by asyncssh's defaults."""

    def __init__(self, house: _House) -> None:
        self._house = house
        self._connection: asyncssh.SSHServerConnection | None = None
        self._source = ""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._source = str((conn.get_extra_info("peername") or ("",))[0])
        self._house.connections.add(conn)
        if len(self._house.connections) > _MOST_CONNECTIONS:
            self._house.portal.log.refuse("crowded", self._source, server="ssh")
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # the client's reasons are its own
        if self._connection is not None:
            self._house.connections.discard(self._connection)

    def password_auth_supported(self) -> bool:
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        portal = self._house.portal
        caller = await portal.doorkeeper.caller(username, SecretStr(password))
        if caller is not None and caller.role == "appliance":
            portal.log.say("login", server="ssh", source=self._source, account=username)
            return True
        portal.log.refuse("refused", self._source, server="ssh", account=username, cause="wrong password")
        return False


@contextlib.asynccontextmanager
async def ssh_server(portal: "Portal", listener: socket.socket, key: asyncssh.SSHKey) -> AsyncIterator[None]:
    """Serve while the block runs; at its end every connection is cut."""
    house = _House(portal, set(), {})

    def folder(channel: "asyncssh.SSHServerChannel[bytes]") -> LogFolder:
        return LogFolder(channel, portal, house.uploads)

    acceptor = await asyncssh.listen(
        sock=listener,
        config=None,
        server_factory=lambda: _Caller(house),
        server_host_keys=[key],
        server_version="tm-tui-portal",
        sftp_factory=folder,
        allow_scp=False,
        allow_pty=False,
        agent_forwarding=False,
        x11_forwarding=False,
        gss_host=None,
        host_based_auth=False,
        public_key_auth=False,
        kbdint_auth=False,
        encryption_algs=_CIPHERS,
        mac_algs=_MACS,
        compression_algs=("none",),
        login_timeout=_LOGIN_SECONDS,
        keepalive_interval=_KEEPALIVE_SECONDS,
    )
    try:
        yield
    finally:
        acceptor.close()
        for connection in tuple(house.connections):
            connection.abort()
        await acceptor.wait_closed()
