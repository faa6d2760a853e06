"""Accounts, for admins: operators and their roles, accounts of appliances; new ones, passwords, removal."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from pydantic import SecretStr
from sqlalchemy import Connection
from starlette.requests import Request

from tm_tui.errors import TmError
from tm_tui.portal import accounts, appliances, audit, sessions
from tm_tui.portal.accounts import Account
from tm_tui.portal.callers import LEVELS, Level, Role, source_of
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Form, Go, Page, Shown
from tm_tui.portal.refusals import Refused
from tm_tui.text import safe_text

__all__ = ["PAGES"]

_T = TypeVar("_T")
_MOST = 250


async def _listed(portal: Portal, _request: Request) -> Shown:
    return Shown("accounts.html", await portal.database.read(_values, portal.clock.now().timestamp()))


def _values(connection: Connection, now: float) -> dict[str, object]:
    known = accounts.listed(connection, "appliance", _MOST)
    return {
        "operators": accounts.listed(connection, "operator"),
        "sessions": sessions.of(connection, now),
        "accounts": known,
        "further": accounts.number(connection, "appliance") - len(known),
        "appliances": appliances.numbers(connection),
        "levels": LEVELS,
    }


async def _added(portal: Portal, request: Request, form: Form) -> Shown:
    """Make one, and show its password this once."""
    name, kind, password = form.get("name", ""), form.get("kind", ""), _new_password()
    level = _level(kind) if kind != "appliances" else None
    secret = await _secret(name, password, "operator" if level else "appliance")

    def add(connection: Connection) -> None:
        accounts.add(connection, name, secret, level)
        what = ("operator-added", f"{name}: {level}") if level else ("account-added", name)
        audit.note(connection, _by(request), *what, portal.clock.now())

    await _done(portal, add)
    portal.log.say("account-added", account=safe_text(name), by=request.state.session.account)
    return _told(name, level, password)


def _told(name: str, level: Level | None, password: str) -> Shown:
    return Shown("new_password.html", {"name": name, "level": level, "password": password})


async def _shown(portal: Portal, request: Request) -> Shown:
    values = await portal.database.read(_values, portal.clock.now().timestamp())
    return Shown("account.html", {**values, "one": await _one(portal, request)})


async def _changed(portal: Portal, request: Request, form: Form) -> Shown | Go:
    """A new role, a new password that is shown this once, or the end of the sessions."""
    one = await _other(portal, request)
    if form.get("do") == "role":
        return await _role_set(portal, request, one, _level(form.get("role", "")))
    if form.get("do") == "log-off":
        return await _logged_off(portal, request, one)
    if form.get("do") != "password":
        raise Refused(422, "wrong-fields", "Nothing was chosen.", "Use the page's own form.")
    password = _new_password()
    secret = await _secret(one.name, password, one.role)

    def change(connection: Connection) -> bool:
        accounts.set_password(connection, one.name, secret, one.role)
        audit.note(connection, _by(request), f"{_word(one)}-password-set", one.name, portal.clock.now())
        return accounts.is_first(connection, one.name, one.role)

    if await _done(portal, change):
        portal.home.password_file_of(one.role).unlink(missing_ok=True)
    portal.log.say("account-password-set", account=one.name, by=request.state.session.account)
    return _told(one.name, one.level, password)


async def _logged_off(portal: Portal, request: Request, one: Account) -> Go:
    def end(connection: Connection) -> None:
        sessions.end_all(connection, one.name)
        audit.note(connection, _by(request), "sessions-ended", one.name, portal.clock.now())

    await _done(portal, end)
    portal.log.say("sessions-ended", account=one.name, by=request.state.session.account)
    return Go("accounts", f"{one.name} is logged off.")


async def _role_set(portal: Portal, request: Request, one: Account, level: Level) -> Go:
    def change(connection: Connection) -> None:
        accounts.set_level(connection, one.name, level)
        audit.note(connection, _by(request), "operator-role-set", f"{one.name}: {level}", portal.clock.now())

    await _done(portal, change)
    portal.log.say("operator-role-set", account=one.name, role=level, by=request.state.session.account)
    return Go("accounts", f"{one.name} is {level} now.")


async def _asked(portal: Portal, request: Request) -> Shown:
    one = await _one(portal, request)
    numbers = await portal.database.read(appliances.numbers)
    return Shown("remove_account.html", {"one": one, "appliances": numbers.get(one.name, 0)})


async def _removed(portal: Portal, request: Request, _form: Form) -> Go:
    one = await _other(portal, request)

    def remove(connection: Connection) -> bool:
        first = accounts.is_first(connection, one.name, one.role)
        accounts.remove(connection, one.name, one.role)
        audit.note(connection, _by(request), f"{_word(one)}-removed", one.name, portal.clock.now())
        return first

    if await _done(portal, remove):
        portal.home.password_file_of(one.role).unlink(missing_ok=True)
    portal.log.say("account-removed", account=one.name, by=request.state.session.account)
    return Go("accounts", f"{one.name} was removed.")


async def _one(portal: Portal, request: Request) -> Account:
    """Which one the address means. Raises Refused (404)."""
    one = await portal.database.read(accounts.one, request.query_params.get("name", ""))
    if one is None:
        raise Refused(404, "no-such-account", "There is no account of this name.", "See Accounts.")
    return one


async def _other(portal: Portal, request: Request) -> Account:
    """One that is not one's own. Raises Refused."""
    one = await _one(portal, request)
    if one.name == request.state.session.account:
        remedy = "Another admin has to; your password has a page of its own."
        raise Refused(409, "own-account", "This is your own account.", remedy)
    return one


async def _secret(name: str, password: str, role: Role) -> str:
    return await _permitted(asyncio.to_thread(accounts.secret_for, name, SecretStr(password), role))


async def _done(portal: Portal, deed: Callable[[Connection], _T]) -> _T:
    """Do it, all or nothing."""
    return await _permitted(portal.database.call(deed))


async def _permitted(coming: Awaitable[_T]) -> _T:
    """Raise Refused (409) for what accounts do not permit."""
    try:
        return await coming
    except Refused:
        raise
    except TmError as error:
        raise Refused(409, "account-refused", error.cause, error.remedy) from None


def _by(request: Request) -> tuple[str, str]:
    return request.state.session.account, source_of(request)


def _level(text: str) -> Level:
    for level in LEVELS:
        if level == text:
            return level
    raise Refused(422, "wrong-fields", "This is no role.", "Choose one on the page.")


def _word(one: Account) -> Literal["operator", "account"]:
    return "operator" if one.role == "operator" else "account"


def _new_password() -> str:
    return secrets.token_urlsafe(18)


_ADMIN: Level = "admin"
PAGES = (
    Page("accounts", _listed, "Accounts", act=_added, sees=_ADMIN, acts=_ADMIN),
    Page("accounts/one", _shown, act=_changed, sees=_ADMIN, acts=_ADMIN),
    Page("accounts/remove", _asked, act=_removed, sees=_ADMIN, acts=_ADMIN),
)
