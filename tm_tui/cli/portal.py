"""`tm-tui portal`: run the reference TMSP, and look after its accounts and Registered Products."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tm_tui.cli.lazy import Lazy, LazyGroup
from tm_tui.cli.output import json_option, refuse_bytes
from tm_tui.cli.portal_home import HOME_TYPE, database, done, failures_told, with_home
from tm_tui.cli.streams import reading_input
from tm_tui.errors import TmError
from tm_tui.spoken import utc_time
from tm_tui.text import safe_text

if TYPE_CHECKING:
    from pydantic import SecretStr

    from tm_tui.portal.products import Product
    from tm_tui.portal.service import PortalOptions, Ready

__all__ = ["portal"]

_PORT = click.IntRange(0, 65535)
_LAZY = {
    "case": Lazy("tm_tui.cli.portal_cases:case", "Cases that appliances submitted for analysis."),
    "pattern": Lazy("tm_tui.cli.portal_patterns:pattern", "Custom patterns: issue, list, withdraw; keys."),
    "report": Lazy("tm_tui.cli.portal_reports:report", "The reports that this portal makes of its logs."),
}


@click.group(cls=LazyGroup, lazy=_LAZY, invoke_without_command=True)
@click.option("--home", type=HOME_TYPE, help="Folder of the portal; made at the first start.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--https-port", type=_PORT, default=0, help="Log server over SSL; 0 takes a free port.")
@click.option("--ssh-port", type=_PORT, default=0, help="Log server over SSH; 0 takes a free port.")
@click.option("--status-port", type=_PORT, default=0, help="Status server; 0 takes a free port.")
@click.option("--name", "names", multiple=True, help="Further address or name for the certificate.")
@click.option("--json", "_as_json", is_flag=True, help="The ready line is JSON anyway.")
@click.pass_context
def portal(
    context: click.Context, /, home: Path | None, host: str, names: tuple[str, ...], **rest: Any
) -> None:
    """Run the reference portal: log server (SSL and SSH) and status server, until SIGTERM.

    Prints one JSON line when it is ready. The first start makes an authority, keys, and an account
    whose password lies in HOME/password for the lab's operator.
    """
    context.obj = home
    refuse_bytes(context)
    if context.invoked_subcommand is not None:
        return
    if home is None:
        raise click.UsageError("--home is missing: give the portal a folder.")
    from tm_tui.portal.service import PortalOptions

    ports = {name: rest[name] for name in ("https_port", "ssh_port", "status_port")}
    with failures_told():
        asyncio.run(_run(PortalOptions(home, host, names=names, **ports)))


async def _run(options: "PortalOptions") -> None:
    import os

    from tm_tui.portal.service import serve

    os.umask(0o077)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(options, ready=_print_ready, stop=stop)


def _print_ready(line: "Ready") -> None:
    click.echo(line.model_dump_json())


def _password() -> "SecretStr":
    """Ask on a terminal, twice; else read standard input up to a newline."""
    from pydantic import SecretStr

    if sys.stdin.isatty():
        return SecretStr(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    try:
        with reading_input():
            line = sys.stdin.buffer.readline(4096)
        return SecretStr(line.decode().removesuffix("\n").removesuffix("\r"))
    except UnicodeDecodeError:
        raise TmError("The password is no UTF-8.", "Send it in UTF-8.") from None


@portal.group()
def account() -> None:
    """The accounts with which appliances register and deliver."""


@account.command("add")
@click.argument("name")
@json_option
@with_home
def add_account(context: click.Context, name: str, own_home: Path | None, *, as_json: bool) -> None:
    """Make an account; the password is asked for, or read from standard input."""
    from tm_tui.portal import accounts

    with database(context, own_home) as (connection, _):
        accounts.add(connection, name, _password())
    done(f"Account {name} made.", as_json=as_json, added=name)


@account.command("password")
@click.argument("name")
@json_option
@with_home
def set_password(context: click.Context, name: str, own_home: Path | None, *, as_json: bool) -> None:
    """Set an account's password; it is asked for, or read from standard input. HOME/password goes."""
    from tm_tui.portal import accounts
    from tm_tui.portal.service import FIRST_ACCOUNT

    with database(context, own_home) as (connection, home):
        accounts.set_password(connection, name, _password())
        if name == FIRST_ACCOUNT:
            home.password_file.unlink(missing_ok=True)
    done(f"Password of {name} changed.", as_json=as_json, changed=name)


@account.command("remove")
@click.argument("name")
@json_option
@with_home
def remove_account(context: click.Context, name: str, own_home: Path | None, *, as_json: bool) -> None:
    """Remove an account; whoever uses it is refused from now on."""
    from tm_tui.portal import accounts
    from tm_tui.portal.service import FIRST_ACCOUNT

    with database(context, own_home) as (connection, home):
        accounts.remove(connection, name)
        if name == FIRST_ACCOUNT:
            home.password_file.unlink(missing_ok=True)
    done(f"Account {safe_text(name)} removed.", as_json=as_json, removed=name)


@account.command("list")
@json_option
@with_home
def list_accounts(context: click.Context, own_home: Path | None, *, as_json: bool) -> None:
    """List the accounts."""
    from tm_tui.portal import accounts

    with database(context, own_home) as (connection, _):
        found = accounts.listed(connection)
    if as_json:
        shown = [{"name": one.name, "created_at": one.created_at.isoformat()} for one in found]
        click.echo(json.dumps({"accounts": shown}))
        return
    for one in found:
        click.echo(f"{one.name}  since {utc_time(one.created_at)} UTC")


@portal.group()
def products() -> None:
    """Registered Products: the appliances that registered with this portal."""


@products.command("list")
@json_option
@with_home
def list_products(context: click.Context, own_home: Path | None, *, as_json: bool) -> None:
    """List them with their last beat and what is missing."""
    from tm_tui.clock import SystemClock
    from tm_tui.portal import products as registered

    with database(context, own_home) as (connection, _):
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
    return f"{one.appliance}  {one.state}  {beat}, {one.missed_beats} missed  ({about}; {since})"


@products.command("remove")
@click.argument("name")
@json_option
@with_home
def remove_product(context: click.Context, name: str, own_home: Path | None, *, as_json: bool) -> None:
    """Take an appliance off the list: its beats and batches are refused until it registers again."""
    from tm_tui.portal import products as registered

    with database(context, own_home) as (connection, _):
        registered.remove(connection, name)
    done(f"{safe_text(name)} removed from Registered Products.", as_json=as_json, removed=name)


@portal.command()
@click.option("--all", "every", is_flag=True, help="Those without an issue too.")
@json_option
@with_home
def endpoints(context: click.Context, own_home: Path | None, *, every: bool, as_json: bool) -> None:
    """List the endpoints with mitigation issues, as the threat event logs tell them."""
    from tm_tui.cli.portal_endpoints import as_json_object, as_lines

    with database(context, own_home) as (connection, _):
        for piece in (as_json_object if as_json else as_lines)(connection, every=every):
            click.echo(piece, nl=False)
