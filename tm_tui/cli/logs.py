"""`tm-tui logs`: events into the queue, the queue out to the log server, and what waits in it."""

import sys
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any, BinaryIO

import click

from tm_tui.api.client import AgentEnded, ControlClient, ControlRefused
from tm_tui.api.spool import DeliveryInfo, IntakeReply, SendReply, SpoolDocument
from tm_tui.cli.asking import ask, why_off
from tm_tui.cli.lazy import Group
from tm_tui.cli.output import ago, count, emit, json_option, show, span, table
from tm_tui.cli.streams import reading_input
from tm_tui.errors import TmError
from tm_tui.spoken import size

__all__ = ["logs"]

_PIECE = 256 * 1024
_MOST_TOLD = 1000


@click.group(cls=Group)
def logs() -> None:
    """Take in events, send them now, show what waits."""


# --- add


@logs.command()
@json_option
def add(*, as_json: bool) -> None:  # noqa: ARG001  the answer is JSON either way
    """Take events from standard input, one JSON object a line.

    Prints {"accepted": n, "rejected": [...]} when the accepted ones are on the disk. Exit code 1 if any
    was rejected. The same id again with the same content counts as accepted and is kept once, so a failed
    run can be repeated. Of events without an id repeat those from line "not_taken_from" on; of the lines that
    are "unknown" the agent has said nothing: it ended meanwhile.
    """
    total = _Total()
    try:
        ask(lambda client: _add_all(client, sys.stdin.buffer, total))
    finally:
        emit(total.document())
    if total.rejected:
        raise click.exceptions.Exit(1)


class _Total:
    """The sum over all requests, with line numbers of the whole input."""

    def __init__(self) -> None:
        self.lines = self.accepted = self.rejected = 0
        self.told: list[dict[str, Any]] = []
        self.stopped: int | None = None
        self.unknown: dict[str, int] | None = None

    def count(self, reply: IntakeReply, lines: int) -> None:
        """Add one answer about so many lines."""
        self.accepted += reply.accepted
        for one in reply.rejected:
            self.reject(self.lines + one.line, one.reason)
        self.rejected += reply.rejected_more
        if reply.not_taken_from is not None:
            self.stopped = self.lines + reply.not_taken_from
        self.lines += lines

    def reject(self, line: int, reason: str) -> None:
        """Add one line that was not taken."""
        self.rejected += 1
        if len(self.told) < _MOST_TOLD:
            self.told.append({"line": line, "reason": reason})

    def document(self) -> dict[str, Any]:
        """What is printed. `rejected` tells at most 1,000 lines; `rejected_more` counts the others."""
        more = self.rejected - len(self.told)
        found = {"rejected_more": more or None, "not_taken_from": self.stopped, "unknown": self.unknown}
        told = {name: value for name, value in found.items() if value is not None}
        return {"accepted": self.accepted, "rejected": self.told, **told}


async def _add_all(client: ControlClient, source: BinaryIO, total: _Total) -> None:
    """Hand in piece by piece, up to the first that the disk or the queue refused."""
    for body in _pieces(source):
        lines = body.count(b"\n")
        try:
            reply = await client.add_events(body)
        except ControlRefused as refused:
            total.stopped = total.lines + 1
            total.reject(total.stopped, f"{refused} This line and all after it were not taken.")
            raise
        except AgentEnded:
            total.unknown = {"from": total.lines + 1, "to": total.lines + lines}
            raise
        total.count(reply, lines)
        if total.stopped is not None:
            return


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    """Whole lines, as many as have come: a slow producer's are taken at once, a fast one's together."""
    rest = b""
    while part := _read(source):
        rest += part
        end = rest.rfind(b"\n") + 1
        if end:
            yield rest[:end]
            rest = rest[end:]
    if rest.strip():
        yield rest + b"\n"


def _read(source: BinaryIO) -> bytes:
    with reading_input():
        return source.read1(_PIECE)  # type: ignore[attr-defined, no-any-return]  # every buffered reader has it


# --- send


@logs.command()
@click.option("--wait/--no-wait", default=True, help="Wait until all is delivered or it failed (default).")
@json_option
def send(*, wait: bool, as_json: bool) -> None:
    """Seal and deliver now what waits, even if sending is paused."""

    async def sending(client: ControlClient) -> SendReply:
        reply = await client.send_logs()
        while wait and not reply.done:
            reply = await client.sent(reply.number)
        return reply

    reply = ask(sending)
    if as_json:
        emit(reply.plain())
    elif not wait:
        show(["Sending has begun."])
    elif reply.failure is None or reply.events:
        show([f"Delivered {count(reply.events, 'event')} in {count(reply.batches, 'batch')}."])
    if reply.failure is not None:
        if not as_json:
            raise TmError(reply.failure.cause, reply.failure.remedy)
        raise click.exceptions.Exit(1)


# --- list


@logs.command(name="list")
@click.option(
    "--format", "form", type=click.Choice(["ndjson", "cef", "leef", "csv"]), help="The events themselves."
)
@json_option
def list_(*, form: str | None, as_json: bool) -> None:
    """Show what waits; with --format, the events themselves in a format that log collectors read."""
    if form:
        ask(lambda client: _export(client, form))
        return
    document = ask(lambda client: client.spool())
    emit(document.plain()) if as_json else show(_page(document))


async def _export(client: ControlClient, form: str) -> None:
    async with aclosing(client.export_spool(form)) as pieces:
        async for piece in pieces:
            sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _page(spool: SpoolDocument) -> Iterator[str]:
    yield from table(_rows(spool))
    for alert in spool.alerts:
        yield f"! {alert}"
    if spool.batches:
        yield ""
        heads = ("Batch", "Kind", "Events", "Size")
        yield from table([heads, *((b.name, b.kind, str(b.events), size(b.bytes)) for b in spool.batches)])


def _rows(spool: SpoolDocument) -> Iterator[tuple[str, str]]:
    yield "Waiting", f"{count(spool.events, 'event')}, {size(spool.bytes)}, {spool.full_percent} % full"
    for kind in spool.kinds:
        yield f"  {kind.kind}", f"{count(kind.events, 'event')}, {size(kind.bytes)}"
    yield "Oldest", ago(spool.oldest_age_seconds) if spool.events else "-"
    yield "Limits", f"{size(spool.limit_bytes)}, {span(spool.limit_age_seconds)} of waiting"
    delivery = spool.delivery
    yield "Last delivery", ago(delivery.last_delivery_age_seconds)
    yield "Next delivery", _next(delivery)
    if delivery.last_failure:
        yield "Last failure", f"{delivery.last_failure.code} ({count(delivery.last_failure.count, 'time')})"
        yield "", delivery.last_failure.cause
        yield "", delivery.last_failure.remedy


def _next(delivery: DeliveryInfo) -> str:
    if delivery.state in {"idle", "retrying"}:
        return f"in {span(delivery.next_delivery_in_seconds or 0.0)}"
    paused = "paused until the settings change or `logs send`, an hour at most"
    if delivery.state == "disabled":
        return f"none. {why_off()}."
    return paused if delivery.state == "paused" else delivery.state
