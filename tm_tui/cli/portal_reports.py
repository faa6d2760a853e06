"""`tm-tui portal report`: make, list and show the reports of a portal, running or not."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy import Connection, select

from tm_tui.cli.lazy import Group
from tm_tui.cli.output import json_option
from tm_tui.cli.portal_home import blobs_in, database, done, with_home
from tm_tui.errors import TmError
from tm_tui.portal import index, jobs, reading, tables
from tm_tui.portal.blobs.store import Blobs
from tm_tui.portal.log import PortalLog
from tm_tui.portal.refusals import Refused
from tm_tui.portal.reports import incidents, making, shelf
from tm_tui.portal.reports.shelf import Report
from tm_tui.spoken import local_time
from tm_tui.text import safe_text

if TYPE_CHECKING:
    from tm_tui.portal.reports.periods import Kind

__all__ = ["report"]

_APPLIANCE = click.option("--appliance", metavar="NAME", help="Of this appliance only.")


@click.group(cls=Group)
def report() -> None:
    """The reports that this portal makes of the logs it received."""


@report.command()
@click.argument("kind", type=click.Choice(["daily", "weekly", "monthly", "incident"]))
@_APPLIANCE
@json_option
@with_home
def make(
    context: click.Context, kind: str, own_home: Path | None, appliance: str | None, *, as_json: bool
) -> None:
    """Make reports now: of the day, week or month so far, or of all incidents that have none yet."""
    with database(context, own_home) as (connection, home):
        found = [one.id for one in _made(connection, blobs_in(home), kind, appliance)]
    done("\n".join(found) or "There was nothing to make.", as_json=as_json, made=found)


@report.command("list")
@_APPLIANCE
@json_option
@with_home
def list_(context: click.Context, own_home: Path | None, appliance: str | None, *, as_json: bool) -> None:
    """List the newest reports."""
    with database(context, own_home, reading=True) as (connection, _):
        for line in _listed(connection, appliance, as_json=as_json):
            click.echo(line)


@report.command()
@click.argument("name", metavar="ID|latest")
@json_option
@with_home
def show(context: click.Context, name: str, own_home: Path | None, *, as_json: bool) -> None:
    """Print a report's Markdown."""
    with database(context, own_home, reading=True) as (connection, _):
        text = _shown(connection, name)
    click.echo(json.dumps({"text": text}) if as_json else text, nl=as_json)


def _made(connection: Connection, blobs: Blobs, kind: str, appliance: str | None) -> tuple[Report, ...]:
    """Read what was received, then make reports. Raises TmError."""
    from tm_tui.clock import SystemClock

    now = SystemClock().now()
    index.catch_up(connection, blobs, PortalLog(sys.stderr, SystemClock()))
    connection.commit()
    _read_all(connection, blobs, now.timestamp())
    if kind == "incident":
        reports: list[Report] = []
        while (
            some := incidents.make_incidents(connection, now, wait=False, appliance=appliance)
        ) is not None:
            reports += some
            connection.commit()
        return tuple(reports)
    known = select(tables.products.c.appliance).limit(1)
    if appliance is not None:
        known = known.where(tables.products.c.appliance == appliance)
    if connection.execute(known).first() is None:
        who = f"{safe_text(appliance, 80)} is not registered." if appliance else "No appliance is registered."
        raise TmError(who, "See `tm-tui portal products list`.")
    chosen: dict[str, Kind] = {"daily": "daily", "weekly": "weekly", "monthly": "monthly"}
    return making.make_so_far(connection, chosen[kind], now, appliance)


def _read_all(connection: Connection, blobs: Blobs, now: float) -> None:
    """Do what a worker would: a running portal's may be faster, which does no harm."""
    for job in jobs.waiting(connection, "read"):
        batch = index.named(connection, job.what)
        if batch is None:
            continue
        try:
            with blobs.open(f"logs/{batch.appliance}/{batch.name}") as file:
                for portion in reading.portions(file, batch.received_at):
                    reading.keep(connection, batch.appliance, portion, now)
                    connection.commit()  # beats of a running portal go between
        except (Refused, OSError) as error:
            click.echo(f"tm-tui portal: {batch.name} cannot be read: {safe_text(str(error))}", err=True)
        else:
            jobs.withdraw(connection, job.key)


def _listed(connection: Connection, appliance: str | None, *, as_json: bool) -> Iterator[str]:
    """The newest reports, a line each or as one JSON object."""
    found = shelf.listed(connection, appliance)
    if as_json:
        yield json.dumps({"reports": [one.model_dump(mode="json") for one in found]})
    elif not found:
        yield "No report was made yet."
    else:
        for one in found:
            yield f"{local_time(one.made_at, '%Y-%m-%d %H:%M')}  {one.id}  {one.title}"


def _shown(connection: Connection, id_: str) -> str:
    """The Markdown of a report. Raises TmError when there is none of this id."""
    if id_ == "latest":
        newest = shelf.listed(connection, None, 1)
        id_ = newest[0].id if newest else id_
    text = shelf.text_of(connection, id_)
    if text is None:
        cause = f"There is no report {safe_text(id_, 140)}."
        raise TmError(cause, "See `tm-tui portal report list`.")
    return text
