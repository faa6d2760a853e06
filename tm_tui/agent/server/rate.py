"""How often each user may cause work (the generic cell rate algorithm: ITU-T I.371, annex A)."""

import asyncio
from collections.abc import Callable

__all__ = ["Rate"]

_TIDY = 256


class Rate:
    """Lets each user do `a_user` things a second, and all users together `in_all`; `burst` may come at once.

    What comes sooner is held back, one after the other; users do not wait for each other's.
    """

    def __init__(
        self, a_user: float, in_all: float, burst: int, *, time: Callable[[], float] | None = None
    ) -> None:
        self._a_user, self._in_all, self._burst = a_user, in_all, burst
        self._due: dict[int | None, float] = {}
        """By user (None: all of them), when the next thing would be due were there no burst."""
        self._time = time or _loop_time

    def delay(self, uid: int) -> float:
        """Seconds that one more thing of this user would have to wait now."""
        now = self._time()
        return max(0.0, self._late(uid, self._a_user, now), self._late(None, self._in_all, now))

    def charge(self, uid: int) -> float:
        """Count one thing, and return the seconds for which it has to wait."""
        late, now = self.delay(uid), self._time()
        for key, rate in ((uid, self._a_user), (None, self._in_all)):
            self._due[key] = max(self._due.get(key, now), now) + 1 / rate
        if len(self._due) > _TIDY:
            self._due = {key: due for key, due in self._due.items() if due > now}
        return late

    async def turn(self, uid: int) -> None:
        """Wait until this user may do one more thing."""
        if (late := self.charge(uid)) > 0:
            await asyncio.sleep(late)

    def _late(self, key: int | None, rate: float, now: float) -> float:
        return self._due.get(key, now) - now - (self._burst - 1) / rate


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
