"""A name server that knows no name: squid asks it, and hears NXDOMAIN at once instead of waiting."""

import contextlib
import secrets
import socket
import threading
from collections.abc import Iterator


def _answer(sock: socket.socket) -> None:
    while True:
        query, caller = sock.recvfrom(512)
        if not query:
            return
        # RFC 1035, section 4.1.1: the same id, an authoritative answer, RCODE 3, and the question repeated
        end = query.index(b"\0", 12) + 5
        sock.sendto(query[:2] + b"\x85\x83" + b"\0\1" + bytes(6) + query[12:end], caller)


@contextlib.contextmanager
def no_names() -> Iterator[str]:
    """Serve on port 53 of a loopback address of its own (needs root); yield the address."""
    address = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}.{secrets.randbelow(250) + 1}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 53))
        thread = threading.Thread(target=_answer, args=(sock,))
        thread.start()
        try:
            yield address
        finally:
            sock.connect(sock.getsockname())  # only a connected socket's shutdown wakes its reader
            sock.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)
