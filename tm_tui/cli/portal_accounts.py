"""`tm-tui portal account` and `portal operator`: who may deliver, and who may look and decide."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tm_tui.cli.lazy import Group
from tm_tui.cli.output import json_option
from tm_tui.cli.portal_home import audited, database, done, with_home
from tm_tui.errors import TmError
from tm_tui.spoken import utc_time
from tm_tui.text import safe_text

if TYPE_CHECKING:
    from pydantic import SecretStr

    from tm_tui.portal.callers import Level, Role
    from tm_tui.portal.home import PortalHome

__all__ = ["account", "operator"]

_LEVEL = click.Choice(["admin", "analyst", "read-only"])
_TITLE: dict["Role", str] = {"appliance": "Account", "operator": "Operator"}


def _password() -> "SecretStr":
    """Ask on a terminal, twice; else read standard input up to a newline. Raises TmError."""
    from tm_tui.cli.reading import read_password

    password = read_password("Password: ")
    if sys.stdin.isatty() and password != read_password("The same again: "):
        raise TmError("The two passwords are not the same.", "Start again; nothing was changed.")
    return password


def _add(
    context: click.Context, name: str, own_home: Path | None, level: "Level | None", *, as_json: bool
) -> None:
    from tm_tui.portal import accounts

    role: Role = "operator" if level else "appliance"
    title = _TITLE[role]
    with database(context, own_home) as (connection, _):
        secret = accounts.secret_for(name, _password(), role)  # before any statement: nobody waits for that
        accounts.add(connection, name, secret, level)
        audited(connection, f"{title.lower()}-added", f"{name}: {level}" if level else name)
    more = {"role": level} if level else {}
    told = f" ({level})" if level else ""
    done(f"{title} {safe_text(name)}{told} made.", as_json=as_json, added=name, **more)


def _set_password(
    context: click.Context, name: str, own_home: Path | None, role: "Role", *, as_json: bool
) -> None:
    from tm_tui.portal import accounts

    with database(context, own_home) as (connection, home):
        secret = accounts.secret_for(name, _password(), role)
        first = accounts.is_first(connection, name, role)
        accounts.set_password(connection, name, secret, role)
        audited(connection, f"{_TITLE[role].lower()}-password-set", name)
        connection.commit()
        _forget_told(home, role, first=first)
    done(f"Password of {safe_text(name)} changed.", as_json=as_json, changed=name)


def _remove(context: click.Context, name: str, own_home: Path | None, role: "Role", *, as_json: bool) -> None:
    from tm_tui.portal import accounts

    with database(context, own_home) as (connection, home):
        first = accounts.is_first(connection, name, role)
        accounts.remove(connection, name, role)
        audited(connection, f"{_TITLE[role].lower()}-removed", name)
        connection.commit()
        _forget_told(home, role, first=first)
    done(f"{_TITLE[role]} {safe_text(name)} removed.", as_json=as_json, removed=name)


def _forget_told(home: "PortalHome", role: "Role", *, first: bool) -> None:
    """Remove the file with the password that a start made: it is not in force any more."""
    if first:
        home.password_file_of(role).unlink(missing_ok=True)


def _list(context: click.Context, own_home: Path | None, role: "Role", *, as_json: bool) -> None:
    from tm_tui.portal import accounts

    with database(context, own_home, reading=True) as (connection, _):
        found = accounts.listed(connection, role)
    if as_json:
        shown = [
            {"name": one.name, "created_at": one.created_at.isoformat()}
            | ({"role": one.level} if one.level else {})
            for one in found
        ]
        click.echo(json.dumps({f"{_TITLE[role].lower()}s": shown}))
        return
    for one in found:
        told = f"  {one.level}" if one.level else ""
        click.echo(f"{one.name}{told}  since {utc_time(one.created_at)} UTC")


@click.group(cls=Group)
def account() -> None:
    """The accounts with which appliances register and deliver, each for its own appliances."""


@account.command("add")
@click.argument("name")
@json_option
@with_home
def add_account(context: click.Context, name: str, own_home: Path | None, *, as_json: bool) -> None:
    """Make an account; the password is asked for, or read from standard input."""
    _add(context, name, own_home, None, as_json=as_json)


@account.command("password")
@click.argument("name")
@json_option
@with_home
def set_account_password(context: click.Context, name: str, own_home: Path | None, *, as_json: bool) -> None:
    """Set an account's password; it is asked for, or read from standard input. HOME/password goes."""
    _set_password(context, name, own_home, "appliance", as_json=as_json)


@account.command("remove")
@click.argument("name")
@json_option
@with_home
def remove_account(context: click.Context, name: str, own_home: Path | None, *, as_json: bool) -> None:
    """Remove an account; whoever uses it is refused from now on. Its appliances can be moved."""
    _remove(context, name, own_home, "appliance", as_json=as_json)


@account.command("list")
@json_option
@with_home
def list_accounts(context: click.Context, own_home: Path | None, *, as_json: bool) -> None:
    """List the accounts."""
    _list(context, own_home, "appliance", as_json=as_json)


@click.group(cls=Group)
def operator() -> None:
    """The operators: who may log on to the pages, and with which role.

    read-only looks, and takes reports and CSV. analyst also takes cases, sets what came of them, and removes
    and readmits products. admin may do all.
    """


@operator.command("add")
@click.argument("name")
@click.option("--role", "level", type=_LEVEL, default="read-only", show_default=True, help="What it may do.")
@json_option
@with_home
def add_operator(
    context: click.Context, name: str, level: "Level", own_home: Path | None, *, as_json: bool
) -> None:
    """Make an operator; the password, of 12 characters or more, is asked for, or read from standard input."""
    _add(context, name, own_home, level, as_json=as_json)


@operator.command("role")
@click.argument("name")
@click.argument("level", metavar="ROLE", type=_LEVEL)
@json_option
@with_home
def set_role(
    context: click.Context, name: str, level: "Level", own_home: Path | None, *, as_json: bool
) -> None:
    """Give an operator another role: admin, analyst or read-only. The last admin stays one."""
    from tm_tui.portal import accounts

    with database(context, own_home) as (connection, _):
        accounts.set_level(connection, name, level)
        audited(connection, "operator-role-set", f"{name}: {level}")
    done(f"{safe_text(name)} is {level} now.", as_json=as_json, changed=name, role=level)


@operator.command("password")
@click.argument("name")
@json_option
@with_home
def set_operator_password(context: click.Context, name: str, own_home: Path | None, *, as_json: bool) -> None:
    """Set an operator's password: 12 characters or more, asked for or from standard input.

    HOME/operator-password goes.
    """
    _set_password(context, name, own_home, "operator", as_json=as_json)


@operator.command("remove")
@click.argument("name")
@json_option
@with_home
def remove_operator(context: click.Context, name: str, own_home: Path | None, *, as_json: bool) -> None:
    """Remove an operator; the sessions end at once. The last admin stays."""
    _remove(context, name, own_home, "operator", as_json=as_json)


@operator.command("list")
@json_option
@with_home
def list_operators(context: click.Context, own_home: Path | None, *, as_json: bool) -> None:
    """List the operators with their roles."""
    _list(context, own_home, "operator", as_json=as_json)
