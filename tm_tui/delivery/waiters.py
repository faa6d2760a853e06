"""Who waits for "send now": each is answered once, with what came of it or by the end of the delivery."""

import asyncio

from tm_tui.delivery.status import Outcome

__all__ = ["Waiters"]


class Waiters:
    """`wanted` is set while somebody waits whom no attempt serves yet."""

    def __init__(self) -> None:
        self.wanted = asyncio.Event()
        self._new: list[asyncio.Future[Outcome]] = []
        self._served: list[asyncio.Future[Outcome]] = []

    def add(self) -> "asyncio.Future[Outcome]":
        """Somebody wants it sent."""
        waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._new.append(waiter)
        self.wanted.set()
        return waiter

    def serve(self) -> bool:
        """An attempt begins: those who wait now get its outcome. True if there are any."""
        self._served, self._new = [*self._served, *self._new], []
        self.wanted.clear()
        return bool(self._served)

    def answer(self, outcome: Outcome) -> None:
        """The attempt has ended."""
        for waiter in self._served:
            if not waiter.done():
                waiter.set_result(outcome)
        self._served = []

    def dismiss(self) -> None:
        """There will be no attempt any more."""
        for waiter in (*self._served, *self._new):
            waiter.cancel()
        self._served, self._new = [], []
        self.wanted.clear()
