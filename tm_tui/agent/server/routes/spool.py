"""The log queue on the control socket: GET /v1/spool, POST /v1/spool/send, and what takes events.

Roles are checked outside.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from itertools import count
from typing import TYPE_CHECKING, get_args

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tm_tui.agent.server.binding import Bound, bind
from tm_tui.agent.server.routes.event_lines import event_route
from tm_tui.api import calls
from tm_tui.api.shapes import LastFailure
from tm_tui.api.spool import (
    BatchInfo,
    DeliveryInfo,
    KindInfo,
    ProgressInfo,
    SendReply,
    SpoolDocument,
)
from tm_tui.clock import Clock, SystemClock
from tm_tui.errors import TmError
from tm_tui.serving.refusals import Refused
from tm_tui.spool.export import Format, writer_for
from tm_tui.spool.store import Spool

if TYPE_CHECKING:
    from tm_tui.delivery.service import DeliveryService
    from tm_tui.delivery.status import Outcome

__all__ = ["spool_document", "spool_routes"]

_MOST_TOLD = 1000
_LINES_AT_ONCE = 50
"""A piece of an export: what it takes, nobody else can do meanwhile."""
_WAIT = 25.0
_MOST_SENDINGS = 16

Delivery = Callable[[], "DeliveryService | None"]
"""Gives the delivery service of this moment; None while sending is switched off."""


def spool_routes(spool: Spool, delivery: Delivery, clock: Clock | None = None) -> list[Bound]:
    """Make the routes."""
    sendings = _Sendings(delivery, clock or SystemClock())

    async def show(request: Request) -> SpoolDocument | Response:
        form = request.query_params.get("format", "")
        if not form:
            return spool_document(spool, delivery())
        chosen: Format | None = next((known for known in get_args(Format) if known == form), None)
        if chosen is None:
            cause = "There is no such format."
            raise Refused(400, "bad-request", cause, f"Choose one of {', '.join(get_args(Format))}.")
        pieces = _exported(spool, chosen)
        first = await anext(pieces, "")  # a queue that cannot be read is refused, not cut off
        return StreamingResponse(_all(first, pieces), media_type="text/plain; charset=utf-8")

    async def send(_request: Request) -> SendReply:
        return sendings.begin()

    async def sent(request: Request) -> SendReply:
        return await sendings.result(request.path_params["number"])

    return [
        event_route(spool),
        bind(calls.SPOOL, show),
        bind(calls.SEND_LOGS, send),
        bind(calls.SENT, sent),
    ]


# --- what waits


def spool_document(spool: Spool, service: "DeliveryService | None") -> SpoolDocument:
    """Everything to show of the log queue."""
    seen = spool.status()
    batches = tuple(
        BatchInfo(name=b.name, kind=b.kind, events=b.events, bytes=b.bytes, sealed_at=b.sealed_at)
        for b in spool.batches()[:_MOST_TOLD]
    )
    return SpoolDocument(
        events=seen.events,
        bytes=seen.bytes,
        limit_bytes=seen.limit_bytes,
        limit_age_seconds=seen.limit_age_seconds,
        full_percent=seen.full_percent,
        oldest_age_seconds=seen.oldest_age_seconds,
        accepted=seen.accepted,
        lost=seen.lost,
        refusal=seen.refusal,
        alerts=seen.alerts,
        kinds=tuple(
            KindInfo(kind=kind, events=one.events, bytes=one.bytes, batches=one.batches)
            for kind, one in seen.kinds.items()
        ),
        batches=batches,
        delivery=_delivery(service),
    )


def _delivery(service: "DeliveryService | None") -> DeliveryInfo:
    if service is None:
        return DeliveryInfo(state="disabled")
    seen = service.status()
    return DeliveryInfo(
        state=seen.state,
        last_delivery_at=seen.last_delivery_at,
        last_delivery_age_seconds=seen.last_delivery_age_seconds,
        next_delivery_in_seconds=seen.next_delivery_in_seconds,
        last_failure=seen.last_failure,
        progress=ProgressInfo(**asdict(seen.progress)) if seen.progress else None,
        delivered_batches=seen.delivered_batches,
        delivered_events=seen.delivered_events,
    )


async def _all(first: str, others: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for piece in others:
        yield piece


async def _exported(spool: Spool, form: Format) -> AsyncIterator[str]:
    writer = writer_for(form)
    gathered = [] if writer.first is None else [writer.first + writer.end]
    async for line in spool.lines():
        gathered.append(writer.line(line) + writer.end)
        if len(gathered) >= _LINES_AT_ONCE:
            yield "".join(gathered)
            gathered = []
    if gathered:
        yield "".join(gathered)


# --- send now


class _Sendings:
    """The "send now" of late, by number, so that a client can wait longer than one request lasts."""

    def __init__(self, delivery: Delivery, clock: Clock) -> None:
        self._delivery, self._clock = delivery, clock
        self._numbers = count(1)
        self._futures: dict[int, asyncio.Future[Outcome]] = {}

    def begin(self) -> SendReply:
        """Start one. Raises Refused while sending is switched off."""
        service = self._delivery()
        if service is None:
            cause = "Sending logs to TMSP is switched off, or the portal removed this appliance."
            remedy = 'Switch on "Send logs and data to TMSP", or save the settings to register again.'
            raise Refused(409, "disabled", cause, remedy)
        number = next(self._numbers)
        self._futures[number] = service.send_now()
        for old in list(self._futures)[:-_MOST_SENDINGS]:
            del self._futures[old]
        return SendReply(number=number, done=False)

    async def result(self, number: int) -> SendReply:
        """Wait for one, not for ever. Raises Refused for a number that is not known (any more)."""
        future = self._futures.get(number)
        if future is None:
            raise Refused(404, "not-found", "There is no such sending.", "Send again.")
        await asyncio.wait({future}, timeout=_WAIT)
        if not future.done():
            return SendReply(number=number, done=False)
        if future.cancelled():
            cause = "Sending was ended in the meantime, by other settings or by a fault."
            raise Refused(409, "stopped", cause, "Send again; if that ends too, look into the agent's log.")
        outcome = future.result()
        failure = self._failure(outcome.failure) if outcome.failure else None
        return SendReply(
            number=number, done=True, batches=outcome.batches, events=outcome.events, failure=failure
        )

    def _failure(self, problem: TmError) -> LastFailure:
        return LastFailure(
            code=getattr(problem, "code", "storage"),
            stage=getattr(problem, "stage", "spool"),
            cause=problem.cause,
            remedy=problem.remedy,
            at=self._clock.now(),
        )
