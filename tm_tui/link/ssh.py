"""One SSH connection over the dialer: the host key decides before any credential is named."""

import asyncio
import contextlib
import socket
from typing import Any

import asyncssh
from asyncssh.packet import SSHPacket

from tm_tui.errors import StorageFailed
from tm_tui.link.dialer import Greeting, dial_and_hear
from tm_tui.link.failures import LinkFailure, failure, translate
from tm_tui.link.host_keys import HostKey
from tm_tui.link.ssh_client import Client
from tm_tui.link.types import Link, Observer
from tm_tui.sockets import DroppingSocket

__all__ = ["abort", "fetch_host_key", "log_on"]

asyncssh.set_log_level("WARNING")  # at debug level 3 it logs passwords
asyncssh.set_sftp_log_level("WARNING")

_HOST_KEY_ALGS = {
    "ssh-ed25519": ["ssh-ed25519"],
    "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
    "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
    "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
    "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
}
_ANY_ALGS = [name for names in _HOST_KEY_ALGS.values() for name in names]
_OPTIONS: dict[str, Any] = {
    "config": None,
    "agent_path": None,
    "client_keys": None,
    "known_hosts": ([], [], []),  # nothing is known to asyncssh: Client decides, by our own file
    "x509_trusted_certs": None,
    "gss_host": None,
    "preferred_auth": ("password", "keyboard-interactive", "publickey"),  # the last is never used: see Client
    "kex_algs": [
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp521",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp256",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group14-sha256",
    ],
    "encryption_algs": [
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "chacha20-poly1305@openssh.com",
        "aes256-ctr",
        "aes192-ctr",
        "aes128-ctr",
    ],
    "mac_algs": [
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-512",
    ],
    "compression_algs": ["none"],
    "keepalive_count_max": 3,
}
_CLOSE_SECONDS = 1.0
_AHEAD = 1 << 14
"""Bytes: asyncssh works off at once all that has arrived. What a log server says is short."""


async def fetch_host_key(link: Link, *, observe: Observer) -> HostKey:
    """The key that the server shows now; no credentials are used. Raises LinkFailure."""
    opening = await _dial(link, observe, _ANY_ALGS, look_only=True)
    await opening.end()
    shown = opening.client.shown
    if shown is None:
        raise failure("host-key-invalid", "host_key", link.endpoint, link.proxy)
    observe("host_key", "passed", shown)
    return shown


async def log_on(link: Link, *, observe: Observer) -> asyncssh.SSHClientConnection:
    """Connect, verify the host key, log on. Raises LinkFailure; one about the host key carries it."""
    if link.credentials is None:
        raise failure("ssh-no-credentials", "authentication", link.endpoint, link.proxy)
    try:
        filed = [
            name
            for key in link.trust.host_keys.of(link.endpoint)
            for name in _HOST_KEY_ALGS.get(key.algorithm, ())
        ]
    except StorageFailed as error:
        raise failure("host-keys-unreadable", "host_key", link.endpoint, link.proxy) from error
    try:
        return await _connect(link, observe, filed or _ANY_ALGS)
    except LinkFailure as refused:
        if refused.code != "ssh-no-common-algorithm" or not filed:
            raise
    # The server has none of the approved types any more: see which one it shows now.
    return await _connect(link, observe, _ANY_ALGS)


async def _connect(link: Link, observe: Observer, algorithms: list[str]) -> asyncssh.SSHClientConnection:
    opening = await _dial(link, observe, algorithms, look_only=False)
    connection = None
    try:
        shown = opening.client.shown
        observe("host_key", "passed", shown or "")
        observe("authentication", "started", "")
        connection = await opening.opened(link.limits.login)
        observe("authentication", "passed", "user name and password accepted")
    finally:
        if connection is None:
            await opening.end()
    return connection


async def _dial(link: Link, observe: Observer, algorithms: list[str], *, look_only: bool) -> "_Opening":
    """Dial, and go on until the server has proved its host key, or has shown it to who only looks."""

    async def hear(sock: socket.socket) -> _Opening:
        opening = _Opening(link, Client(link, look_only=look_only), DroppingSocket(sock), algorithms)
        try:
            await opening.greeted(link.limits.handshake)
        except BaseException as error:
            await opening.end()
            if not (look_only and opening.client.shown and isinstance(error, LinkFailure)):
                raise
        return opening

    greeting = Greeting("host_key", link.endpoint.bracketed, link.limits.handshake, hear, _AHEAD)
    way = (link.endpoint, link.proxy, link.trust, greeting)
    return await dial_and_hear(*way, limits=link.limits, observe=observe)


class _Opening:
    """An SSH connection while it is opened: asyncssh at work on it, and what that told our client."""

    def __init__(self, link: Link, client: Client, sock: socket.socket, algorithms: list[str]) -> None:
        self.client = client
        self._link, self._sock, self._algorithms = link, sock, algorithms
        self._task = asyncio.create_task(_open(link, client, sock, algorithms))

    async def greeted(self, seconds: float) -> None:
        """Wait until the server has proved its host key. Raises LinkFailure."""
        proved = asyncio.create_task(self.client.proved.wait())
        try:
            both = {self._task, proved}
            await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            proved.cancel()
        if self._task.done() or not self.client.proved.is_set():
            self._result()

    async def opened(self, seconds: float) -> asyncssh.SSHClientConnection:
        """Wait until the logon is through. Raises LinkFailure."""
        await asyncio.wait({self._task}, timeout=seconds)
        return self._result()

    def _result(self) -> asyncssh.SSHClientConnection:
        client, way = self.client, (self._link.endpoint, self._link.proxy)
        try:
            if not self._task.done():
                raise TimeoutError
            return self._task.result()
        except (asyncssh.Error, OSError, ValueError) as error:
            if client.refusal:
                raise client.refusal from None
            if isinstance(error, asyncssh.PermissionDenied):
                raise failure(client.why_denied, client.stage, *way) from error
            found = translate(error, client.stage, *way)
            if found.code == "ssh-closed":
                found = failure(_why_closed(client.connection, error, self._algorithms), client.stage, *way)
            raise found from error

    async def end(self) -> None:
        """Leave nothing of it: asyncssh waits for ever on a peer that says nothing."""
        try:
            self._task.cancel()
            if self.client.connection:
                self.client.connection.abort()
                await _closed(self.client.connection)
            await asyncio.wait({self._task}, timeout=_CLOSE_SECONDS)
        finally:
            self._sock.close()

    def close(self) -> None:
        """Hang up at once."""
        if self.client.connection:
            self.client.connection.abort()
        self._task.cancel()
        self._sock.close()


def _why_closed(
    connection: asyncssh.SSHClientConnection | None, error: Exception, algorithms: list[str]
) -> str:
    """What went wrong before a server showed a host key.

    What breaks the protocol is none of SSH. Who hangs up on reading our lists of algorithms has sent its own:
    if they fit, or did not come, the line was cut. OpenSSH closes so fast that asyncssh sees the end before
    its own verdict. Before a greeting, several lines of something else (asyncssh counts them) are another
    protocol's complaint; one line is what a busy sshd says.
    """
    if isinstance(error, asyncssh.ProtocolError):
        return "ssh-not-spoken"
    if (lists := getattr(connection, "_server_kexinit", b"")) and not _fit(lists, algorithms):
        return "ssh-no-common-algorithm"
    greeted = connection is None or connection.get_extra_info("server_version")
    return "ssh-not-spoken" if not greeted and getattr(connection, "_banner_lines", 0) > 1 else "ssh-closed"


def _fit(lists: bytes, host_keys: list[str]) -> bool:
    """Whether a server's lists of algorithms (RFC 4253, 7.1) have some of each of ours."""
    packet = SSHPacket(lists)
    packet.get_bytes(1 + 16)  # the message's type, a cookie
    names = [{name.decode("ascii", "replace") for name in packet.get_namelist()} for _ in range(6)]
    kex, keys, ciphers, macs = names[0], names[1], names[2:4], names[4:]
    ours = _OPTIONS["encryption_algs"]
    chosen = [next((name for name in ours if name in theirs), "") for theirs in ciphers]
    fitting = [
        not kex.isdisjoint(_OPTIONS["kex_algs"]),
        not keys.isdisjoint(host_keys),
        all(chosen),
        *(
            "@" in cipher or not theirs.isdisjoint(_OPTIONS["mac_algs"])  # of ours, those need no MAC
            for cipher, theirs in zip(chosen, macs, strict=True)
        ),
    ]
    return all(fitting)


async def _open(
    link: Link, client: Client, sock: socket.socket, algorithms: list[str]
) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        link.endpoint.host,
        link.endpoint.port,
        sock=sock,
        client_factory=lambda: client,
        username=link.credentials.username if link.credentials else "nobody",
        server_host_key_algs=algorithms,
        # Later than our own limits, which know what was waited for.
        login_timeout=link.limits.handshake + link.limits.login + 1,
        keepalive_interval=link.limits.keepalive,
        **_OPTIONS,
    )


async def abort(connection: asyncssh.SSHClientConnection, *, politely: bool) -> None:
    """End a connection: close it, and after a second tear it down."""
    if politely:
        connection.close()
        if await _closed(connection):
            return
    connection.abort()
    await _closed(connection)


async def _closed(connection: asyncssh.SSHClientConnection) -> bool:
    """Wait up to a second for its end: even an aborted connection needs one more turn of the loop."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await connection.wait_closed()
            return True
    return False
