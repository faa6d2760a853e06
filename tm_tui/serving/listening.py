"""Accepts connections by rules of our own, and writes what anybody can cause into the log once in a while.

asyncio's server would take every connection first, and write a traceback for each attempt that fails.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Hashable

__all__ = ["AcceptLoop", "Seldom"]

_MOST_KEYS = 256

_log = logging.getLogger(__name__)

_AT_ONCE = 16
"""Connections that are accepted before the event loop sees to something else."""
_BACK_OFF = 1.0
_FULL_SECONDS = 0.05


class Seldom:
    """Says whether it is time for a line again; `key` tells the lines apart."""

    def __init__(self, seconds: float = 60.0, *, time: Callable[[], float] | None = None) -> None:
        self._seconds = seconds
        self._until: dict[Hashable, float] = {}
        self._time = time or (lambda: asyncio.get_running_loop().time())

    def __call__(self, key: Hashable) -> bool:
        """True once; then False until the time is over."""
        now = self._time()
        if self._until.get(key, now) > now:
            return False
        self._until.pop(key, None)
        self._until[key] = now + self._seconds
        while len(self._until) > _MOST_KEYS:
            del self._until[next(iter(self._until))]
        return True


class AcceptLoop:
    """Hands each connection of `listener` to `take`, until `close`. `what` names it in the log.

    While it is `full`, newcomers wait in the kernel's queue.
    """

    def __init__(
        self,
        listener: socket.socket,
        take: Callable[[socket.socket], None],
        what: str,
        seldom: Seldom,
        *,
        full: Callable[[], bool] = lambda: False,
    ) -> None:
        self._listener, self._take, self._what, self._seldom = listener, take, what, seldom
        self._full = full
        self._loop = asyncio.get_running_loop()
        self._again: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._go_on()

    def close(self) -> None:
        """Accept no more. The listener stays the caller's."""
        self._loop.remove_reader(self._listener)
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def _go_on(self) -> None:
        self._again = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            if self._full():
                self._pause(_FULL_SECONDS)
                return
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._back_off(error)
                return
            connection.setblocking(False)
            self._take(connection)

    def _back_off(self, error: OSError) -> None:
        """Let the attempts wait: the kernel would call for every connection that queues, all the time."""
        if self._seldom("accept"):
            why = os.strerror(error.errno or 0)
            _log.error("No connection to %s can be accepted: %s. It is tried again.", self._what, why)
        self._pause(_BACK_OFF)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._again = self._loop.call_later(seconds, self._go_on)
