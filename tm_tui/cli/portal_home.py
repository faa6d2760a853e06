"""What all commands beside a portal share: whose home, its database, failures in one line."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from tm_tui.errors import TmError
from tm_tui.text import safe_text

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm_tui.portal.blobs.store import Blobs
    from tm_tui.portal.home import PortalHome
    from tm_tui.portal.settings import PortalSettings

__all__ = [
    "HOME_TYPE",
    "at_the_command_line",
    "audited",
    "blobs_in",
    "check_extra",
    "database",
    "done",
    "failures_told",
    "home_of",
    "settings_in",
    "with_home",
]

_F = TypeVar("_F", bound=Callable[..., Any])

_EXTRA = ("aiosmtplib", "alembic", "jinja2", "obstore", "psycopg", "sqlalchemy")

HOME_TYPE = click.Path(file_okay=False, path_type=Path)


def check_extra() -> None:
    """Raise ClickException where what only the portal needs was not installed."""
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise click.ClickException(
            f"The portal's libraries are not installed here ({', '.join(missing)}):"
            " `pip install 'tm-tui[portal]'` brings them, or the package tm-tui-portal."
        )


@contextmanager
def failures_told() -> Iterator[None]:
    """Say an expected failure in one line, and end with 1."""
    try:
        yield
    except TmError as error:
        click.echo(f"tm-tui portal: {error.cause} {error.remedy}", err=True)
        sys.exit(1)
    except OSError as error:
        from tm_tui.portal.blobs.store import BlobsFailed

        if not isinstance(error, BlobsFailed):
            raise
        remedy = "Look at the object store, then try again."
        click.echo(f"tm-tui portal: {safe_text(error.why)}. {remedy}", err=True)
        sys.exit(1)


def with_home(command: _F) -> _F:
    """Give a command its context and `--home`, as `own_home`, for those who name it last."""
    option = click.option("--home", "own_home", type=HOME_TYPE, help="Folder of the portal.")
    return cast("_F", option(click.pass_context(command)))


def home_of(context: click.Context, own_home: Path | None) -> "PortalHome":
    """The home of the portal that is meant. Raises UsageError."""
    path = own_home or context.obj
    if not isinstance(path, Path):
        raise click.UsageError("--home is missing: which portal is meant?")
    from tm_tui.portal.home import PortalHome

    return PortalHome(path.absolute())


@contextmanager
def database(
    context: click.Context, own_home: Path | None, *, reading: bool = False
) -> Iterator[tuple["Connection", "PortalHome"]]:
    """The database of the portal that is meant, and its home. What was done counts at the end.

    From the first statement until then a running portal writes nothing, unless this is `reading`.
    """
    from tm_tui.portal.database import opened
    from tm_tui.portal.settings import database_at

    home = home_of(context, own_home)
    with failures_told():
        where = database_at(settings_in(home).database, home.path)
        if isinstance(where, Path) and not where.is_file():
            cause = f"There is no portal in {safe_text(str(home.path))}."
            raise TmError(cause, "Start it once with `tm-tui portal --home DIR`.")
        with opened(where, reading=reading) as connection:
            yield connection, home


def settings_in(home: "PortalHome") -> "PortalSettings":
    """What portal.toml in this home says. Raises TmError."""
    from tm_tui.portal.settings_file import read_settings

    return read_settings(home.path, {})


def blobs_in(home: "PortalHome") -> "Blobs":
    """Where this home's batches and cases lie. Raises TmError."""
    from tm_tui.portal.blobs.address import blobs_at

    settings = settings_in(home)
    return blobs_at(settings.blobs, home.path, settings.blobs_credentials)


def at_the_command_line() -> str:
    """Who works beside the portal, for its records: the system's user, said to be no operator."""
    from getpass import getuser

    return f"command line ({safe_text(getuser(), 64)})"


def audited(connection: "Connection", what: str, subject: str) -> None:
    """Note for the portal's audit what a command did."""
    from tm_tui.clock import SystemClock
    from tm_tui.portal import audit

    who = at_the_command_line()
    audit.note(connection, (who, "command line"), what, subject, SystemClock().now())


def done(text: str, *, as_json: bool, **fields: object) -> None:
    """Say that it is done."""
    click.echo(json.dumps(fields) if as_json else text)
