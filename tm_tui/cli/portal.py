"""`tm-tui portal`: run the reference TMSP, and look after what it holds."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tm_tui.cli.lazy import Lazy, LazyGroup
from tm_tui.cli.output import json_option, refuse_bytes
from tm_tui.cli.portal_home import HOME_TYPE, check_extra, database, failures_told, with_home

if TYPE_CHECKING:
    from tm_tui.portal.service import PortalOptions, Ready

__all__ = ["portal"]

_F = TypeVar("_F", bound=Callable[..., Any])
_PORT = click.IntRange(0, 65535)
_LAZY = {
    "account": Lazy("tm_tui.cli.portal_accounts:account", "Accounts of appliances."),
    "operator": Lazy("tm_tui.cli.portal_accounts:operator", "Operators: who may use the pages."),
    "products": Lazy("tm_tui.cli.portal_products:products", "Registered Products."),
    "alert": Lazy("tm_tui.cli.portal_alerts:alert", "Alerts by mail, webhook and syslog."),
    "metrics": Lazy("tm_tui.cli.portal_alerts:metrics", "A token for /metrics (OpenMetrics)."),
    "case": Lazy("tm_tui.cli.portal_cases:case", "Cases that appliances submitted for analysis."),
    "pattern": Lazy("tm_tui.cli.portal_patterns:pattern", "Custom patterns: issue, list, withdraw; keys."),
    "report": Lazy("tm_tui.cli.portal_reports:report", "The reports that this portal makes of its logs."),
    "db": Lazy("tm_tui.cli.portal_db:db", "The database: bring it up to date, check it, copy it elsewhere."),
    "retention": Lazy("tm_tui.cli.portal_retention:retention", "How long what is kept, and what goes next."),
    "backup": Lazy("tm_tui.cli.portal_backup:backup", "Copy all of a portal into a folder, while it runs."),
    "restore": Lazy("tm_tui.cli.portal_backup:restore", "Make a portal of a backup."),
    "blobs": Lazy("tm_tui.cli.portal_backup:blobs", "Where batches and cases lie: copy them elsewhere."),
}


class _Portal(LazyGroup):
    """Its commands need the portal's libraries, which an appliance does not have."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name. Raises ClickException without the libraries."""
        check_extra()
        return super().get_command(ctx, cmd_name)


def _serving(command: _F) -> _F:
    """Give a command the options of a portal that runs."""
    for option in reversed(
        (
            click.option("--host", help="Address to listen on: 127.0.0.1 unless portal.toml names another."),
            click.option("--https-port", type=_PORT, help="Log server over SSL; 0 takes a free port."),
            click.option("--ssh-port", type=_PORT, help="Log server over SSH; 0 takes a free port."),
            click.option("--status-port", type=_PORT, help="Status server; 0 takes a free port."),
            click.option(
                "--name", "names", multiple=True, help="Further address or name for the certificate."
            ),
        )
    ):
        command = option(command)
    return command


@click.group(cls=_Portal, lazy=_LAZY, invoke_without_command=True)
@click.option("--home", type=HOME_TYPE, help="Folder of the portal; made at the first start.")
@_serving
@click.option("--json", "_as_json", is_flag=True, help="The ready line is JSON anyway.")
@click.pass_context
def portal(context: click.Context, /, home: Path | None, **options: Any) -> None:
    """Run the reference portal: log server (SSL and SSH) and status server, until SIGTERM.

    Prints one JSON line when it is ready. The first start makes an authority, keys, an account for
    appliances (password in HOME/password), and an operator (HOME/operator-password). Settings are read
    from HOME/portal.toml, if it is there; these options stand above it.
    """
    context.obj = home
    refuse_bytes(context)
    if context.invoked_subcommand is None:
        _start(home, options)


@portal.command()
@_serving
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(["web", "ssh", "worker"]),
    help="Only these of the roles.",
)
@json_option
@with_home
def serve(context: click.Context, own_home: Path | None, *, as_json: bool, **options: Any) -> None:  # noqa: ARG001
    """Run the portal, or some of its roles in a process of their own, until SIGTERM.

    Several processes share a home, and need a database on a server. The ready line is JSON anyway.
    """
    _start(own_home or context.obj, options)


def _start(home: Path | None, options: dict[str, Any]) -> None:
    if home is None:
        raise click.UsageError("--home is missing: give the portal a folder.")
    check_extra()
    from tm_tui.portal.service import PortalOptions

    given = {name: value for name, value in options.items() if value not in (None, ()) and name[0] != "_"}
    with failures_told():
        asyncio.run(_run(PortalOptions(home, **given)))


async def _run(options: "PortalOptions") -> None:
    import os

    from tm_tui.harden import raise_descriptors
    from tm_tui.portal.rooms import descriptors
    from tm_tui.portal.service import serve

    os.umask(0o077)
    raise_descriptors(max(4096, descriptors(options.settings().limits)))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(options, ready=_print_ready, stop=stop)


def _print_ready(line: "Ready") -> None:
    click.echo(line.model_dump_json())


@portal.command()
@click.option("--all", "every", is_flag=True, help="Those without an issue too.")
@json_option
@with_home
def endpoints(context: click.Context, own_home: Path | None, *, every: bool, as_json: bool) -> None:
    """List the endpoints with mitigation issues, as the threat event logs tell them."""
    from tm_tui.cli.portal_endpoints import as_json_object, as_lines

    with database(context, own_home, reading=True) as (connection, _):
        for piece in (as_json_object if as_json else as_lines)(connection, every=every):
            click.echo(piece, nl=False)
