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

from tm_tui.atomic import Folder, StorageAbsent, storage_failure
from tm_tui.errors import StorageFailed
from tm_tui.portal.home import PortalHome
from tm_tui.portal.proxies import NO_PROXY, BadHeader, Proxies, client_of
from tm_tui.portal.refusals import Refused
from tm_tui.portal.rooms import Guest, Rooms, Shares
from tm_tui.portal.sftp import LogFolder
from tm_tui.serving.listening import AcceptLoop, Seldom
from tm_tui.sockets import DroppingSocket
from tm_tui.tasks import Tasks
from tm_tui.text import safe_text

if TYPE_CHECKING:
    from tm_tui.portal.core import Portal

__all__ = ["SshServing", "host_key", "ssh_server"]

_KEY_FILE = "ssh_host_ed25519"
_MOST_SESSIONS = 8
_LOGIN_SECONDS = 20
_IDLE_SECONDS = 900.0
_LOOK_SECONDS = 15.0
_KEEPALIVE_SECONDS = 15
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr")
_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")


def host_key(home: PortalHome, given: str) -> asyncssh.SSHKey:
    """The host key in the file that the settings give, else an Ed25519 key made at the first start.

    Raises StorageFailed.
    """
    if not given:
        return _own_key(home)
    path = home.path / given
    try:
        return asyncssh.read_private_key(path)
    except OSError as error:
        raise storage_failure(path, error) from None
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        cause = f"{safe_text(str(path))} holds no private key without a passphrase."
        raise StorageFailed(cause, "See ssh_host_key in portal.toml.") from None


def _own_key(home: PortalHome) -> asyncssh.SSHKey:
    with Folder.open(home.path) as top, top.folder("keys") as keys, keys.locked():
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
    clients: dict[object, str]
    """Clients' addresses as a proxy named them, by the peer's address and port, until SSH begins."""


class _Caller(asyncssh.SSHServer):
    """One connection: it gets in by password only, and what is not SFTP is refused by asyncssh's defaults."""

    _connection: asyncssh.SSHServerConnection

    def __init__(self, house: _House) -> None:
        self._house = house
        self._source = ""
        self._sessions = 0
        self.guest = Guest("")

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        peer = conn.get_extra_info("peername") or ("",)
        self._source = self._house.clients.pop(peer, "") or str(peer[0])
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
        return LogFolder(channel, self._house.portal, self.guest.used, self._source)

    def _refuse(self, words: str) -> None:
        self._house.portal.log.refuse("refused", self._source, server="ssh", cause=words)
        self._connection.disconnect(asyncssh.DISC_TOO_MANY_CONNECTIONS, words)

    def password_auth_supported(self) -> bool:
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        portal = self._house.portal
        try:
            caller = await portal.doorkeeper.caller(username, SecretStr(password), self._source)
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


@dataclass(frozen=True)
class SshServing:
    """How the log server over SSH is served: its key, how many connections, proxies in front of it."""

    key: asyncssh.SSHKey
    shares: Shares
    proxies: Proxies = NO_PROXY


@contextlib.asynccontextmanager
async def ssh_server(portal: "Portal", listener: socket.socket, serving: SshServing) -> AsyncIterator[None]:
    """Serve while the block runs; at its end every connection is cut."""
    house = _House(portal, Rooms.of_process(serving.shares), set(), {})
    options = asyncssh.SSHServerConnectionOptions(
        config=None,
        server_factory=lambda: _Caller(house),
        server_host_keys=[serving.key],
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
        async with _accepting(house, listener, options, serving.proxies):
            yield
    finally:
        looking.cancel()


@contextlib.asynccontextmanager
async def _accepting(
    house: _House, listener: socket.socket, options: asyncssh.SSHServerConnectionOptions, proxies: Proxies
) -> AsyncIterator[None]:
    """Accept by rules of our own; behind proxies their word comes first."""
    tasks = Tasks()

    def take(connection: socket.socket) -> None:
        tasks.start(_begin(house, connection, options, proxies), "portal-ssh")

    accepting = AcceptLoop(listener, take, "the portal", Seldom())
    try:
        yield
    finally:
        accepting.close()
        await tasks.stop()
        _end_all(house)


def _end_all(house: _House) -> None:
    for caller in tuple(house.callers):
        caller.end()


async def _begin(
    house: _House,
    connection: socket.socket,
    options: asyncssh.SSHServerConnectionOptions,
    proxies: Proxies,
) -> None:
    """The proxy's header, if it is one, then SSH until the log-on."""
    try:
        peer = connection.getpeername()
        told = proxies.header and proxies.trusts(str(peer[0]))
        if told and (client := await client_of(connection)) is not None:
            house.clients[peer] = client
    except (BadHeader, OSError):
        connection.close()
        return
    except BaseException:
        connection.close()
        raise
    try:
        await asyncssh.run_server(DroppingSocket(connection), config=None, options=options)
    except (OSError, asyncssh.Error):
        return  # it ended before anybody was logged on
    finally:
        house.clients.pop(peer, None)
