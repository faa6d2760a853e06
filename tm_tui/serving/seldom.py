"""Lines of a log that anybody can cause: each is written once in a while, however often its cause comes."""

import asyncio
from collections.abc import Callable, Hashable

__all__ = ["Seldom"]

_MOST_KEYS = 256


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
