"""One question at the control socket, without an event loop, whose import takes longer than all the rest."""

import socket
from pathlib import Path
from typing import TypeVar

import h11
import msgspec

from tm_tui.api.call import Call
from tm_tui.api.claims import own_claims

__all__ = ["NoAnswer", "ask_now"]

T = TypeVar("T")

_SECONDS = 60.0
_PIECE = 65536


class NoAnswer(Exception):
    """It cannot be had this way; `ControlClient` says why, with cause and remedy."""


def ask_now(path: Path, call: Call[T]) -> T:
    """Ask a call without numbers and body. Raises NoAnswer for whatever is no success."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(str(path))
            answer: T = msgspec.json.decode(_answer(connection, call), type=call.answer)
    except (OSError, h11.ProtocolError, msgspec.DecodeError):
        raise NoAnswer from None
    return answer


def _answer(connection: socket.socket, call: Call[T]) -> bytes:
    peer = h11.Connection(h11.CLIENT)
    headers = {"Host": "agent", "Connection": "close", **own_claims()}
    request = h11.Request(method=call.method, target=call.target(), headers=list(headers.items()))
    connection.sendall((peer.send(request) or b"") + (peer.send(h11.EndOfMessage()) or b""))
    body = bytearray()
    while not isinstance(event := peer.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            peer.receive_data(connection.recv(_PIECE))
        elif isinstance(event, h11.Response) and event.status_code != call.status:
            raise NoAnswer
        elif isinstance(event, h11.Data):
            body += event.data
    return bytes(body)
