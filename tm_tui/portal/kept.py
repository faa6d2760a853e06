"""What is costly to find out and may be a little old: kept for a while, and made once however many ask."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tm_tui.clock import Clock

__all__ = ["Kept"]

_T = TypeVar("_T")


class Kept:
    """Values by their names."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values: dict[str, tuple[float, Any]] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._making: dict[str, asyncio.Task[Any]] = {}

    async def get(self, name: str, seconds: float, make: Callable[[], Awaitable[_T]]) -> _T:
        """The value, at most so many seconds old. `name` is one of few: nothing is ever dropped."""
        async with self._turns.setdefault(name, asyncio.Lock()):
            kept = self._values.get(name)
            if kept is None or self._clock.monotonic() - kept[0] > seconds:
                kept = (self._clock.monotonic(), await make())
                self._values[name] = kept
            found: _T = kept[1]
            return found

    async def soon(
        self, name: str, seconds: float, make: Callable[[], Awaitable[_T]], patience: float
    ) -> _T | None:
        """The same, waiting no longer than `patience`: then it is the one of before, or None."""
        making = self._making.get(name)
        if making is None:
            making = self._making[name] = asyncio.create_task(self.get(name, seconds, make))
        await asyncio.wait({making}, timeout=patience)
        if not making.done():
            kept = self._values.get(name)
            return None if kept is None else kept[1]
        self._making.pop(name, None)
        found: _T = making.result()
        return found
