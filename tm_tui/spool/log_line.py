"""The one reader of a sealed batch's lines: for the agent's list of endpoints, the portal's, and reports.

docs/protocol.md, "What readers pass over", says which lines are read. All that intake takes is (a test holds
it); other agents, and later versions, may write other lines. What counts as a mitigation issue, and what as
one endpoint, is the same for agent and portal ("Endpoints with mitigation issues").
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta as Rule
from msgspec import Struct
from pydantic_core import from_json

from tm_tui.clock import within
from tm_tui.spool.events import Status
from tm_tui.text import safe_text
from tm_tui.values import without_leap_second

__all__ = [
    "ISSUES",
    "MOST_LINE_BYTES",
    "STUCK_SECONDS",
    "LoggedCause",
    "LoggedStep",
    "LoggedThreat",
    "endpoint_key",
    "json_object",
    "logged",
    "steps",
]

MOST_LINE_BYTES = 1 << 20
"""A longer line makes its batch damaged."""

_Text = Annotated[str, Rule(min_length=1, max_length=256)]
_Line = Annotated[str, Rule(max_length=1024)]
_Short = Annotated[str, Rule(min_length=1, max_length=64)]
_Maybe = Annotated[str, Rule(max_length=64)] | None
_Seq = Annotated[int, Rule(ge=0, lt=1 << 62)]
_Zoned = Annotated[datetime, Rule(tz=True)]

ISSUES: tuple[Status, ...] = (
    "unsuccessful",
    "rollback-unsuccessful",
    "no-mitigation",
    "manual-cleanup-needed",
)
"""Statuses of a mitigation that failed, was not tried, or waits for somebody."""
STUCK_SECONDS = 24 * 3600
"""`in-progress` for longer than this is an issue too."""


def _moment(text: str) -> datetime:
    """An RFC 3339 time within the bounds of moments. Raises msgspec.ValidationError."""
    return within(msgspec.convert(without_leap_second(text), _Zoned))


class _Part(Struct, frozen=True, gc=False):
    """A part of a line as far as it is used. Members that are not known are passed over.

    Texts are bounded and not yet safe: whoever keeps or shows one makes it so.
    """


class _Timed(_Part, frozen=True, gc=False):
    time: Annotated[str, Rule(max_length=64)]

    def __post_init__(self) -> None:
        """Refuse what is no time."""
        _moment(self.time)

    @property
    def moment(self) -> datetime:
        """When it happened, within the bounds of moments."""
        return _moment(self.time)


class _Computer(_Part, frozen=True, gc=False):
    hostname: _Text
    ip: _Maybe = None
    mac: _Maybe = None


class _Found(_Part, frozen=True, gc=False):
    name: _Text
    severity: _Short


class _Logged(_Timed, frozen=True, gc=False, kw_only=True):
    id: _Short
    seq: _Seq
    endpoint: _Computer

    def at(self, received_at: float) -> float:
        """When it happened, in Unix seconds.

        A time after `received_at` counts as that: a clock that once ran ahead hides nothing that comes later.
        """
        return max(0.0, min(self.moment.timestamp(), received_at))


class LoggedThreat(_Logged, frozen=True, gc=False, kw_only=True, tag_field="kind", tag="threat-event"):
    """A threat event."""

    event_type: _Short
    status: Status
    threat: _Found
    source: Annotated[str, Rule(max_length=64)] = ""


class LoggedStep(_Timed, frozen=True, gc=False, kw_only=True):
    """One step on the way to an infection."""

    actor: _Line
    action: _Line
    object: _Line
    parent: _Line | None = None
    hash: Annotated[str, Rule(max_length=128)] | None = None


class LoggedCause(_Logged, frozen=True, gc=False, kw_only=True, tag_field="kind", tag="root-cause"):
    """A root cause."""

    threat_event_id: _Short
    chain: Annotated[tuple[LoggedStep, ...], Rule(min_length=1, max_length=200)]


def json_object(line: bytes) -> dict[str, Any] | None:
    """A line as JSON; None if it is no object. Raises ValueError for what is no JSON or too long."""
    if len(line) > MOST_LINE_BYTES:
        raise ValueError(f"more than {MOST_LINE_BYTES} bytes")
    value = from_json(line, allow_inf_nan=False, cache_strings="keys")
    return value if isinstance(value, dict) else None


def logged(line: bytes | Mapping[str, Any]) -> LoggedThreat | LoggedCause | None:
    """What a line, or its JSON, says; None if it is to be passed over. Never raises."""
    try:
        found = json_object(line) if isinstance(line, bytes) else line
        return msgspec.convert(found, LoggedThreat | LoggedCause)
    except ValueError:  # msgspec.ValidationError is one
        return None


def steps(text: str) -> tuple[LoggedStep, ...]:
    """Read a chain that was kept as JSON. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(text, type=tuple[LoggedStep, ...])


@lru_cache(8192)
def endpoint_key(hostname: str, mac: str | None, ip: str | None) -> str:
    """What makes it one endpoint of its appliance, however its names are written."""
    address = (mac or "").replace("-", ":") or ip or ""
    return f"{safe_text(hostname).casefold().rstrip('.')}\t{safe_text(address).lower()}"
