"""The socket's file: its mode, and what may stand in its place."""

import os
import socket
from collections.abc import Iterator

import pytest

from agents import short_home
from tm_tui.agent.server.control_socket import bind_control_socket, unbind
from tm_tui.errors import StorageFailed
from tm_tui.paths import Home


@pytest.fixture
def home() -> Iterator[Home]:
    with short_home() as made:
        made.run.mkdir(parents=True, mode=0o700)
        yield made


def test_mode_and_umask(home: Home) -> None:
    """The socket is never open to all, not for a moment, and the process's umask stays as it was."""
    before = os.umask(0o022)
    try:
        bind_control_socket(home.control_socket).close()
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    assert home.control_socket.stat().st_mode & 0o777 == 0o660
    unbind(home.control_socket)
    unbind(home.control_socket)


def test_a_stale_socket_is_replaced(home: Home) -> None:
    """What a crashed agent left is no obstacle."""
    bind_control_socket(home.control_socket).close()
    with bind_control_socket(home.control_socket), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(home.control_socket))


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_anything_else_is_left_alone(home: Home, kind: str) -> None:
    """The agent removes no file that it did not make, and follows no link."""
    path = home.control_socket
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/etc/passwd")
    with pytest.raises(StorageFailed, match="no socket"):
        bind_control_socket(path)
    assert os.path.lexists(path)
