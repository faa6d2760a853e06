"""The SSH side of the log server: password logins, SFTP, and no shell, command or tunnel."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncssh
from pydantic import SecretStr

from tm_tui.atomic import Folder, StorageAbsent
from tm_tui.errors import StorageFailed
from tm_tui.portal.home import PortalHome
from tm_tui.portal.refusals import Refused
from tm_tui.portal.rooms import Guest, Rooms, Shares
from tm_tui.portal.sftp import LogFolder, Uploads

if TYPE_CHECKING:
    from tm_tui.portal.core import Portal

__all__ = ["ensure_host_key", "ssh_server"]

_KEY_FILE = "ssh_host_ed25519"
_MOST_SESSIONS = 8
_LOGIN_SECONDS = 20
_IDLE_SECONDS = 900.0
_LOOK_SECONDS = 15.0
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
    rooms: Rooms
    callers: set["_Caller"]
    uploads: Uploads


class _Caller(asyncssh.SSHServer):
    """One connection: it gets in by password only, and what is not SFTP is refused by asyncssh's defaults."""

    _connection: asyncssh.SSHServerConnection

    def __init__(self, house: _House) -> None:
        self._house = house
        self._source = ""
        self._sessions = 0
        self.guest = Guest("")

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._source = str((conn.get_extra_info("peername") or ("",))[0])
        self._connection = conn
        self.guest = Guest(self._source, end=self._crowded_out, waiting=lambda: self.idle > _LOOK_SECONDS)
        self._house.callers.add(self)
        self._house.rooms.enter(self.guest)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # the client's reasons are its own
        self._house.callers.discard(self)
        self._house.rooms.leave(self.guest)

    @property
    def idle(self) -> float:
        """Seconds since it logged on, or asked for something."""
        return time.monotonic() - self.guest.since

    def end(self) -> None:
        """Cut the connection."""
        self._connection.abort()

    def _crowded_out(self) -> None:
        self._house.portal.log.refuse("crowded", self._source, server="ssh")
        self.end()

    def folder(self, channel: "asyncssh.SSHServerChannel[bytes]") -> LogFolder:
        """An SFTP session more. So many a connection; one more ends it."""
        self._sessions += 1
        if self._sessions > _MOST_SESSIONS:
            self._refuse(f"A connection has at most {_MOST_SESSIONS} SFTP sessions.")
        return LogFolder(channel, self._house.portal, self._house.uploads, self.guest.used)

    def _refuse(self, words: str) -> None:
        self._house.portal.log.refuse("refused", self._source, server="ssh", cause=words)
        self._connection.disconnect(asyncssh.DISC_TOO_MANY_CONNECTIONS, words)

    def password_auth_supported(self) -> bool:
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        portal = self._house.portal
        try:
            caller = await portal.doorkeeper.caller(username, SecretStr(password))
            if caller is not None and caller.role == "appliance":
                self._house.rooms.admit(self.guest, "appliance", username)
        except Refused as refused:  # of no password, which would be told as a wrong one
            self._refuse(f"{refused.cause} {refused.remedy}")
            return False
        if caller is not None and caller.role == "appliance":
            self.guest.used()
            portal.log.say("login", server="ssh", source=self._source, account=username)
            return True
        portal.log.refuse("refused", self._source, server="ssh", account=username, cause="wrong password")
        return False


def _folder(channel: "asyncssh.SSHServerChannel[bytes]") -> LogFolder:
    caller = channel.get_connection().get_owner()
    assert isinstance(caller, _Caller)  # noqa: S101 # `server_factory` makes no other
    return caller.folder(channel)


async def _end_idle(house: _House) -> None:
    """End those who are logged on and ask for nothing, until this is cancelled."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        for caller in tuple(house.callers):
            if caller.guest.room != "unknown" and caller.idle > _IDLE_SECONDS:
                caller.end()


@contextlib.asynccontextmanager
async def ssh_server(
    portal: "Portal", listener: socket.socket, key: asyncssh.SSHKey, shares: Shares
) -> AsyncIterator[None]:
    """Serve while the block runs; at its end every connection is cut."""
    house = _House(portal, Rooms.of_process(shares), set(), {})

    acceptor = await asyncssh.listen(
        sock=listener,
        config=None,
        server_factory=lambda: _Caller(house),
        server_host_keys=[key],
        server_version="tm-tui-portal",
        sftp_factory=_folder,
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
    looking = asyncio.create_task(_end_idle(house))
    try:
        yield
    finally:
        looking.cancel()
        acceptor.close()
        for caller in tuple(house.callers):
            caller.end()
        await acceptor.wait_closed()
