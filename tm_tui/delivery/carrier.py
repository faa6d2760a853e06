"""What both ways of delivery promise."""

from collections.abc import Callable
from typing import Protocol, Self

__all__ = ["Carrier", "Sent"]

Sent = Callable[[int], None]
"""Called with the number of bytes that have just gone out: a sign of life, and progress to show."""


class Carrier(Protocol):
    """One session with a log server, as an async context manager. Closing never waits long."""

    async def __aenter__(self) -> Self:
        """Open the session, or leave that to the first delivery. Raises LinkFailure."""
        ...

    async def __aexit__(self, *reason: object) -> None:
        """Close; after a failure at once."""
        ...

    async def deliver(self, name: str, data: bytes, sent: Sent, *, again: bool) -> None:
        """Put a batch under its name; when this returns the server has all of it.

        `again`: an earlier attempt may have come through. Raises LinkFailure.
        """
        ...
