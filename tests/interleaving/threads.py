"""Real threads whose order a seed decides: at each operation on a file one of them, by chance, goes on."""

import fcntl
import os
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

__all__ = ["taken_in_turns"]

_OPERATIONS = (
    "open",
    "read",
    "write",
    "rename",
    "unlink",
    "mkdir",
    "symlink",
    "readlink",
    "listdir",
    "fstat",
)
_LIMIT = 60.0


class _Turns:
    """One thread at a time; each stops before its next operation until it is chosen."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._mine = threading.local()
        self._stopped = threading.Semaphore(0)

    def run(self, works: list[Callable[[], None]]) -> None:
        failed: list[BaseException] = []
        gates = [threading.Semaphore(0) for _ in works]
        over = [False] * len(works)

        def worked(number: int) -> None:
            self._mine.gate = gates[number]
            self._mine.gate.acquire(timeout=_LIMIT)
            try:
                works[number]()
            except BaseException as error:  # noqa: BLE001  told by the test's own thread
                failed.append(error)
            finally:
                over[number] = True
                self._stopped.release()

        threads = [threading.Thread(target=worked, args=(number,)) for number in range(len(works))]
        for thread in threads:
            thread.start()
        while left := [number for number, done in enumerate(over) if not done]:
            gates[self._chance.choice(left)].release()
            assert self._stopped.acquire(timeout=_LIMIT), "a thread does not come to its next operation"
        for thread in threads:
            thread.join(_LIMIT)
        if failed:
            raise failed[0]

    def pause(self) -> None:
        """Before an operation: somebody may go first."""
        gate = getattr(self._mine, "gate", None)
        if gate is not None:
            self._stopped.release()
            gate.acquire(timeout=_LIMIT)


def taken_in_turns(seed: int, *works: Callable[[], None]) -> None:
    """Run them in threads, in the order of this seed. Raises what one of them raises."""
    turns = _Turns(random.Random(seed))

    def hooked(original: Callable[..., Any]) -> Callable[..., Any]:
        def do(*arguments: Any, **more: Any) -> Any:
            turns.pause()
            return original(*arguments, **more)

        return do

    with pytest.MonkeyPatch.context() as patch:
        for name in _OPERATIONS:
            patch.setattr(os, name, hooked(getattr(os, name)))
        patch.setattr(fcntl, "flock", hooked(fcntl.flock))
        patch.setattr(os, "fsync", lambda _: None)
        patch.setattr(time, "sleep", lambda _: turns.pause())
        turns.run(list(works))
