"""The control socket as a file: bound by ourselves (uvicorn makes it 0666), open to the two groups alone.

`run/` and the socket carry access entries (acl(5)) for tm-admin and tm-view where these groups exist; the
folders above `run/` must let them pass (mode --x), as /run does.
"""

import logging
import os
import socket
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from tm_tui.atomic import storage_failure
from tm_tui.errors import StorageFailed
from tm_tui.serving.peers import ADMIN_GROUP, VIEW_GROUP, group_id

__all__ = ["bind_control_socket", "unbind"]

_log = logging.getLogger(__name__)

_BACKLOG = 64
_ACL = "system.posix_acl_access"
_VERSION = struct.pack("<I", 2)  # posix_acl_xattr.h
_USER_OBJ, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x04, 0x08, 0x10, 0x20
_NO_ID = 0xFFFFFFFF
_PASS, _USE, _ALL = 0o1, 0o6, 0o7


def bind_control_socket(path: Path) -> socket.socket:
    """Bind and listen, mode 0660. The caller holds the agent's lock, so what lies there is stale.

    Raises StorageFailed when something else than a socket stands in its place, or the folder cannot take it.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    before = os.umask(0o117)
    try:
        _remove_stale(path)
        listener.bind(os.fspath(path))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise storage_failure(path, error) from None
    except StorageFailed:
        listener.close()
        raise
    finally:
        os.umask(before)
    _admit_groups(path)
    return listener


def unbind(path: Path) -> None:
    """Remove the socket's file, so that clients see at once that nobody is there."""
    path.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        cause = f"Something that is no socket stands at {path}."
        raise StorageFailed(cause, "Look what it is, and remove it.")
    path.unlink()


def _admit_groups(path: Path) -> None:
    try:
        groups = sorted(gid for name in (ADMIN_GROUP, VIEW_GROUP) if (gid := group_id(name)) is not None)
        if not groups:
            return
        os.setxattr(path.parent, _ACL, _entries(_ALL, _PASS, groups))
        os.setxattr(path, _ACL, _entries(_USE, _USE, groups))
    except OSError as error:
        _log.warning(
            "Groups %s and %s get no access to %s: %s.",
            ADMIN_GROUP,
            VIEW_GROUP,
            path,
            os.strerror(error.errno or 0),
        )


def _entries(owner: int, group: int, groups: Iterable[int]) -> bytes:
    """One access control list: the owner, these groups, nobody else."""
    rows = [(_USER_OBJ, owner, _NO_ID), (_GROUP_OBJ, 0, _NO_ID)]
    rows += [(_GROUP, group, gid) for gid in groups]
    rows += [(_MASK, group, _NO_ID), (_OTHER, 0, _NO_ID)]
    return _VERSION + b"".join(struct.pack("<HHI", *row) for row in rows)
