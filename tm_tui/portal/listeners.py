"""The sockets that a portal listens on."""

import socket

from tm_tui.errors import TmError
from tm_tui.text import safe_text

__all__ = ["listener"]


def listener(host: str, port: int) -> socket.socket:
    """Listen, so that callers queue from now on. Raises TmError when the address cannot be had."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, number)
    except OSError as error:
        raise _unusable(host, port, error) from None
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(1024)
    except OSError as error:
        made.close()
        raise _unusable(host, port, error) from None
    made.setblocking(False)
    return made


def _unusable(host: str, port: int, error: OSError) -> TmError:
    cause = f"The portal cannot listen on {safe_text(host)} port {port}: {error.strerror or error}."
    return TmError(
        cause, "Choose another port or address, or end the program that has it; 0 takes a free port."
    )
