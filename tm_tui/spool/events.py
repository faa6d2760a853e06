"""The two kinds of log entry as frozen models: what intake accepts is exactly what the log server gets.

The JSON Schema in docs/events.schema.json is made from these models (a test compares them).
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from tm_tui.text import is_safe

__all__ = [
    "EVENT_TYPES",
    "KINDS",
    "SOURCES",
    "STATUSES",
    "TIME_FORM",
    "UNSAFE",
    "ChainLink",
    "Event",
    "EventEndpoint",
    "EventKind",
    "RootCause",
    "Threat",
    "ThreatEvent",
    "event_schema",
]

EventKind = Literal["threat-event", "root-cause"]
KINDS: tuple[EventKind, ...] = ("threat-event", "root-cause")

_YEAR = "(19[7-9][0-9]|2[01][0-9][0-9])"
_LEAP_YEAR = "(19(7[26]|8[048]|9[26])|20([02468][048]|[13579][26])|21(0[48]|[2468][048]|[13579][26]))"
_LONG_MONTH = "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
_SHORT_MONTH = "(0[469]|11)-(0[1-9]|[12][0-9]|30)"
_FEBRUARY = "02-(0[1-9]|1[0-9]|2[0-8])"
_DATE = f"({_YEAR}-({_LONG_MONTH}|{_SHORT_MONTH}|{_FEBRUARY})|{_LEAP_YEAR}-02-29)"
_HOUR_MINUTE = "([01][0-9]|2[0-3]):[0-5][0-9]"


def _time_form(t: str, z: str) -> str:
    return rf"{_DATE}{t}{_HOUR_MINUTE}:[0-5][0-9](\.[0-9]{{1,9}})?({z}|[+-]{_HOUR_MINUTE})"


TIME_FORM = _time_form("T", "Z")
"""RFC 3339, section 5.6, from 1970 to 2199, with at most nine digits of a second and no leap second."""

# Every validator of JSON Schema must read the forms alike: nothing but classes, groups and counts is in them.
# In Python `$` also stands before a line end at the end, which the schema therefore forbids by itself.
_NO_LINE_END = {"not": {"pattern": r"\n"}}


def _safe(text: str) -> str:
    if not is_safe(text, line_ends=False):
        raise PydanticCustomError(UNSAFE, "There is a control or invisible character in it")
    return text


UNSAFE = "unsafe_text"
"""The type of pydantic's error for text that `safe_characters` would change. Intake repairs it."""

Word = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_safe)]
"""A short safe text, such as a threat's or a computer's name."""
Line = Annotated[str, Field(max_length=1024), AfterValidator(_safe)]
"""A safe text that may hold a path or a command line."""
EventId = Annotated[
    str, Field(max_length=64, pattern="^[A-Za-z0-9][A-Za-z0-9._:-]*$", json_schema_extra=_NO_LINE_END)
]
"""Names an event for ever. Given by the producer, or made at intake."""
EventTime = Annotated[
    str,
    Field(
        pattern=f"^{_time_form('[Tt]', '[Zz]')}$", json_schema_extra={"format": "date-time", **_NO_LINE_END}
    ),
    AfterValidator(str.upper),
]
"""A moment as RFC 3339 writes it, kept as it was written but for the case of T and Z."""
IpText = Annotated[str, Field(pattern=r"^[0-9A-Fa-f:.]{2,45}$", json_schema_extra=_NO_LINE_END)]
MacText = Annotated[
    str, Field(pattern="^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$", json_schema_extra=_NO_LINE_END)
]
HashText = Annotated[str, Field(pattern="^[0-9A-Fa-f]{32,128}$", json_schema_extra=_NO_LINE_END)]

EventType = Literal[
    "security-risk-log-detection",
    "on-demand-scan-by-user",
    "on-demand-scan-by-administrator",
    "scan-after-installation",
    "custom-pattern-deployment",
    "post-assessment-cleanup",
    "forensic-data-collection",
    "threat-discovery-appliance-event",
]
Source = Literal["threat-discovery-appliance", "tmsp", "security-risk-logs", "on-demand-scan"]
Status = Literal[
    "in-progress",
    "no-mitigation",
    "cleaned",
    "scanned",
    "assessed",
    "unsuccessful",
    "rollback-successful",
    "rollback-unsuccessful",
    "resolved-by-threat-mitigator",
    "resolved-by-security-software",
    "resolved-no-longer-exists",
    "resolved-potentially",
    "manual-cleanup-needed",
    "exception",
]
Severity = Literal["low", "medium", "high", "critical"]

EVENT_TYPES: tuple[str, ...] = get_args(EventType)
SOURCES: tuple[str, ...] = get_args(Source)
STATUSES: tuple[str, ...] = get_args(Status)


class _Entry(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )


class EventEndpoint(_Entry):
    """The computer it happened on."""

    hostname: Word
    ip: IpText | None = None
    mac: MacText | None = None


class Threat(_Entry):
    """What was found."""

    name: Word
    severity: Severity


class ThreatEvent(_Entry):
    """A threat event log entry: a detection, a scan, a cleanup, a pattern deployment, and how it ended."""

    kind: Literal["threat-event"]
    id: EventId | None = None
    """Made at intake when it is missing. The same id again with the same content is the same event."""
    time: EventTime
    """RFC 3339 with an offset, from 1970 to 2199."""
    endpoint: EventEndpoint
    event_type: EventType
    source: Source
    status: Status
    threat: Threat


class ChainLink(_Entry):
    """One step on the way to the infection."""

    time: EventTime
    actor: Line
    action: Line
    object: Line
    parent: Line | None = None
    hash: HashText | None = None


class RootCause(_Entry):
    """A root cause log entry: the ordered chain of events that led to the infection."""

    kind: Literal["root-cause"]
    id: EventId | None = None
    """Made at intake when it is missing. The same id again with the same content is the same event."""
    time: EventTime
    """RFC 3339 with an offset, from 1970 to 2199."""
    endpoint: EventEndpoint
    threat_event_id: EventId
    """The `id` of the threat event that this explains."""
    chain: Annotated[tuple[ChainLink, ...], Field(min_length=1, max_length=200)]


Event = Annotated[ThreatEvent | RootCause, Field(discriminator="kind")]
EVENT: TypeAdapter[ThreatEvent | RootCause] = TypeAdapter(Event)


def event_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of one line of intake."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "tm-tui event, version 1"}
    return head | EVENT.json_schema()
