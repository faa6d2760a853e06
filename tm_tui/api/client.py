"""The agent as console and CLI see it: they talk to nothing else. Light to import: asyncio comes later."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from tm_tui.api import calls
from tm_tui.api.agent import (
    ActivityLine,
    AgentStatus,
    Conflict,
    DiagnosticsText,
    Difference,
    ProbeReport,
    Refusal,
    RevisionInfo,
    SessionInfo,
    SettingsDocument,
    StepEvent,
    TrustDocument,
)
from tm_tui.api.call import Call
from tm_tui.api.claims import SESSION_HEADER
from tm_tui.api.failures import AgentAbsent, AgentDenied, AgentEnded, ControlRefused, SaveConflict
from tm_tui.api.session_calls import SessionCalls
from tm_tui.api.spool import IntakeReply, SendReply, SpoolDocument
from tm_tui.api.tmsp_calls import TmspCalls

if TYPE_CHECKING:
    from tm_tui.api.requests import ApproveRequest, ProbeRequest, Request, RestoreRequest, SaveRequest
    from tm_tui.api.transport import Answer, Event, Transport

__all__ = ["AgentAbsent", "AgentDenied", "AgentEnded", "ControlClient", "ControlRefused", "SaveConflict"]

T = TypeVar("T")

_SILENCE = 45.0
"""Seconds without a byte on a stream: three of the comment lines that the agent sends each 15 s."""


class ControlClient(SessionCalls, TmspCalls):
    """One agent's control socket, as an async context manager.

    Every method raises AgentAbsent (nobody there), AgentDenied (may not open the socket) and ControlRefused
    (the agent says no). `silence` is how many seconds a stream may be without a byte. With `session`, an id,
    this is a console, on for as long as it follows the status.
    """

    def __init__(self, socket: Path, *, silence: float = _SILENCE, session: str = "") -> None:
        self._socket = socket
        self._session = session
        self._silence = silence
        self._opened: Transport | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing stays open between two calls; the client may be used again."""

    async def session(self) -> SessionInfo:
        """Who the agent says we are, and what our role permits."""
        return await self._ask(calls.SESSION)

    async def status(self) -> AgentStatus:
        """The snapshot of this moment."""
        return await self._ask(calls.STATUS)

    async def status_stream(self) -> AsyncGenerator[AgentStatus, None]:
        """Yield the snapshot now and at each change, for ever; AgentAbsent when the agent ends."""
        async with aclosing(self._events(calls.STATUS_STREAM, self._identity())) as events:
            async for event in events:
                if event.event == "status":
                    yield _read(AgentStatus, event.data)
        raise AgentAbsent("The agent has ended.")

    async def settings(self) -> SettingsDocument:
        """The settings in force."""
        return await self._ask(calls.SETTINGS)

    async def save(self, request: "SaveRequest", revision: int) -> SettingsDocument:
        """Save on top of `revision`. SaveConflict when that is not current; 422 names each wrong field."""
        from tm_tui.api import orders

        return await self._ask(orders.SAVE, body=request, revision=revision)

    async def probe(self, request: "ProbeRequest") -> AsyncGenerator[StepEvent | ProbeReport, None]:
        """Yield the steps of a connection test, last its report. Closing the iterator cancels the test."""
        from tm_tui.api import orders

        async with aclosing(self._events(orders.PROBE, body=request)) as events:
            async for event in events:
                if event.event == "step":
                    yield _read(StepEvent, event.data)
                elif event.event == "report":
                    yield _read(ProbeReport, event.data)
                    return
        raise AgentAbsent("The agent ended before the connection test did.")

    async def trust(self) -> TrustDocument:
        """The authorities and host keys that are trusted beside the system's."""
        return await self._ask(calls.TRUST)

    async def approve_host_key(self, request: "ApproveRequest") -> TrustDocument:
        """Let the agent fetch the key and keep it if its fingerprint is this one (else 409)."""
        from tm_tui.api import orders

        return await self._ask(orders.APPROVE, body=request)

    async def forget_host_key(self, endpoint: str) -> TrustDocument:
        """Forget the keys of `[host]:port` (404 when none is filed)."""
        return await self._ask(calls.FORGET, endpoint=endpoint)

    async def history(self) -> tuple[RevisionInfo, ...]:
        """The saved revisions, newest first."""
        return await self._ask(calls.HISTORY)

    async def revision(self, number: int) -> SettingsDocument:
        """One saved revision (404 when there is none of this number)."""
        return await self._ask(calls.REVISION, number)

    async def differences(self, old: int, new: int) -> tuple[Difference, ...]:
        """What leads from one revision to another, field by field."""
        return await self._ask(calls.DIFFERENCES, old, new)

    async def restore(
        self, number: int, revision: int, request: "RestoreRequest | None" = None
    ) -> SettingsDocument:
        """Save the settings and passwords of revision `number` again, on top of `revision`."""
        from tm_tui.api import orders

        return await self._ask(orders.RESTORE, number, body=request, revision=revision)

    async def add_events(self, lines: bytes) -> IntakeReply:
        """Hand in events, NDJSON. What is counted as accepted is on the disk (507 when the queue is full)."""
        return await self._ask(calls.ADD_EVENTS, body=lines)

    async def spool(self) -> SpoolDocument:
        """What waits, batch by batch, and how delivery stands."""
        return await self._ask(calls.SPOOL)

    async def export_spool(self, form: str) -> AsyncGenerator[bytes, None]:
        """Yield the events that wait, piece by piece, as ndjson, cef, leef or csv."""
        async with aclosing(self._download(calls.SPOOL.target(format=form))) as pieces:
            async for piece in pieces:
                yield piece

    async def send_logs(self) -> SendReply:
        """Seal and deliver now what waits; ask `sent` how that ends (409 while sending is switched off)."""
        return await self._ask(calls.SEND_LOGS)

    async def sent(self, number: int) -> SendReply:
        """Wait for the end of a "send now", 25 s at most; not `done`: ask again."""
        return await self._ask(calls.SENT, number)

    async def diagnostics_text(self) -> DiagnosticsText:
        """How the appliance stands, to be read out."""
        return await self._ask(calls.DIAGNOSTICS, format="text")

    async def diagnostics(self) -> AsyncGenerator[bytes, None]:
        """Yield the bundle for support, a tar.gz without secrets, piece by piece."""
        async with aclosing(self._download(calls.DIAGNOSTICS.target())) as pieces:
            async for piece in pieces:
                yield piece

    async def activity(self) -> tuple[ActivityLine, ...]:
        """What the agent did of late, the oldest first."""
        return await self._ask(calls.ACTIVITY)

    async def activity_stream(self) -> AsyncGenerator[ActivityLine, None]:
        """Yield what the agent did of late, then each new line, for ever; AgentAbsent when the agent ends."""
        async with aclosing(self._events(calls.ACTIVITY_STREAM)) as events:
            async for event in events:
                if event.event == "line":
                    yield _read(ActivityLine, event.data)
        raise AgentAbsent("The agent has ended.")

    async def _download(self, path: str) -> AsyncGenerator[bytes, None]:
        from tm_tui.api.transport import Answer

        async with aclosing(self._transport().download(path)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    raise _refused(piece)
                yield piece

    async def _ask(
        self,
        call: Call[T],
        *numbers: int,
        body: "Request | bytes | None" = None,
        revision: int | None = None,
        **query: str,
    ) -> T:
        content = body if isinstance(body, bytes) else _written(body)
        headers = _type_of(body) | ({} if revision is None else {"If-Match": f'"{revision:d}"'})
        target = call.target(*numbers, **query)
        answer = await self._transport().call(call.method, target, content, headers)
        if not 200 <= answer.status < 300:
            raise _refused(answer)
        return _read(call.answer, answer.body)

    def _identity(self) -> dict[str, str]:
        return {SESSION_HEADER: self._session} if self._session else {}

    async def _events(
        self, call: Call[Any], more: Mapping[str, str] | None = None, *, body: "Request | None" = None
    ) -> AsyncGenerator["Event", None]:
        from tm_tui.api.transport import Answer

        headers = {"Accept": "text/event-stream", **_type_of(body), **(more or {})}
        async with aclosing(
            self._transport().events(call.method, call.target(), _written(body), headers)
        ) as events:
            async for event in events:
                if isinstance(event, Answer):
                    raise _refused(event)
                yield event

    def _transport(self) -> "Transport":
        if self._opened is None:
            from tm_tui.api.transport import Transport

            self._opened = Transport(self._socket, self._silence)
        return self._opened


def _type_of(body: "Request | bytes | None") -> dict[str, str]:
    if body is None:
        return {}
    return {"Content-Type": "application/x-ndjson" if isinstance(body, bytes) else "application/json"}


def _written(body: "Request | None") -> bytes | None:
    """Write a request as JSON. Here, and nowhere else in the client, passwords are in clear."""
    if body is None:
        return None
    plain: dict[str, Any] = body.model_dump(mode="json", exclude={"secrets"})
    if (secrets := body.secret_changes()) is not None:
        changes = secrets.by_name().items()
        given = {name: secret.get_secret_value() for name, secret in changes if secret is not None}
        plain["secrets"] = given | ({"kept": secrets.kept} if secrets.kept else {})
    return json.dumps(plain).encode()


def _read(shape: type[T], body: str | bytes) -> T:
    try:
        value: T = msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError:
        cause = "The agent's answer is not understood: agent and console are of different versions."
        refusal = Refusal(code="other-version", cause=cause, remedy="Restart the agent, then this program.")
        raise ControlRefused(502, refusal) from None
    return value


def _refused(answer: "Answer") -> ControlRefused:
    try:
        if answer.status == 412:
            return SaveConflict(Conflict.from_json(answer.body))
        return ControlRefused(answer.status, Refusal.from_json(answer.body))
    except msgspec.DecodeError:
        cause = f"The agent answers with status {answer.status}."
        refusal = Refusal(code=f"http-{answer.status}", cause=cause, remedy="Try again in a moment.")
        return ControlRefused(answer.status, refusal)
