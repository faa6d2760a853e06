"""`tm-tui portal pattern`: issue custom patterns, withdraw them, and look after the keys that sign them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tm_tui.cli.lazy import Group
from tm_tui.cli.output import json_option
from tm_tui.cli.portal_home import audited, database, done, with_home
from tm_tui.errors import TmError
from tm_tui.status_server.protocol import APPLIANCE_PATTERN

if TYPE_CHECKING:
    from tm_tui.portal.pattern_repository import Issued

__all__ = ["pattern"]

_ROLES = ("root", "targets", "snapshot", "timestamp")


@click.group(cls=Group)
def pattern() -> None:
    """Custom patterns: issue, list, withdraw; the keys that sign them."""


@pattern.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--type", "kind", type=click.Choice(["bandage", "controlled"]), required=True)
@click.option("--description", required=True, help="What it is for; appliances show it.")
@click.option("--version", default="1.0", show_default=True, help="Version of the pattern.")
@click.option("--appliance", help="For this appliance alone; without it, for all.")
@json_option
@with_home
def issue(  # noqa: PLR0917  click names them
    context: click.Context,
    file: Path,
    kind: str,
    description: str,
    version: str,
    appliance: str | None,
    own_home: Path | None,
    *,
    as_json: bool,
) -> None:
    """Sign FILE as the pattern with the next Pattern ID, and announce it in the replies to beats."""
    import re

    from tm_tui.clock import SystemClock
    from tm_tui.portal import notices
    from tm_tui.portal.pattern_repository import PatternRepository

    if appliance is not None and not re.fullmatch(APPLIANCE_PATTERN, appliance):
        raise click.BadParameter("this is no name of an appliance", param_hint="--appliance")
    now = SystemClock().now()
    with database(context, own_home) as (connection, home):
        repository = PatternRepository(home)
        repository.prepare(now)
        about = {"kind": kind, "version": version, "description": description}
        issued = repository.issue(file, **about, appliance=appliance, now=now)
        notices.announce(connection, notices.of_pattern(issued), appliance, now)
        whom = appliance or "all appliances"
        audited(connection, "pattern-issued", f"{issued.id}: {issued.type}, {whom}, {issued.description}")
    done(f"Pattern {issued.id} issued.", as_json=as_json, issued=issued.model_dump(mode="json"))


@pattern.command(name="list")
@json_option
@with_home
def list_(context: click.Context, own_home: Path | None, *, as_json: bool) -> None:
    """List the patterns that are offered, the newest first."""
    from tm_tui.portal.pattern_repository import PatternRepository

    with database(context, own_home) as (_, home):
        found = PatternRepository(home).listed()
    if as_json:
        click.echo(json.dumps({"patterns": [_document(one) for one in found]}))
        return
    if not found:
        click.echo("No pattern is offered.")
    for one in found:
        told = one.pattern
        whom = one.appliance or "all appliances"
        click.echo(f"{told.id}  {told.type}  {told.version}  {told.description}  ({one.bytes} bytes, {whom})")


def _document(one: "Issued") -> dict[str, object]:
    return {**one.pattern.model_dump(mode="json"), "appliance": one.appliance, "bytes": one.bytes}


@pattern.command()
@click.argument("number", type=click.IntRange(1, 999_999_999))
@json_option
@with_home
def withdraw(context: click.Context, number: int, own_home: Path | None, *, as_json: bool) -> None:
    """Offer a pattern no more; appliances drop it when they look next."""
    from tm_tui.clock import SystemClock
    from tm_tui.portal import notices
    from tm_tui.portal.pattern_repository import PatternRepository

    with database(context, own_home) as (connection, home):
        PatternRepository(home).withdraw(number, SystemClock().now())
        notices.withdraw(connection, "pattern", str(number))
        audited(connection, "pattern-withdrawn", str(number))
    done(f"Pattern {number} withdrawn.", as_json=as_json, withdrawn=number)


@pattern.group(cls=Group)
def keys() -> None:
    """The keys that sign the patterns; they lie in HOME/keys."""


@keys.command()
@click.option("--role", "roles", type=click.Choice(_ROLES), multiple=True, help="Default: all of them.")
@json_option
@with_home
def rotate(context: click.Context, roles: tuple[str, ...], own_home: Path | None, *, as_json: bool) -> None:
    """Make new keys. Appliances follow by the chain of roots; nothing has to be done there."""
    from tm_tui.clock import SystemClock
    from tm_tui.portal.pattern_repository import PatternRepository

    with database(context, own_home) as (_, home):
        if not home.patterns.is_dir():
            raise TmError("This portal has no patterns yet.", "Start it once, or issue a pattern.")
        version = PatternRepository(home).rotate(roles, SystemClock().now())
    done(f"New keys are in force: root version {version}.", as_json=as_json, root_version=version)
