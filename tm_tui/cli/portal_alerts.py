"""`tm-tui portal alert`: try the ways on which alerts go out, and keep their secrets."""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tm_tui.cli.lazy import Group
from tm_tui.cli.output import json_option
from tm_tui.cli.portal_home import database, done, failures_told, with_home
from tm_tui.errors import TmError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tm_tui.atomic import Folder
    from tm_tui.portal.alerts.ways import Way
    from tm_tui.portal.home import PortalHome

__all__ = ["alert", "metrics"]


@click.group(cls=Group)
def alert() -> None:
    """Alerts by mail, webhook and syslog; portal.toml says which (docs/portal-alerts.md)."""


@alert.command("test")
@json_option
@with_home
def test_alerts(context: click.Context, own_home: Path | None, *, as_json: bool) -> None:
    """Send a test on each way that is set, and say what became of it. Ends with 1 if one failed."""
    from tm_tui.portal.alerts.ways import ways_of
    from tm_tui.portal.settings_file import read_settings

    with database(context, own_home) as (_, home):
        settings = read_settings(home.path, {}).alerts
        ways = ways_of(settings, home.path)
        if not ways:
            cause = "No way for alerts is set."
            raise TmError(cause, "Set alerts.mail, alerts.webhook or alerts.syslog in portal.toml.")
        results = asyncio.run(_tried(ways))
    if as_json:
        click.echo(json.dumps({"ways": results}))
    else:
        for one in results:
            click.echo(f"{one['way']} to {one['target']}: {one['failure'] or 'sent'}")
    if any(one["failure"] for one in results):
        sys.exit(1)


async def _tried(ways: "tuple[Way, ...]") -> list[dict[str, str]]:
    """Try all at once; each with its failure, or none."""
    import secrets
    import socket

    from tm_tui.clock import SystemClock
    from tm_tui.portal.alerts.failures import NotSent
    from tm_tui.portal.alerts.message import a_test
    from tm_tui.portal.alerts.ways import send_within

    message = a_test(socket.gethostname(), SystemClock().now(), f"test-{secrets.token_hex(8)}")

    async def tried(way: "Way") -> dict[str, str]:
        try:
            await send_within(way, message)
        except NotSent as error:
            failure = f"{error.cause} {error.remedy}"
        else:
            failure = ""
        return {"way": way.name, "target": way.target, "failure": failure}

    return list(await asyncio.gather(*(tried(way) for way in ways)))


@alert.command("password")
@click.argument("way", type=click.Choice(["mail", "webhook"]))
@click.option("--remove", is_flag=True, help="Remove it.")
@json_option
@with_home
def set_password(
    context: click.Context, way: str, own_home: Path | None, *, remove: bool, as_json: bool
) -> None:
    """Keep the mail server's password or the webhook's token, asked for or from standard input.

    It lies in the home, readable by the portal alone.
    """
    from tm_tui.cli.reading import read_password
    from tm_tui.portal.alerts.ways import KEPT_SECRETS

    with database(context, own_home) as (_, home), failures_told(), _keys(home) as folder:
        if not remove:
            secret = read_password("Password: " if way == "mail" else "Token: ")
            folder.replace(KEPT_SECRETS[way], secret.get_secret_value().encode())
        elif KEPT_SECRETS[way] in folder.names():
            folder.remove(KEPT_SECRETS[way])
    done(f"The {way}'s secret is {'removed' if remove else 'kept'}.", as_json=as_json, changed=way)


def _keys(home: "PortalHome") -> "AbstractContextManager[Folder]":
    from tm_tui.atomic import Folder

    return Folder.open(home.path / "keys", create=True)


@click.command("metrics")
@click.option("--off", is_flag=True, help="Remove the token: there is no /metrics any more.")
@json_option
@with_home
def metrics(context: click.Context, own_home: Path | None, *, off: bool, as_json: bool) -> None:
    """Make a token for /metrics of the status server, in place of the one before, and print where it lies.

    A collector sends it as `Authorization: Bearer`. It counts at once.
    """
    import secrets

    from tm_tui.portal.metrics import KEPT_TOKEN

    with database(context, own_home) as (_, home), failures_told(), _keys(home) as folder:
        if not off:
            folder.replace(KEPT_TOKEN, f"{secrets.token_urlsafe(32)}\n".encode())
        elif KEPT_TOKEN in folder.names():
            folder.remove(KEPT_TOKEN)
    place = home.path / "keys" / KEPT_TOKEN
    text = "There is no /metrics any more." if off else f"The token is in {place}."
    done(text, as_json=as_json, token_file=None if off else str(place))
