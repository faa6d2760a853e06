"""`tm-tui portal products`: the appliances that registered, and whose they are."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tm_tui.cli.lazy import Group
from tm_tui.cli.output import json_option
from tm_tui.cli.portal_home import at_the_command_line, audited, database, done, with_home
from tm_tui.spoken import utc_time
from tm_tui.text import safe_text

if TYPE_CHECKING:
    from tm_tui.portal.products import Product

__all__ = ["products"]


@click.group(cls=Group)
def products() -> None:
    """Registered Products: the appliances that registered with this portal."""


@products.command("list")
@json_option
@with_home
def list_products(context: click.Context, own_home: Path | None, *, as_json: bool) -> None:
    """List them with their last beat and what is missing."""
    from tm_tui.clock import SystemClock
    from tm_tui.portal import products as registered

    with database(context, own_home, reading=True) as (connection, _):
        found = registered.listed(connection, SystemClock().now())
    if as_json:
        click.echo(json.dumps({"products": [one.model_dump(mode="json") for one in found]}))
        return
    if not found:
        click.echo("No appliance is registered.")
    for one in found:
        click.echo(_line(one))


def _line(one: "Product") -> str:
    if one.last_beat_at is None:
        beat = "no beat yet"
    else:
        at = utc_time(one.last_beat_at, "%Y-%m-%d %H:%M:%S")
        beat = f"last beat {at} UTC, {one.last_beat_age_seconds:.0f} s ago"
    about = f"{one.edition}, version {one.version}, {one.email or 'no e-mail'}"
    since = f"registered {utc_time(one.registered_at)} UTC"
    twice = f"  IDENTITY TWICE, from {' and '.join(one.clones)}" if one.clones else ""
    return f"{one.appliance}  {one.state}{twice}  {beat}, {one.missed_beats} missed  ({about}; {since})"


@products.command("remove")
@click.argument("name")
@json_option
@with_home
def remove_product(context: click.Context, name: str, own_home: Path | None, *, as_json: bool) -> None:
    """Take an appliance off the list.

    Its beats and batches are refused until its admin switches sending on or saves, or `readmit`.
    """
    from tm_tui.clock import SystemClock
    from tm_tui.portal import products as registered

    with database(context, own_home) as (connection, _):
        registered.remove(connection, name, at_the_command_line(), SystemClock().now())
        audited(connection, "product-removed", name)
    done(f"{safe_text(name)} removed from Registered Products.", as_json=as_json, removed=name)


@products.command("removed")
@json_option
@with_home
def list_removed(context: click.Context, own_home: Path | None, *, as_json: bool) -> None:
    """List the appliances that were removed and have not come back."""
    from tm_tui.portal import removals

    with database(context, own_home) as (connection, _):
        found = removals.listed(connection)
    if as_json:
        shown = [{**asdict(one), "removed_at": one.removed_at.isoformat()} for one in found]
        click.echo(json.dumps({"removed": shown}))
        return
    if not found:
        click.echo("No appliance was removed.")
    for one in found:
        click.echo(f"{one.appliance}  removed {utc_time(one.removed_at)} UTC by {safe_text(one.removed_by)}")


@products.command("readmit")
@click.argument("name", metavar="APPLIANCE")
@json_option
@with_home
def readmit_product(context: click.Context, name: str, own_home: Path | None, *, as_json: bool) -> None:
    """Let an appliance that was removed register again by itself."""
    from tm_tui.portal import removals

    with database(context, own_home) as (connection, _):
        removals.readmit(connection, name)
        audited(connection, "product-readmitted", name)
    done(f"{safe_text(name)} may register again.", as_json=as_json, readmitted=name)


@products.command("move")
@click.argument("name", metavar="APPLIANCE")
@click.argument("account")
@json_option
@with_home
def move_product(
    context: click.Context, name: str, account: str, own_home: Path | None, *, as_json: bool
) -> None:
    """Give an appliance to another account: from now on only this one may speak for it."""
    from tm_tui.portal import appliances

    with database(context, own_home) as (connection, _):
        appliances.move(connection, name, account)
        audited(connection, "product-moved", f"{name} to {account}")
    text = f"{safe_text(name)} belongs to {safe_text(account)} now."
    done(text, as_json=as_json, moved=name, account=account)
