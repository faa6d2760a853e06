"""A log server over SSH whose file transfer is right but for one reply: what that is, the test says."""

import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncssh

INIT, OPEN, READ, OPENDIR, READDIR, STAT, EXTENDED = 1, 3, 5, 11, 12, 17, 200
VERSION, STATUS, HANDLE, DATA, NAME, ATTRS, REPLY = 2, 101, 102, 103, 104, 105, 201
_NAMES = {1: "init", 3: "open", 4: "close", 5: "read", 6: "write", 11: "opendir", 12: "readdir", 17: "stat"}
_EXTENSIONS = ("posix-rename", "fsync", "limits", "statvfs")
_END = 1


def packet(kind: int, body: bytes) -> bytes:
    """One packet of SFTP, version 3 (draft-ietf-secsh-filexfer-02)."""
    return (len(body) + 1).to_bytes(4, "big") + bytes([kind]) + body


def text(data: bytes) -> bytes:
    """A string of SSH."""
    return len(data).to_bytes(4, "big") + data


def status(number: bytes, code: int = 0) -> bytes:
    """How a request ended."""
    return packet(STATUS, number + code.to_bytes(4, "big") + text(b"") + text(b""))


@dataclass
class Odd:
    """A running server. At the request named `stage` it does `does`, given the session and the number."""

    port: int = 0
    stage: str = ""
    does: Callable[["Session", bytes], None] = lambda _session, _number: None
    asked: set[str] = field(default_factory=set)


class Session(asyncssh.SSHServerSession[bytes]):
    """SFTP by hand."""

    def __init__(self, odd: Odd, connection: asyncssh.SSHServerConnection) -> None:
        self.odd, self.connection, self._heard = odd, connection, b""

    def connection_made(self, chan: Any) -> None:
        self.channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        return True

    def reset(self) -> None:
        """End the connection as a machine does that is gone."""
        ends = self.connection.get_extra_info("socket")
        ends.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.abort()

    def data_received(self, data: bytes, datatype: Any) -> None:
        self._heard += data
        while len(self._heard) >= 4:
            end = 4 + int.from_bytes(self._heard[:4], "big")
            if len(self._heard) < end:
                return
            kind, number, rest = self._heard[4], self._heard[5:9], self._heard[9:end]
            self._heard = self._heard[end:]
            name = _NAMES.get(kind, str(kind))
            if kind == EXTENDED:
                name = rest[4 : 4 + int.from_bytes(rest[:4], "big")].decode().partition("@")[0]
            self.odd.asked.add(name)
            if name == self.odd.stage:
                self.odd.does(self, number)
            else:
                self.channel.write(_right(kind, name, number))


def _right(kind: int, name: str, number: bytes) -> bytes:
    if kind == INIT:
        told = b"".join(text(f"{one}@openssh.com".encode()) + text(b"1") for one in _EXTENSIONS)
        return packet(VERSION, (3).to_bytes(4, "big") + told)
    if kind in {OPEN, OPENDIR}:
        return packet(HANDLE, number + text(b"h"))
    if kind in {READ, READDIR}:
        return status(number, _END)
    if kind == STAT:
        return packet(ATTRS, number + (8).to_bytes(4, "big") + bytes(8))
    if name == "limits":
        return packet(REPLY, number + struct.pack(">4Q", 1 << 18, 1 << 17, 1 << 17, 10))
    return status(number)


class _Gate(asyncssh.SSHServer):
    def __init__(self, odd: Odd) -> None:
        self._odd = odd

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return True

    def session_requested(self) -> Any:
        return self._connection.create_server_channel(encoding=None), Session(self._odd, self._connection)


@contextlib.asynccontextmanager
async def odd_sftp() -> AsyncIterator[Odd]:
    """Serve."""
    odd = Odd()
    key = asyncssh.generate_private_key("ssh-ed25519")
    running = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=lambda: _Gate(odd), server_host_keys=[key], encoding=None
    )
    async with running:
        odd.port = running.get_port()
        yield odd
