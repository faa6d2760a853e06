"""Reading a reply of which a wrong part costs only itself.

What was asked for is done: the status says so, and one member says that this is a server of the protocol. A
list that is too long, a date that is none, an entry of another form must not undo that.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from tm_tui.status_server.protocol import MOST_NOTICES, Appliance, Notice, PortalVersion, portal_version
from tm_tui.values import Moment

__all__ = ["Beaten", "Registered", "json_object", "read_beat", "read_moment", "read_registration", "readable"]

Model = TypeVar("Model", bound=BaseModel)

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
_APPLIANCE: TypeAdapter[str] = TypeAdapter(Appliance)
_TOO_MANY = f"The status server announces more than {MOST_NOTICES} things at once: the oldest are left out."
_ODD_NOTICE = "The status server announces something in a form that is not the protocol's: it is left out."
_ODD_TIME = "The status server tells a time that is none: the clocks cannot be compared."
_ODD_DATE = "The status server tells no date of the registration that can be read."
_ODD_ROOT = "The status server names keys for patterns in a form that the protocol does not have."


@dataclass(frozen=True, slots=True)
class Beaten:
    """The reply to a beat. `odd`: sentences about what was left out."""

    server_time: datetime | None
    notices: tuple[Notice, ...]
    odd: tuple[str, ...]
    clone: bool = False
    portal: PortalVersion | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """The reply to a registration. An unusable `pattern_root` is empty, None is none."""

    appliance: str
    registered_at: datetime | None
    pattern_root: str | None
    odd: tuple[str, ...]
    portal: PortalVersion | None = None


def json_object(body: bytes) -> dict[str, Any] | None:
    """The members of a JSON object; None for anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def readable(model: type[Model], items: object) -> tuple[Model, ...]:
    """Those of a list that are of the form of `model`; none if it is no list."""
    found: list[Model] = []
    for item in items if isinstance(items, list) else ():
        with suppress(ValidationError):
            found.append(model.model_validate(item))
    return tuple(found)


def read_beat(body: bytes) -> Beaten | None:
    """Read a reply to a beat; None if it is none, which the member `server_time` tells."""
    told = json_object(body)
    if told is None or "server_time" not in told:
        return None
    moment, listed = read_moment(told["server_time"]), told.get("notices")
    newest = listed[-MOST_NOTICES:] if isinstance(listed, list) else []
    notices = readable(Notice, newest)
    odd = {
        _ODD_TIME: moment is None,
        _TOO_MANY: isinstance(listed, list) and len(listed) > MOST_NOTICES,
        _ODD_NOTICE: len(notices) < len(newest) or not isinstance(listed, list | None),
    }
    return Beaten(moment, notices, _those(odd), told.get("clone") is True, portal_version(told))


def read_registration(body: bytes) -> Registered | None:
    """Read a reply to a registration; None if it is none, which the member `appliance` tells."""
    told = json_object(body) or {}
    try:
        appliance = _APPLIANCE.validate_python(told.get("appliance"))
    except ValidationError:
        return None
    since, root = read_moment(told.get("registered_at")), told.get("pattern_root")
    odd = {_ODD_DATE: since is None, _ODD_ROOT: not isinstance(root, str | None)}
    usable = root if isinstance(root, str | None) else ""
    return Registered(appliance, since, usable, _those(odd), portal_version(told))


def read_moment(value: object) -> datetime | None:
    """Read a moment, bounded; None for what is none."""
    try:
        return _MOMENT.validate_python(value)
    except ValidationError:
        return None


def _those(odd: dict[str, bool]) -> tuple[str, ...]:
    return tuple(sentence for sentence, holds in odd.items() if holds)
