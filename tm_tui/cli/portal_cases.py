"""`tm-tui portal case`: the operator's view of the cases that appliances submitted."""

import json
import os
from pathlib import Path

import click

from tm_tui.cli.lazy import Group
from tm_tui.cli.output import json_option
from tm_tui.cli.portal_home import blobs_in, database, done, with_home
from tm_tui.errors import TmError
from tm_tui.spoken import utc_time
from tm_tui.text import safe_text

__all__ = ["case"]

_STATUSES = ("new-case-received", "administrator-notified", "sample-downloaded")


@click.group(cls=Group)
def case() -> None:
    """Cases that appliances submitted for analysis."""


@case.command("list")
@json_option
@with_home
def list_cases(context: click.Context, own_home: Path | None, *, as_json: bool) -> None:
    """List them, the newest first. New ones count as told to the administrator from now on."""
    from tm_tui.clock import SystemClock
    from tm_tui.portal import cases

    with database(context, own_home) as (connection, _):
        found = cases.listed(connection, most=10_000)
        new = [one.case_id for one in found if one.status == "new-case-received"]
        cases.seen(connection, SystemClock().now(), new)
    if as_json:
        click.echo(json.dumps({"cases": [one.model_dump(mode="json") for one in found]}))
        return
    if not found:
        click.echo("No case was submitted.")
    for one in found:
        pattern = f", pattern {one.pattern_id}" if one.pattern_id else ""
        about = f"{one.threat or 'no threat named'}; {one.bytes:,} bytes; {one.appliance}"
        at = f"{utc_time(one.received_at)} UTC"
        click.echo(f"{one.case_id}  {one.status}{pattern}  {at}  {one.endpoint}  ({about})")
        if one.description:
            click.echo(f"    {one.description}")


@case.command("download")
@click.argument("name", metavar="CASE")
@click.argument("target", type=click.Path(path_type=Path), default=Path())
@json_option
@with_home
def download(
    context: click.Context, name: str, target: Path, own_home: Path | None, *, as_json: bool
) -> None:
    """Copy a case's file to TARGET (a folder or a new file); its status becomes "sample downloaded".

    What is in it may be malicious: unpack it where it can do no harm.
    """
    from tm_tui.clock import SystemClock
    from tm_tui.portal import cases
    from tm_tui.portal.case_parts import case_bytes

    with database(context, own_home) as (connection, home):
        found = cases.case_of(connection, name)
        connection.commit()  # nobody waits for the copying
        path = target / found.file if target.is_dir() else target
        try:
            with _new(path) as file:
                for piece in case_bytes(blobs_in(home), found):
                    file.write(piece)
        except OSError as error:
            cause = f"{safe_text(str(path))} cannot be written: {safe_text(error.strerror or '')}."
            raise TmError(cause, "Choose another target.") from None
        cases.set_status(connection, name, SystemClock().now(), "sample-downloaded")
    done(f"{found.case_id} is in {path}.", as_json=as_json, case_id=found.case_id, file=str(path))


def _new(path: Path):  # type: ignore[no-untyped-def]  # noqa: ANN202  os.fdopen's own type
    """A file that was not there before, for its owner alone."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")


@case.command("status")
@click.argument("name", metavar="CASE")
@click.argument("status", type=click.Choice(_STATUSES), required=False)
@click.option("--pattern", help="The ID of the custom pattern that came of it.")
@json_option
@with_home
def status(
    context: click.Context,
    name: str,
    own_home: Path | None,
    *,
    status: str | None,
    pattern: str | None,
    as_json: bool,
) -> None:
    """Show or set how a case stands; the appliance is told when it asks."""
    from tm_tui.clock import SystemClock
    from tm_tui.portal import cases

    with database(context, own_home) as (connection, _):
        if status is None and pattern is None:
            found = cases.case_of(connection, name)
        else:
            told = None if pattern is None else safe_text(pattern, 64)
            found = cases.set_status(connection, name, SystemClock().now(), status, told)  # type: ignore[arg-type]
    pattern_words = f", pattern {found.pattern_id}" if found.pattern_id else ""
    done(f"{found.case_id}: {found.status}{pattern_words}.", as_json=as_json, **found.model_dump(mode="json"))
