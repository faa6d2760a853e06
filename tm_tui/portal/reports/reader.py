"""What reports need of threat events and root causes."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from tm_tui.spool.events import Severity, Status
from tm_tui.text import safe_text
from tm_tui.values import ZonedMoment

__all__ = ["Chain", "Rows", "read"]

_LONGEST = 200

_Text = Annotated[str, Field(min_length=1, max_length=256)]
_Line = Annotated[str, Field(max_length=1024)]
_Short = Annotated[str, Field(min_length=1, max_length=64)]


class _Part(BaseModel):
    """A part of a line as far as it matters here; later versions may bring more members."""

    model_config = ConfigDict(hide_input_in_errors=True)


class _Endpoint(_Part):
    hostname: _Text
    ip: Annotated[str, Field(max_length=64)] | None = None
    mac: Annotated[str, Field(max_length=64)] | None = None


class _Threat(_Part):
    name: _Text
    severity: Severity


class _ThreatEvent(_Part):
    kind: Literal["threat-event"]
    id: _Short
    time: ZonedMoment
    endpoint: _Endpoint
    event_type: _Short
    source: Annotated[str, Field(max_length=64)] = ""
    status: Status
    threat: _Threat


class Chain(_Part):
    """One step on the way to the infection, its texts bounded and not yet safe."""

    time: ZonedMoment
    actor: _Line
    action: _Line
    object: _Line
    parent: _Line | None = None
    hash: Annotated[str, Field(max_length=128)] | None = None


class _RootCause(_Part):
    kind: Literal["root-cause"]
    id: _Short
    time: ZonedMoment
    endpoint: _Endpoint
    threat_event_id: _Short
    chain: Annotated[tuple[Chain, ...], Field(min_length=1, max_length=200)]


_EVENT: TypeAdapter[_ThreatEvent | _RootCause] = TypeAdapter(
    Annotated[_ThreatEvent | _RootCause, Field(discriminator="kind")]
)


@dataclass(slots=True)
class Rows:
    """Some rows for the tables."""

    threats: list[dict[str, Any]] = field(default_factory=list)
    root_causes: list[dict[str, Any]] = field(default_factory=list)


def read(rows: Rows, event: dict[str, object], received_at: float) -> None:
    """Make a row of an event, if it can be read."""
    with suppress(ValidationError):
        _add(rows, _EVENT.validate_python(event), received_at)


def _add(rows: Rows, event: _ThreatEvent | _RootCause, received_at: float) -> None:
    """A time after the arrival counts as the arrival, as for endpoints."""
    named = event.endpoint
    row: dict[str, Any] = {
        "id": safe_text(event.id),
        "at": max(0.0, min(event.time.timestamp(), received_at)),
        "received_at": received_at,
        "hostname": safe_text(named.hostname),
        "address": safe_text(named.ip or named.mac or ""),
    }
    if isinstance(event, _RootCause):
        chain = to_json([_shortened(link) for link in event.chain]).decode()
        rows.root_causes.append(row | {"threat_event_id": safe_text(event.threat_event_id), "chain": chain})
    else:
        texts = {"event_type": event.event_type, "source": event.source, "status": event.status}
        texts |= {"severity": event.threat.severity, "threat": event.threat.name}
        rows.threats.append(row | {name: safe_text(text) for name, text in texts.items()})


def _shortened(link: Chain) -> dict[str, object]:
    texts = ((name, getattr(link, name)) for name in ("actor", "action", "object", "parent", "hash"))
    return {
        "time": link.time,
        **{name: safe_text(text, _LONGEST) for name, text in texts if text is not None},
    }
