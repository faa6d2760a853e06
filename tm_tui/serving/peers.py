"""Who is at the other end of the control socket, by the kernel's word, and what that user may do."""

import ctypes
import errno
import os
import pwd
import socket
import struct
from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["ADMIN_GROUP", "VIEW_GROUP", "Peer", "Role", "group_id", "peer_of", "role_of", "user_name"]

ADMIN_GROUP = "tm-admin"
VIEW_GROUP = "tm-view"

Role = Literal["write", "read"]

_SO_PEERGROUPS = getattr(socket, "SO_PEERGROUPS", 59)  # socket(7), Linux 4.13; Python has no name for it
_libc = ctypes.CDLL(None, use_errno=True)
_UCRED = struct.Struct("3i")
_MOST_GROUPS = 65536  # NGROUPS_MAX
_FEW_GROUPS = 256
_ENTRY_SIZES = (1 << 12, 1 << 16, 1 << 20, 1 << 24)
"""Bytes for one entry of the group database, with the names of all members."""
_ABSENT = (0, errno.ENOENT, errno.ESRCH, errno.EBADF, errno.EPERM)
"""By getgrnam_r(3), there is no such group; any other number says that nobody could look."""


class _Group(ctypes.Structure):
    """`struct group` of getgrnam(3)."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("password", ctypes.c_char_p),
        ("number", ctypes.c_uint32),
        ("members", ctypes.c_void_p),
    )


class _Connection(Protocol):
    """A socket, or asyncio's view of one."""

    def fileno(self) -> int: ...

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected, as it was then."""

    pid: int
    uid: int
    groups: frozenset[int]
    """The primary group and all others."""


def peer_of(connection: _Connection) -> Peer:
    """Ask the kernel who connected (unix(7)). Raises OSError when it does not tell."""
    pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Peer(pid, uid, frozenset({gid, *_groups(connection)}))


def _groups(connection: _Connection) -> list[int]:
    """Ask for all groups but the primary one, through libc: Python's own call stops at 256 of them."""
    for most in (_FEW_GROUPS, _MOST_GROUPS):
        groups = (ctypes.c_uint32 * most)()
        size = ctypes.c_uint32(ctypes.sizeof(groups))
        if (
            _libc.getsockopt(
                connection.fileno(), socket.SOL_SOCKET, _SO_PEERGROUPS, groups, ctypes.byref(size)
            )
            == 0
        ):
            return list(groups[: size.value // ctypes.sizeof(ctypes.c_uint32)])
        if ctypes.get_errno() != errno.ERANGE:
            break
    raise OSError(ctypes.get_errno(), "the groups of the peer are not known")


def group_id(name: str) -> int | None:
    """The number of a group; None when this machine does not have it. Raises OSError when nobody can tell.

    Asked of the C library: Python's own call says "not found" also when there was no descriptor to look with.
    """
    found, entry = ctypes.c_void_p(), _Group()
    for size in _ENTRY_SIZES:
        room = ctypes.create_string_buffer(size)
        failed: int = _libc.getgrnam_r(
            name.encode(), ctypes.byref(entry), room, ctypes.c_size_t(size), ctypes.byref(found)
        )
        if failed != errno.ERANGE:
            break
    if found:
        return int(entry.number)
    if failed in _ABSENT:
        return None
    raise OSError(failed, os.strerror(failed))


def user_name(uid: int) -> str:
    """The user's name, or `uid N` for one that has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def role_of(peer: Peer) -> Role | None:
    """What a peer may do: root, the agent's own user and tm-admin write, tm-view reads, others nothing.

    Raises OSError when it cannot be looked up, which is not "nothing".
    """
    if peer.uid in {0, os.geteuid()} or group_id(ADMIN_GROUP) in peer.groups:
        return "write"
    return "read" if group_id(VIEW_GROUP) in peer.groups else None
