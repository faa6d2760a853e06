"""Peers that never come to an end, at full speed or drop by drop, and a ticker that shares their loop.

They run in threads of their own, on blocking sockets, so that what they cost is not the loop's.
"""

import asyncio
import contextlib
import gc
import resource
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DRIP", "FLOOD", "Flow", "Pace", "Ticker", "endless", "ssh_packet"]

_PAGE = resource.getpagesize()
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Pace:
    """How fast a peer speaks: one byte, then `seconds` of nothing; 0 seconds: as fast as it is read."""

    name: str
    seconds: float


FLOOD = Pace("flood", 0.0)
DRIP = Pace("drip", 0.05)
"""One byte a twentieth of a second, where limits are a second: as one byte a second is to real limits."""


@dataclass(frozen=True)
class Flow:
    """What a peer says: once it heard `hears` (bytes, or how many), `first`, and then `piece` for ever."""

    first: bytes
    piece: bytes
    hears: bytes | int = 0


@contextlib.contextmanager
def endless(flow: Flow, pace: Pace, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run such a peer; yields its port."""
    over = threading.Event()
    threads: list[threading.Thread] = []

    def serve() -> None:
        while not over.is_set():
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            talking = threading.Thread(target=_talk, args=(caller, flow, pace, tls, over))
            threads.append(talking)
            talking.start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield port
        finally:
            over.set()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                pass  # wakes the one that accepts
            serving.join(60)
            for thread in threads:
                thread.join(60)


def _talk(
    caller: socket.socket, flow: Flow, pace: Pace, tls: ssl.SSLContext | None, over: threading.Event
) -> None:
    caller.settimeout(60)
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        stack.enter_context(caller)
        line = stack.enter_context(tls.wrap_socket(caller, server_side=True)) if tls else caller
        heard = b""
        while not _enough(heard, flow.hears):
            if not (piece := line.recv(_BLOCK)):
                return
            heard += piece
        line.sendall(flow.first)
        block = flow.piece * max(1, _BLOCK // len(flow.piece))
        at = 0
        while not over.wait(pace.seconds):
            if pace.seconds:
                line.sendall(flow.piece[at : at + 1])
                at = (at + 1) % len(flow.piece)
            else:
                line.sendall(block)


def _enough(heard: bytes, wanted: bytes | int) -> bool:
    return len(heard) >= wanted if isinstance(wanted, int) else wanted in heard


def ssh_packet(payload: bytes) -> bytes:
    """A packet of SSH before any key exchange (RFC 4253, section 6)."""
    padding = 8 - (5 + len(payload)) % 8
    padding += 8 if padding < 4 else 0
    length = 1 + len(payload) + padding
    return length.to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


class Ticker:
    """Another task of the loop: how long the loop worked between two of its turns, and how memory grew.

    Work is counted in the thread's own processor time, which other programs on the machine do not spend; nor
    does what earlier tests left on the heap, which Python's collector would go through again and again.
    """

    def __init__(self) -> None:
        self.turns = 0
        self.worst = 0.0
        self.grown = 0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> "Ticker":
        gc.collect()
        gc.freeze()
        self._worked, self._began = time.thread_time(), _resident()
        self._tick()
        return self

    def __exit__(self, *_: object) -> None:
        self._look()
        gc.unfreeze()
        if self._timer:
            self._timer.cancel()

    def _tick(self) -> None:
        self._look()
        self.turns += 1
        self._timer = asyncio.get_running_loop().call_later(0.01, self._tick)

    def _look(self) -> None:
        now = time.thread_time()
        self.worst, self._worked = max(self.worst, now - self._worked), now
        self.grown = max(self.grown, _resident() - self._began)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
