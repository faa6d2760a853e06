"""A server that does not answer costs who asks first his patience, and those behind him none."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Breaker"]

_PAUSE_SECONDS = 1.0
_SLOW_SECONDS = 1.0


class Breaker:
    """Stands before one server. Any thread may ask.

    `told` makes of a failure what those behind are told, a new exception for each; None: it did answer.
    """

    def __init__(self, told: Callable[[BaseException], Exception | None]) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._until = 0.0
        self._tries = False

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask the server in the block.

        Where one waited for it in vain, the others are refused at once: for a second, then while one of them
        tries whether it is back. What fails at once needs no such thing.
        """
        self._enter()
        began = time.monotonic()
        try:
            yield
        except BaseException as error:
            away = self._told(error) is not None
            self._leave(error if away and time.monotonic() - began >= _SLOW_SECONDS else None)
            raise
        self._leave(None)

    def _enter(self) -> None:
        with self._lock:
            if self._failure is None:
                return
            if not self._tries and time.monotonic() >= self._until:
                self._tries = True
                return
            refusal = self._told(self._failure)
        assert refusal is not None  # noqa: S101 # `asking` keeps no other failure
        raise refusal

    def _leave(self, failure: BaseException | None) -> None:
        with self._lock:
            self._failure, self._tries = failure, False
            self._until = time.monotonic() + _PAUSE_SECONDS
