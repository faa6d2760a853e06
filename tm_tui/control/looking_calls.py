"""The client's calls that only look: what the agent did of late, and diagnostics."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from tm_tui.control.api import ActivityLine, DiagnosticsText, Refusal
from tm_tui.control.failures import AgentAbsent, ControlRefused

if TYPE_CHECKING:
    from httpx_sse import ServerSentEvent

__all__ = ["LookingCalls", "read"]

T = TypeVar("T")


class LookingCalls:
    """A part of the ControlClient, which knows the way to the agent."""

    async def _ask(
        self,
        shape: type[T],
        method: str,
        path: str,
        body: BaseModel | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        raise NotImplementedError

    def _events(
        self, method: str, path: str, body: BaseModel | None = None
    ) -> AsyncGenerator["ServerSentEvent", None]:
        raise NotImplementedError

    def _download(self, path: str) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    async def diagnostics_text(self) -> DiagnosticsText:
        """How the appliance stands, to be read out."""
        return await self._ask(DiagnosticsText, "GET", "/v1/diagnostics?format=text")

    async def diagnostics(self) -> AsyncGenerator[bytes, None]:
        """Yield the bundle for support, a tar.gz without secrets, piece by piece."""
        async with aclosing(self._download("/v1/diagnostics")) as pieces:
            async for piece in pieces:
                yield piece

    async def activity(self) -> tuple[ActivityLine, ...]:
        """What the agent did of late, the oldest first."""
        return await self._ask(tuple[ActivityLine, ...], "GET", "/v1/activity")

    async def activity_stream(self) -> AsyncGenerator[ActivityLine, None]:
        """Yield what the agent did of late, then each new line, for ever; AgentAbsent when the agent ends."""
        async with aclosing(self._events("GET", "/v1/activity/stream")) as events:
            async for event in events:
                if event.event == "line":
                    yield read(ActivityLine, event.data)
        raise AgentAbsent("The agent has ended.")


def read(shape: type[T], body: str | bytes) -> T:
    """Understand an answer. Raises ControlRefused when it is of another version's shape."""
    try:
        return TypeAdapter(shape).validate_json(body)
    except ValidationError:
        cause = "The agent's answer is not understood: agent and console are of different versions."
        refusal = Refusal(code="other-version", cause=cause, remedy="Restart the agent, then this program.")
        raise ControlRefused(502, refusal) from None
