"""`tm-tui portal retention`: how long the portal keeps what, what would go now, and the sweep by hand."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tm_tui.cli.lazy import Group
from tm_tui.cli.output import json_option
from tm_tui.cli.portal_home import audited, blobs_in, database, done, failures_told, settings_in, with_home

if TYPE_CHECKING:
    from tm_tui.portal.retention.going import Kept, Space

__all__ = ["retention"]


@click.group(cls=Group)
def retention() -> None:
    """How long the portal keeps what: [retention] of portal.toml says it, in days."""


@retention.command()
@json_option
@with_home
def show(context: click.Context, own_home: Path | None, *, as_json: bool) -> None:
    """Count what there is of each kind, and what would go now. Nothing is touched."""
    from dataclasses import asdict

    from tm_tui.clock import SystemClock
    from tm_tui.portal.retention import going

    with database(context, own_home, reading=True) as (connection, home):
        found = going.kept(connection, settings_in(home).retention, SystemClock().now())
        space = going.space(connection)
    if as_json:
        rows = [{**asdict(one), "oldest": one.oldest.isoformat() if one.oldest else None} for one in found]
        click.echo(json.dumps({"kept": rows, "database": asdict(space)}))
        return
    for one in found:
        click.echo(_line(one))
    click.echo(_space_line(space))


def _line(one: "Kept") -> str:
    days = f"{one.days} days" if one.days else "for ever"
    there = f"{one.number:,}" + (f" ({one.bytes:,} bytes)" if one.bytes is not None else "")
    goes = f"{one.going:,}" + (f" ({one.going_bytes:,} bytes)" if one.going_bytes is not None else "")
    return f"{one.kind:8} {days:>11} ({one.origin}): {there} there, {goes} would go"


def _space_line(space: "Space") -> str:
    unused = "" if space.unused is None else f", {space.unused:,} of them unused"
    blobs = f" {space.blobs:,} files of what went are still to be deleted." if space.blobs else ""
    return f"Database: {space.bytes:,} bytes{unused}.{blobs}"


@retention.command()
@json_option
@with_home
def apply(context: click.Context, own_home: Path | None, *, as_json: bool) -> None:
    """Take away now what has had its time, beside a running portal, as its own sweep does once a day."""
    from tm_tui.atomic import storage_failure
    from tm_tui.clock import SystemClock
    from tm_tui.portal.retention.sweeping import sweep

    went: Counter[str] = Counter()
    with database(context, own_home) as (connection, home), failures_told():
        try:
            for piece in sweep(connection, blobs_in(home), settings_in(home).retention, SystemClock().now()):
                went[piece.kind] += piece.number
        except OSError as error:
            raise storage_failure(home.path, error) from None
        told = {kind: number for kind, number in went.items() if number}
        words = ", ".join(f"{kind} {number:,}" for kind, number in told.items()) or "nothing"
        audited(connection, "retention-applied", words)
    done(f"Gone: {words}.", as_json=as_json, gone=told)
