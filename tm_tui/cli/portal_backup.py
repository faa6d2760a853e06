"""`tm-tui portal backup`, `portal restore`, `portal blobs copy`: a whole portal, kept and brought back."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tm_tui.cli.lazy import Group
from tm_tui.cli.output import json_option
from tm_tui.cli.portal_home import blobs_in, done, failures_told, home_of, settings_in, with_home
from tm_tui.errors import TmError
from tm_tui.spoken import utc_time

if TYPE_CHECKING:
    from tm_tui.portal.home import PortalHome

__all__ = ["backup", "blobs", "restore"]

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("target", metavar="DIR", type=_FOLDER)
@click.option("--without-blobs", is_flag=True, help="Leave out batches and cases: their store has its own.")
@json_option
@with_home
def backup(
    context: click.Context, target: Path, own_home: Path | None, *, without_blobs: bool, as_json: bool
) -> None:
    """Copy all of a portal into the new folder DIR, while it runs: it holds passwords' hashes and keys.

    The database is that of one moment. Files that portal.toml names outside the home are not in it.
    """
    from tm_tui.clock import SystemClock
    from tm_tui.portal.backup.making import make_backup

    with failures_told():
        home = home_of(context, own_home)
        kept = None if without_blobs else blobs_in(home)
        made = make_backup(home, _database_of(home), kept, target.absolute(), SystemClock().now())
    words = "without batches and cases" if made.blobs is None else f"{made.blobs} batches and files of cases"
    done(f"{target} holds the portal, {words}.", as_json=as_json, backup=str(target), blobs=made.blobs)


def _database_of(home: "PortalHome") -> Path:
    from tm_tui.portal.settings import database_at

    where = database_at(settings_in(home).database, home.path)
    if not isinstance(where, Path):
        cause = "The database of this portal is on a server."
        raise TmError(cause, "Back it up there with pg_dump, and the rest without it.")
    if not where.is_file():
        raise TmError(f"There is no portal in {home.path}.", "Name the home of one with --home.")
    return where


@click.command()
@click.argument("source", metavar="DIR", type=_FOLDER)
@json_option
@with_home
def restore(context: click.Context, source: Path, own_home: Path | None, *, as_json: bool) -> None:
    """Make a portal of the backup in DIR, in the home that --home names, which must be new or empty.

    Everything is checked first. Appliances go on with it as if nothing had been.
    """
    from tm_tui.portal.backup.restoring import restore_backup

    def load(_file: Path, _url: str) -> None:
        raise TmError("The database of this portal is on a server.", "Restore it there with pg_restore.")

    with failures_told():
        home = home_of(context, own_home)
        found = restore_backup(source.absolute(), home.path, load)
    words = f"The portal of {utc_time(found.made_at)} UTC is in {home.path}."
    done(words, as_json=as_json, home=str(home.path), made_at=found.made_at.isoformat())


@click.group(cls=Group)
def blobs() -> None:
    """Where batches and cases lie: copy them elsewhere."""


@blobs.command("copy")
@click.option(
    "--to", "target", required=True, metavar="ADDRESS", help="file:FOLDER or s3://BUCKET/PREFIX?..."
)
@click.option("--credentials", default="", help="File with the keys of the bucket, as blobs_credentials.")
@click.option("--verify", is_flag=True, help="Read all of it on both sides, and compare.")
@json_option
@with_home
def copy(
    context: click.Context,
    target: str,
    credentials: str,
    own_home: Path | None,
    *,
    verify: bool,
    as_json: bool,
) -> None:
    """Copy batches and cases to another store. Again, and only what is new goes.

    Copy while the portal runs, end it, copy once more with --verify, set `blobs` in portal.toml, start it.
    """
    from tm_tui.atomic import storage_failure
    from tm_tui.portal.blobs.address import blobs_at
    from tm_tui.portal.blobs.copying import copy_all

    with failures_told():
        home = home_of(context, own_home)
        source, other = blobs_in(home), blobs_at(target, home.path, credentials)
        try:
            home.prepare()
            found = copy_all(source, other, home.incoming, verify=verify)
        except OSError as error:
            raise storage_failure(home.path, error) from None
    words = f"{found.copied} copied ({found.bytes:,} bytes), {found.there} were there already."
    done(words, as_json=as_json, copied=found.copied, bytes=found.bytes, there=found.there)
