"""Says that something changed: to any number of waiters, and in swarms only a few times a second."""

import asyncio
from collections.abc import Callable

__all__ = ["Changed", "Throttle"]

_SECONDS = 0.3


class Changed:
    """Tells any number of waiters that something changed: each takes `event`, then looks, then waits."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def announce(self) -> None:
        """Wake all who wait; later waiters get a fresh event."""
        event, self.event = self.event, asyncio.Event()
        event.set()


class Throttle:
    """Call it as often as you like, in the event loop; `action` runs at once, or when `seconds` are over."""

    def __init__(self, action: Callable[[], None], seconds: float = _SECONDS) -> None:
        self._action = action
        self._seconds = seconds
        self._next = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> None:
        """Something changed."""
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._next:
            self._act()
        else:
            self._timer = loop.call_at(self._next, self._act)

    def _act(self) -> None:
        self._timer = None
        self._next = asyncio.get_running_loop().time() + self._seconds
        self._action()

    def stop(self) -> None:
        """Forget what is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
