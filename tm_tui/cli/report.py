"""`tm-tui report`: the reports that TMSP made of this appliance's logs, listed and shown."""

import shutil
from collections.abc import Iterator

import click

from tm_tui.api.client import ControlClient
from tm_tui.api.reports import ReportDocument, ReportsDocument
from tm_tui.api.requests import ReadMarks
from tm_tui.cli.asking import ask, why_off
from tm_tui.cli.lazy import Group
from tm_tui.cli.output import count, emit, json_option, show, table
from tm_tui.errors import TmError
from tm_tui.spoken import local_time
from tm_tui.text import safe_text

__all__ = ["report"]


@click.group(cls=Group)
def report() -> None:
    """List and show the reports of TMSP."""


@report.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the reports that were fetched, the newest first; * marks those not read yet."""
    document = ask(lambda client: client.reports())
    emit(document.plain()) if as_json else show(_page(document))


@report.command("show")
@click.argument("which", metavar="NUMBER|ID|latest")
@json_option
def show_(*, which: str, as_json: bool) -> None:
    """Print a report as plain text, as wide as the terminal; with --json its Markdown.

    It counts as read from then on, unless your role permits looking only.
    """
    document = ask(lambda client: _read(client, which))
    if as_json:
        emit(document.plain())
        return
    from tm_tui.markdown_rows import rows_of

    width = min(100, shutil.get_terminal_size().columns)
    show(row.text for row in rows_of(document.text, width))


async def _read(client: ControlClient, which: str) -> ReportDocument:
    found = (await client.reports()).reports
    chosen = next((one for one in found if which in {str(one.number), one.id}), None)
    if which == "latest" and found:
        chosen = found[0]
    if chosen is None:
        raise TmError(f"There is no report {safe_text(which, 140)}.", "See `tm-tui report list`.")
    document = await client.report(chosen.number)
    if not chosen.read and (await client.session()).role == "write":
        await client.mark_reports(ReadMarks(numbers=(chosen.number,)))
    return document


def _page(document: ReportsDocument) -> Iterator[str]:
    status = document.status
    if not status.enabled:
        yield f"! {why_off()}: reports are not fetched, and new ones hold no data."
    if document.reports:
        heads = ("", "Number", "Made", "Kind", "Title")
        rows = (
            (
                " " if one.read else "*",
                str(one.number),
                local_time(one.made_at, "%Y-%m-%d %H:%M"),
                one.kind,
                one.title,
            )
            for one in document.reports
        )
        yield from table([heads, *rows])
        yield ""
    yield from (f"! {one.words}" for one in document.unreadable)
    checked = (
        f", looked at the portal {local_time(status.checked_at, '%H:%M:%S')}" if status.checked_at else ""
    )
    yield f"{count(status.kept, 'report')}, {status.unread} not read{checked}."
    if status.last_failure is not None:
        failure = status.last_failure
        yield f"Last failure: {failure.code} ({count(failure.count, 'time')})"
        yield f"  {failure.cause} {failure.remedy}"
