"""What the groups of the client's calls stand on, so that each group has a file of its own."""

from typing import TYPE_CHECKING, TypeVar

from tm_tui.api.call import Call

if TYPE_CHECKING:
    from tm_tui.api.requests import Request

__all__ = ["Asking"]

T = TypeVar("T")


class Asking:
    """A part of the ControlClient, which knows the way to the agent."""

    _session: str
    """The id as a console; empty when this is none."""

    async def _ask(
        self,
        call: Call[T],
        *numbers: int,
        body: "Request | bytes | None" = None,
        revision: int | None = None,
        **query: str,
    ) -> T:
        """Ask once, and read the answer. `revision` goes as If-Match (RFC 9110, 13.1.1)."""
        raise NotImplementedError
