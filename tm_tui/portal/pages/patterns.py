"""The custom patterns that the portal offers, the newest first; issuing one, and withdrawing it."""

import asyncio
import os

from sqlalchemy import Connection
from starlette.requests import Request

from tm_tui.errors import TmError
from tm_tui.patterns.pattern import Pattern
from tm_tui.portal import audit, notices, products
from tm_tui.portal.batch_file import is_appliance
from tm_tui.portal.callers import source_of
from tm_tui.portal.core import Portal
from tm_tui.portal.pages.page import Form, Go, Page, Shown
from tm_tui.portal.pages.uploads import MOST_BYTES
from tm_tui.portal.pattern_repository import Issued, PatternRepository
from tm_tui.portal.refusals import Refused
from tm_tui.text import safe_text

__all__ = ["PAGES"]

_KINDS = ("bandage", "controlled")
_EMPTY = {"kind": "", "version": "1.0", "description": "", "appliance": ""}


async def _listed(portal: Portal, _request: Request) -> Shown:
    try:
        problem: TmError | None = None
        found = await asyncio.to_thread(PatternRepository(portal.home).listed)
    except TmError as error:
        found, problem = [], error
    return Shown("patterns.html", {"patterns": found, "problem": problem})


async def _asked(_portal: Portal, request: Request) -> Shown:
    appliance = safe_text(request.query_params.get("appliance", ""), 63)
    return _form({**_EMPTY, "appliance": appliance}, (), 200)


def _form(values: Form, problems: tuple[str, ...], status: int = 422) -> Shown:
    told = {name: safe_text(values.get(name, ""), 600) for name in _EMPTY}
    more = {"kinds": _KINDS, "problems": problems, "most": MOST_BYTES}
    return Shown("issue_pattern.html", {"values": told, **more}, status)


async def _issued(portal: Portal, request: Request, form: Form) -> Shown | Go:
    """Sign the file under the next Pattern ID, and announce it."""
    file: bytes = request.state.file
    about = {name: form.get(name, "").strip() for name in _EMPTY}
    problems = _problems(about, file)
    if about["appliance"] and not problems:
        known = await portal.database.read(products.one, about["appliance"], portal.clock.now())
        problems = () if known else ("No appliance of this name is registered.",)
    if problems:
        return _form(about, problems)
    account, source, now = request.state.session.account, source_of(request), portal.clock.now()
    try:
        pattern = await asyncio.to_thread(_placed, portal, about, file)
    except TmError as error:
        return _form(about, (f"{error.cause} {error.remedy}",))
    whom = about["appliance"] or "all appliances"

    def announced(connection: Connection) -> None:
        notices.announce(connection, notices.of_pattern(pattern), about["appliance"] or None, now)
        told = f"{pattern.id}: {pattern.type}, {whom}, {pattern.description}"
        audit.note(connection, (account, source), "pattern-issued", told, now)

    await portal.database.call(announced)
    portal.log.say("pattern-issued", pattern=pattern.id, account=account)
    return Go("patterns", f"Pattern {pattern.id} is issued, for {whom}.")


def _problems(about: Form, file: bytes) -> tuple[str, ...]:
    found = []
    if not file:
        found.append("Choose the pattern's file; it is not empty.")
    elif len(file) > MOST_BYTES:
        found.append("The file is too large for this form: use tm-tui portal pattern issue.")
    if about["kind"] not in _KINDS:
        found.append("Choose a type: bandage or controlled.")
    for name, most in (("version", 64), ("description", 500)):
        text = about[name]
        if not text or safe_text(text, most) != text:
            found.append(f"Enter a {name} of 1 to {most} characters on one line, without control characters.")
    if about["appliance"] and not is_appliance(about["appliance"]):
        found.append("An appliance's name has a-z, 0-9 and hyphens, 3 to 63 in all; leave it empty for all.")
    return tuple(found)


def _placed(portal: Portal, about: Form, file: bytes) -> Pattern:
    path, flags = portal.batches.aside(), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags, 0o600), "wb") as target:
            target.write(file)
        told = {name: about[name] for name in ("kind", "version", "description")}
        whom = about["appliance"] or None
        return PatternRepository(portal.home).issue(path, **told, appliance=whom, now=portal.clock.now())
    finally:
        path.unlink(missing_ok=True)


async def _one(portal: Portal, request: Request) -> Issued:
    number = request.path_params["pattern"]
    try:
        found = await asyncio.to_thread(PatternRepository(portal.home).listed)
    except TmError as error:
        raise Refused(500, "storage-failed", error.cause, error.remedy) from None
    for one in found:
        if str(one.pattern.id) == number:
            return one
    cause = "This pattern is not offered."
    raise Refused(404, "no-such-pattern", cause, "It may have been withdrawn meanwhile: see the list.")


async def _withdrawal_asked(portal: Portal, request: Request) -> Shown:
    return Shown("withdraw_pattern.html", {"one": await _one(portal, request)})


async def _withdrawn(portal: Portal, request: Request, _form: Form) -> Go:
    one = await _one(portal, request)
    account, source, now = request.state.session.account, source_of(request), portal.clock.now()
    try:
        await asyncio.to_thread(PatternRepository(portal.home).withdraw, one.pattern.id, now)
    except TmError as error:
        raise Refused(404, "no-such-pattern", error.cause, "See the list of patterns.") from None

    def unannounced(connection: Connection) -> None:
        notices.withdraw(connection, "pattern", str(one.pattern.id))
        audit.note(connection, (account, source), "pattern-withdrawn", str(one.pattern.id), now)

    await portal.database.call(unannounced)
    portal.log.say("pattern-withdrawn", pattern=one.pattern.id, account=account)
    return Go("patterns", f"Pattern {one.pattern.id} is withdrawn.")


PAGES = (
    Page("patterns", _listed, "Patterns", sees="read-only"),
    Page("patterns/issue", _asked, act=_issued, sees="analyst", acts="analyst", takes_file=True),
    Page("patterns/{pattern}/withdraw", _withdrawal_asked, act=_withdrawn, sees="analyst", acts="analyst"),
)
