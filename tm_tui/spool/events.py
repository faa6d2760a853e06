"""The two kinds of log entry as frozen models: what intake accepts is exactly what the log server gets.

The JSON Schema in docs/events.schema.json is made from these models (a test compares them).
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

__all__ = [
    "EVENT_TYPES",
    "KINDS",
    "SOURCES",
    "STATUSES",
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

# No C0, C1, DEL, bidi control, invisible operator, byte order mark, annotation or tag character: what
# `safe_text` would replace cannot stand in an event. Written for Rust's and for ECMA-262's `u` expressions.
_SAFE = (
    r"^[^\x00-\x1f\x7f-\x9f\u{61c}\u{200b}\u{200e}\u{200f}\u{2028}-\u{202e}\u{2060}-\u{2069}"
    r"\u{feff}\u{fff9}-\u{fffb}\u{e0000}-\u{e007f}]*$"
)

Word = Annotated[str, Field(min_length=1, max_length=256, pattern=_SAFE)]
"""A short safe text, such as a threat's or a computer's name."""
Line = Annotated[str, Field(max_length=1024, pattern=_SAFE)]
"""A safe text that may hold a path or a command line."""
EventId = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
"""Names an event for ever. Given by the producer, or made at intake."""
IpText = Annotated[str, Field(max_length=45, pattern=r"^[0-9A-Fa-f:.]{2,45}$")]
MacText = Annotated[str, Field(max_length=17, pattern=r"^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$")]
HashText = Annotated[str, Field(max_length=128, pattern=r"^[0-9A-Fa-f]{32,128}$")]

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
    time: AwareDatetime
    """RFC 3339 with an offset."""
    endpoint: EventEndpoint
    event_type: EventType
    source: Source
    status: Status
    threat: Threat


class ChainLink(_Entry):
    """One step on the way to the infection."""

    time: AwareDatetime
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
    time: AwareDatetime
    """RFC 3339 with an offset."""
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
