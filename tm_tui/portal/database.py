"""The portal's database: used by the running portal on threads, and by the commands beside it.

A function that works on it takes a connection first and ends no transaction: who calls it does.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from tm_tui.errors import StorageFailed
from tm_tui.portal import schema
from tm_tui.portal.breaker import Breaker
from tm_tui.portal.engines import READING, failed, is_away, is_sqlite, made_engine, refused
from tm_tui.portal.refusals import Refused
from tm_tui.portal.writers import Writers

__all__ = ["Database", "opened"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_SOON, _LATER = 0, 1
_READERS = 4
_WRITERS = 8
"""Threads on PostgreSQL; SQLite has one."""
_MOST_TOGETHER = 64


def _told(error: BaseException) -> Refused | None:
    """For who would wait in vain for a server that does not answer, behind others who do."""
    return refused(error) if isinstance(error, SQLAlchemyError) and is_away(error) else None


@contextmanager
def opened(where: Path | str, *, reading: bool = False) -> Iterator[Connection]:
    """The database (a file, or an URL) for a command beside the running portal.

    What was done is committed at the end, or by `commit()` before. With `reading`, nothing is written and
    nobody is kept waiting. Raises StorageFailed.
    """
    engine = made_engine(where)
    try:
        schema.prepare(engine)
        with engine.connect().execution_options(**READING if reading else {}) as connection:
            yield connection
            connection.commit()
    except SQLAlchemyError as error:
        raise failed(engine, error) from None
    finally:
        engine.dispose()


class Database:
    """The database of a running portal. Raises StorageFailed when it cannot be opened."""

    def __init__(self, where: Path | str) -> None:
        self._engine = made_engine(where, limited=True)
        try:
            schema.prepare(self._engine)
        except (SQLAlchemyError, StorageFailed) as error:
            self._engine.dispose()
            raise error if isinstance(error, StorageFailed) else failed(self._engine, error) from None
        alone, breaker = is_sqlite(self._engine), Breaker(_told)
        threads, together = (1, _MOST_TOGETHER) if alone else (_WRITERS, 1)
        self._writers = Writers(self._engine, threads, together, breaker.asking)
        self._reading = Breaker(_told)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="portal-reader")

    @property
    def alone(self) -> bool:
        """Whether this process is the only one that serves it."""
        return is_sqlite(self._engine)

    @property
    def engine(self) -> Engine:
        """For what must see all of it, such as a backup."""
        return self._engine

    async def call(
        self, function: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Run `function(connection, ...)` in a transaction that may write, before what can wait.

        Raises what it raises, else Refused (507, 503, 500) when the database cannot be used.
        """
        return await self._write(_SOON, lambda connection: function(connection, *args, **kwargs))

    async def later(
        self, function: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """As `call`, for work that nobody waits for: beats and batches go first. It must be short."""
        return await self._write(_LATER, lambda connection: function(connection, *args, **kwargs))

    async def read(
        self, function: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """As `call`, for what only reads: however long it takes, it keeps no writer waiting."""

        def reading() -> _T:
            with self._reading.asking(), self._engine.connect().execution_options(**READING) as connection:
                return function(connection, *args, **kwargs)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, reading)
        except SQLAlchemyError as error:
            raise refused(error) from None

    async def _write(self, rank: int, function: Callable[[Connection], _T]) -> _T:
        try:
            return await asyncio.wrap_future(self._writers.submit(rank, function))
        except SQLAlchemyError as error:
            raise refused(error) from None

    def close(self) -> None:
        """Wait for the calls in progress, then close it."""
        self._writers.close()
        self._readers.shutdown()
        self._engine.dispose()
