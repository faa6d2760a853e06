"""Lines of NDJSON become checked events, fast; a bad line gets its number and a reason, the others go on."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from pydantic import ValidationError

from tm_tui.spool.events import EVENT, EventKind, RootCause, ThreatEvent
from tm_tui.text import safe_text

__all__ = ["MOST_LINE_BYTES", "BadLine", "CheckedEvent", "Intake", "Rejection", "check_line"]

MOST_LINE_BYTES = 65_536
"""Bytes that one event may have."""

_validate = EVENT.validator.validate_json
# The union's own validator and serializer cost half as much again as the model's (benchmarks/intake.py).
_threat, _threat_json = (
    ThreatEvent.__pydantic_validator__.validate_json,
    ThreatEvent.__pydantic_serializer__.to_json,
)
_root, _root_json = RootCause.__pydantic_validator__.validate_json, RootCause.__pydantic_serializer__.to_json
_MAKER = f"tm-{secrets.token_hex(8)}-".encode()
_made = count(1)


@dataclass(frozen=True, slots=True)
class Rejection:
    """A line that was not taken. `line` counts from 1 within what was given."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of some lines. Accepted ones are on disk (an id known already counts as accepted)."""

    accepted: int
    rejected: tuple[Rejection, ...] = ()


class BadLine(ValueError):
    """A line that is no event; the text is the reason, safe to show."""


class CheckedEvent(NamedTuple):
    """An event ready for the spool: `body` is a JSON object with its id, without `seq`.

    `given` is the producer's own id, None if it was made here.
    """

    kind: EventKind
    body: bytes
    given: str | None


def check_line(line: bytes) -> CheckedEvent:
    """Check one line and make it one object on one line with an id. Raises BadLine."""
    if len(line) > MOST_LINE_BYTES:
        raise BadLine(f"The line has {len(line)} bytes, {MOST_LINE_BYTES} are possible.")
    try:
        event = _root(line) if b'"root-cause"' in line else _threat(line)
        body = line.strip() if _is_plain(line, event) else _to_json(event)
    except ValidationError:
        event = _second_look(line)
        body = _to_json(event)
    given = event.id
    if given is None:
        body = b'{"id":"%s%x",' % (_MAKER, next(_made)) + body[1:]
    return CheckedEvent(event.kind, body, given)


def _is_plain(line: bytes, event: Any) -> bool:
    """Whether a valid threat event may stay as it was written: no escape, no null, no key twice.

    Without escapes and nulls, each key has two quotes and so has each value but the two objects. Writing
    every event anew would cost a third of the time.
    """
    if event.kind != "threat-event" or b"\\" in line or b"null" in line:
        return False
    # the slot behind `model_fields_set`, which is a property and costs ten times as much
    own, endpoint, threat = event.__pydantic_fields_set__, event.endpoint, event.threat
    keys = len(own) + len(endpoint.__pydantic_fields_set__) + len(threat.__pydantic_fields_set__)
    return line.count(b'"') == 4 * keys - 4


def _to_json(event: Any) -> bytes:
    return (_threat_json if event.kind == "threat-event" else _root_json)(event, exclude_none=True)


def _second_look(line: bytes) -> Any:
    """Guess no more, and repair what is only unsafe text (controls, bytes outside UTF-8, half surrogates)."""
    try:
        return _validate(line)
    except ValidationError as error:
        problem = error
    kinds = {
        item["type"] for item in problem.errors(include_url=False, include_input=False, include_context=False)
    }
    if kinds - {"string_pattern_mismatch", "json_invalid", "string_unicode"}:
        raise BadLine(_reason(problem))
    try:
        return _validate(json.dumps(_safe(json.loads(line.decode("utf-8", "replace")))))
    except ValidationError as error:
        raise BadLine(_reason(error)) from None
    except (ValueError, RecursionError):
        raise BadLine("The line is no JSON.") from None


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return safe_text(value, MOST_LINE_BYTES)
    if isinstance(value, dict):
        return {safe_text(key, MOST_LINE_BYTES): _safe(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_safe(inner) for inner in value]
    return value


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return "The line is no JSON."
    if first["type"].startswith("union_tag"):
        return "kind: This is neither threat-event nor root-cause."
    where = ".".join(str(part) for part in first["loc"][1:]) or "The event"
    return safe_text(f"{where}: {first['msg']}.", 300)


def numbered(lines: Sequence[bytes]) -> tuple[list[tuple[int, CheckedEvent]], list[Rejection]]:
    """Check lines in order, each good one with its number; empty ones are skipped."""
    good: list[tuple[int, CheckedEvent]] = []
    bad: list[Rejection] = []
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            continue
        try:
            good.append((number, check_line(line)))
        except BadLine as problem:
            bad.append(Rejection(number, str(problem)))
    return good, bad
