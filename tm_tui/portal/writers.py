"""What changes the database, in threads of its own: beats first, and those that wait are committed together.

SQLite has one writer, and a commit waits for the disk: calls that came meanwhile share the next one. Each is
still whole or not at all. PostgreSQL does that itself, for transactions that run beside each other.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from tm_tui.portal.refusals import Refused

__all__ = ["Writers"]

_T = TypeVar("_T")
_FIRST, _END = 0, 9


@dataclass(order=True, slots=True)
class _Work:
    rank: int
    number: int
    function: Callable[[Connection], Any] = field(compare=False)
    done: Future[Any] = field(default_factory=Future, compare=False)
    outcome: tuple[Any, BaseException | None] = field(default=(None, None), compare=False)

    def run(self, connection: Connection) -> None:
        """Do it, and keep what came of it. Raises SQLAlchemyError."""
        try:
            self.outcome = self.function(connection), None
        except SQLAlchemyError:
            raise
        except BaseException as error:
            self.outcome = None, error
            raise

    def tell(self) -> None:
        """Give the outcome to who waits."""
        result, error = self.outcome
        if error is None:
            self.done.set_result(result)
        else:
            self.done.set_exception(error)


class Writers:
    """Threads that run calls, each in a transaction. `rank` 0 goes first, and together; others one by one.

    `asking` stands around each transaction; what it raises is told as if the call had.
    """

    def __init__(
        self,
        engine: Engine,
        threads: int,
        together: int,
        asking: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._engine = engine
        self._together = together
        self._asking = asking
        self._numbers = count()
        self._waiting: list[_Work] = []
        self._changed = threading.Condition()
        names = (f"portal-writer-{number}" for number in range(threads))
        self._threads = [threading.Thread(target=self._go_on, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    def submit(self, rank: int, function: Callable[[Connection], _T]) -> Future[_T]:
        """Have it done. The future fails with what the function raised, or SQLAlchemyError."""
        work = _Work(rank, next(self._numbers), function)
        with self._changed:
            heappush(self._waiting, work)
            self._changed.notify()
        return work.done

    def close(self) -> None:
        """Wait for what is to be done."""
        for _ in self._threads:
            self.submit(_END, _nothing)
        for thread in self._threads:
            thread.join()

    def _taken(self) -> list[_Work]:
        """What comes next: one, or all of the first rank that wait."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            works = [heappop(self._waiting)]
            while (
                self._waiting and works[0].rank == self._waiting[0].rank == 0 and len(works) < self._together
            ):
                works.append(heappop(self._waiting))
            return works

    def _next(self) -> int:
        return self._waiting[0].rank if self._waiting else _END

    def _go_on(self) -> None:
        while (works := self._taken())[0].rank != _END:
            self._do([work for work in works if work.done.set_running_or_notify_cancel()])

    def _do(self, works: list[_Work]) -> None:
        if len(works) > 1 and self._done_together(works):
            return
        for work in works:
            self._alone(work)
            work.tell()

    def _done_together(self, works: list[_Work]) -> bool:
        """One transaction, a savepoint each. False: none happened, as the database failed one."""
        try:
            with self._asking(), self._engine.begin() as connection:
                for work in works:
                    _within(connection, work)
        except (SQLAlchemyError, Refused):  # the latter of `asking`: those of the calls are kept
            return False
        for work in works:
            work.tell()
        return True

    def _alone(self, work: _Work) -> None:
        try:
            with self._asking(), self._engine.begin() as connection:
                work.run(connection)
        except BaseException as error:  # noqa: BLE001 # who asked for it is told
            work.outcome = None, error


def _within(connection: Connection, work: _Work) -> None:
    try:
        with connection.begin_nested():
            work.run(connection)
    except SQLAlchemyError:
        raise
    except BaseException:  # noqa: BLE001 # kept: who asked for it is told after the commit
        return


def _nothing(_connection: Connection) -> None:
    """End."""
