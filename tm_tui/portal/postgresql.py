"""A PostgreSQL server's database: how it is opened, and how long anybody waits for it.

A server that is frozen, or whose machine is, keeps its sockets open and says nothing: its own limits end
nothing then, so that each of our waits has one too.
"""

import time
from typing import Any, TypeVar

import psycopg
import sqlalchemy
from psycopg.abc import PQGen
from sqlalchemy import Engine, event

__all__ = ["postgresql_engine"]

CONNECT_SECONDS = 5
PING_SECONDS = 5.0
"""For the first word of a connection that lay in the pool."""
LOCK_SECONDS = 10
STATEMENT_SECONDS = 15
"""A statement of the portal's that takes longer is ended by the server."""
ANSWER_SECONDS = 20.0
"""A connection that has not answered by then is closed."""
_MOST_OPEN = 24
_T = TypeVar("_T")


class _Connection(psycopg.Connection[Any]):
    """One that waits for each answer for so many seconds at most; None: for ever."""

    most: float | None = None

    def wait(self, gen: PQGen[_T], interval: float = 0.1, timeout: float | None = None) -> _T:
        """As the library's. Raises OperationalError; then the connection is closed."""
        most, began = self.most if timeout is None else timeout, time.monotonic()
        try:
            return super().wait(gen, interval, most)
        except psycopg.OperationalError:
            if most is None or time.monotonic() - began < most:
                raise
        self.pgconn.finish()
        raise psycopg.OperationalError(f"the database server has not answered for {most:g} s")


def postgresql_engine(url: sqlalchemy.URL, *, limited: bool) -> Engine:
    """Its connections are tried before use, and replaced where they were lost. `limited`: for who serves."""
    engine = sqlalchemy.create_engine(
        url,
        connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "tm-tui portal"},
        pool_size=_MOST_OPEN,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
        pool_pre_ping=True,
    )
    if limited:
        event.listen(engine, "do_connect", _connect)
        event.listen(engine, "connect", _connected)
        event.listen(engine, "checkout", _taken)
        event.listen(engine, "checkin", _given_back)
    return engine


def _connect(_dialect: object, _record: object, words: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return _Connection.connect(*words, **options)


def _connected(connection: _Connection, _record: object) -> None:
    connection.most = PING_SECONDS
    with connection.cursor() as cursor:
        limits = f"SET statement_timeout = '{STATEMENT_SECONDS}s'; SET lock_timeout = '{LOCK_SECONDS}s'"
        cursor.execute(limits)
    connection.commit()


def _taken(connection: _Connection, _record: object, _proxy: object) -> None:
    connection.most = ANSWER_SECONDS


def _given_back(connection: _Connection | None, _record: object) -> None:
    if connection is not None:  # it was not lost
        connection.most = PING_SECONDS
