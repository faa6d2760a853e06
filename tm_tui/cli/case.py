"""`tm-tui case`: files for analysis, from this appliance to TMSP, by an admin's decision only."""

import os
import sys
from collections.abc import Iterator
from contextlib import aclosing

import click

from tm_tui.api.case_words import CASE_STATUS, case_lines
from tm_tui.api.cases import CaseInfo, CaseProgress, CasesDocument
from tm_tui.api.client import ControlClient
from tm_tui.api.registration_words import off
from tm_tui.api.requests import SubmitRequest
from tm_tui.cli.asking import ask, why_off
from tm_tui.cli.lazy import Group
from tm_tui.cli.output import count, emit, json_option, show, span, table
from tm_tui.errors import TmError
from tm_tui.spoken import bar, local_time, percent, size
from tm_tui.text import path_text

__all__ = ["case"]

_WIDTH = 30


@click.group(cls=Group)
def case() -> None:
    """Submit files for analysis, follow and cancel what was submitted."""


@case.command()
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--endpoint", required=True, help="The computer that the files are from.")
@click.option("--threat", default="", help="What it is suspected to be.")
@click.option("--description", default="", help="What happened, for whoever analyses it.")
@click.option("--format", "form", type=click.Choice(["tar.zst", "zip"]), default="tar.zst", show_default=True)
@click.option(
    "--wait", is_flag=True, help="Wait until the portal has it; Ctrl+C stops waiting, not the upload."
)
@json_option
def submit(
    paths: tuple[str, ...],
    *,
    endpoint: str,
    threat: str,
    description: str,
    form: str,
    wait: bool,
    as_json: bool,
) -> None:
    """Pack files and folders and upload them to TMSP. Without PATHS, what lies in the agent's inbox.

    The agent reads them, with its own rights. Symbolic links, devices, sockets and pipes are left out.
    """
    chosen = tuple(path_text(os.path.abspath(path)) for path in paths)  # noqa: PTH100  keeps symbolic links
    request = SubmitRequest(
        paths=chosen,
        endpoint=endpoint,
        threat=threat,
        description=description,
        form=form,
    )

    async def handing_in(client: ControlClient) -> CaseInfo:
        made = await client.submit_case(request)
        return await _followed(client, made.number, bar=not as_json) if wait else made

    made = ask(handing_in)
    if as_json:
        emit(made.plain())
    elif made.state == "failed" and made.last_failure:
        raise TmError(made.last_failure.cause, made.last_failure.remedy)
    else:
        show([f"Case {made.number}: {_standing(made)}.", *(f"! {note}" for note in made.notes)])
    if made.state in {"failed", "cancelled"}:
        raise click.exceptions.Exit(1)


async def _followed(client: ControlClient, number: int, *, bar: bool) -> CaseInfo:
    """Wait for the end of the upload, with a bar on a terminal."""
    drawn = bar and sys.stderr.isatty()
    told = ""
    async with aclosing(client.status_stream()) as snapshots:
        async for snapshot in snapshots:
            case = await client.case(number)
            if drawn:
                line = _bar_line(case)
                sys.stderr.write(f"\r{line.ljust(len(told))}")
                sys.stderr.flush()
                told = line
            if case.state in {"submitted", "failed", "cancelled"}:
                break
            if snapshot.cases.state == "disabled" and case.state == "waiting":
                cause = f"Case {number} is packed and waits. {off(snapshot.status_server)}."
                raise TmError(cause, "Once it sends again, the case goes by itself.")
    if drawn:
        sys.stderr.write("\n")
    return case


def _bar_line(case: CaseInfo) -> str:
    progress = case.progress
    if progress is None:
        failure = f" ({case.last_failure.code})" if case.last_failure else ""
        return f"Case {case.number} {case.state}{failure}"
    return f"Case {case.number} {_progress(progress, _WIDTH)}"


def _progress(progress: CaseProgress, width: int) -> str:
    if not progress.bytes:
        return f"packing, {size(progress.done_bytes)} read"
    rate = f", {progress.bytes_per_second / 1000:,.0f} KB/s" if progress.bytes_per_second else ""
    left = "" if progress.seconds_left is None else f", {span(progress.seconds_left)} left"
    done = progress.done_bytes, progress.bytes
    return f"{bar(*done, width)} {percent(*done)} %{rate}{left}"


def _standing(case: CaseInfo) -> str:
    if case.progress is not None:
        return _progress(case.progress, 10)
    if case.state == "submitted":
        return CASE_STATUS[case.status] if case.status else "is at the portal"
    if case.last_failure is not None:
        again = "" if case.next_try_in_seconds is None else f", next try in {span(case.next_try_in_seconds)}"
        return f"{case.state} ({case.last_failure.code}{again})"
    return {"packing": "is being packed", "waiting": "waits"}.get(case.state, case.state)


# --- list


@case.command(name="list")
@json_option
def list_(*, as_json: bool) -> None:
    """Show all cases with what the portal says of them, the newest first."""
    document = ask(lambda client: client.cases())
    emit(document.plain()) if as_json else show(_page(document))


def _page(document: CasesDocument) -> Iterator[str]:
    if document.state == "disabled":
        yield f"! {why_off()}: cases wait on this appliance."
    elif document.state == "paused":
        yield "! Uploading is paused: see the failure below. `tm-tui case send` tries again."
    yield f"Inbox  {document.inbox}, {count(document.inbox_files, 'file')}"
    yield from (f"! {one.words}" for one in document.unreadable)
    if not document.cases:
        yield "No case was submitted."
        return
    heads = ("Case", "Case ID", "Submitted", "Endpoint", "Pattern", "Status")
    yield from table([heads, *(_row(case) for case in document.cases)])
    for case in document.cases:
        if case.last_failure is not None:
            yield f"Case {case.number}: {case.last_failure.cause} {case.last_failure.remedy}"


def _row(case: CaseInfo) -> tuple[str, ...]:
    at = local_time(case.created_at, "%Y-%m-%d %H:%M")
    return str(case.number), case.case_id or "-", at, case.endpoint, case.pattern_id or "-", _standing(case)


@case.command(name="show")
@click.argument("number", type=click.IntRange(1))
@json_option
def show_case(*, number: int, as_json: bool) -> None:
    """Show all that is known of a case: its files, what was left out, what the portal says, a failure."""
    found = ask(lambda client: client.case(number))
    if as_json:
        emit(found.plain())
    else:
        show([f"Case {number}: {_standing(found)}.", *case_lines(found)])


@case.command()
@click.argument("number", type=click.IntRange(1))
@json_option
def cancel(*, number: int, as_json: bool) -> None:
    """Give a case up: its packed file is removed here, and what the portal has of it there."""
    cancelled = ask(lambda client: client.cancel_case(number))
    emit(cancelled.plain()) if as_json else show([f"Case {number} is cancelled."])


@case.command()
@json_option
def send(*, as_json: bool) -> None:
    """Try again now to upload what waits, also when uploading is paused."""
    document = ask(lambda client: client.send_cases())
    emit(document.plain()) if as_json else show(["Uploading is tried again."])
