"""What the groups of the client's calls stand on, so that each group has a file of its own."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel

__all__ = ["Calls"]

T = TypeVar("T")


class Calls:
    """A part of the ControlClient, which knows the way to the agent."""

    _session: str
    """The id as a console; empty when this is none."""

    async def _ask(
        self,
        shape: type[T],
        method: str,
        path: str,
        body: BaseModel | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Ask once, and read the answer."""
        raise NotImplementedError
