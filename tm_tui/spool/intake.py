"""Lines of NDJSON become checked events, fast; a bad line gets its number and a reason, the others go on."""

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from msgspec import Struct
from pydantic import ValidationError

from tm_tui.errors import StorageFailed
from tm_tui.spool.events import EVENT, UNSAFE, EventKind
from tm_tui.spool.quick_check import QuickEvent, quick_events
from tm_tui.text import safe_characters, safe_text

__all__ = [
    "MOST_LINE_BYTES",
    "BadLine",
    "Checked",
    "CheckedEvent",
    "Intake",
    "Rejection",
    "check_lines",
    "portions",
]

MOST_LINE_BYTES = 65_536
"""Bytes that one event may have."""
_BYTES_AT_ONCE = 1 << 20

_validate, _to_json = EVENT.validator.validate_json, EVENT.serializer.to_json
_FORMS = {
    "time": "Write it as in RFC 3339 with an offset, between 1970 and 2199: 2026-03-01T08:15:30Z.",
    "id": "Use letters, digits and . _ : - and begin with a letter or a digit.",
    "threat_event_id": "Use letters, digits and . _ : - and begin with a letter or a digit.",
    "ip": "This is no IP address.",
    "mac": "Write it as six pairs of hexadecimal digits: 00:1a:2b:3c:4d:5e.",
    "hash": "Write 32 to 128 hexadecimal digits.",
}
"""What to do about a text of another form than its field has."""
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
    stopped: int | None = None
    """From which line on nothing was taken, as the disk or the spool had no more room or use,"""
    why: StorageFailed | None = None
    """and why."""


class BadLine(ValueError):
    """A line that is no event; the text is the reason, safe to show."""


class CheckedEvent(Struct, frozen=True, gc=False):
    """An event ready for the spool: `body` is a JSON object with its id, without `seq`.

    `given` is the producer's own id, None if it was made here. A Struct, as thousands a second are made.
    """

    kind: EventKind
    body: bytes
    given: str | None


class Checked(NamedTuple):
    """What became of some lines: events with the numbers of their lines, and the lines that are none."""

    events: Sequence[CheckedEvent]
    numbers: Sequence[int]
    rejected: Sequence[Rejection]
    size: int
    """Bytes of all lines."""


def check_lines(lines: Sequence[bytes]) -> Checked:
    """Check lines in order and make each one object on one line with an id; empty ones are skipped."""
    size = sum(map(len, lines))
    if events := _quickly(lines):
        return Checked(events, range(1, len(lines) + 1), (), size)
    numbers: list[int] = []
    good: list[CheckedEvent] = []
    bad: list[Rejection] = []
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            continue
        try:
            good += _quickly([line]) or [check_line(line)]
            numbers.append(number)
        except BadLine as problem:
            bad.append(Rejection(number, str(problem)))
    return Checked(good, numbers, bad, size)


def _quickly(lines: Sequence[bytes]) -> list[CheckedEvent] | None:
    """All of them at once, kept as they were written; None if one needs a second look."""
    stripped = [line.strip() for line in lines]
    if max(map(len, lines), default=0) > MOST_LINE_BYTES:
        return None
    events = quick_events(stripped)
    return None if events is None else list(map(_kept, events, stripped))


def _kept(event: QuickEvent, body: bytes) -> CheckedEvent:
    if event.id:
        return CheckedEvent(event.kind_, body, event.id)
    return CheckedEvent(event.kind_, _with_id(body), None)


def _with_id(body: bytes) -> bytes:
    return b'{"id":"%s%x",%s' % (_MAKER, next(_made), body[1:])


def check_line(line: bytes) -> CheckedEvent:
    """Check one line by the models themselves, and write it anew. Raises BadLine."""
    if len(line) > MOST_LINE_BYTES:
        raise BadLine(f"The line has {len(line)} bytes, {MOST_LINE_BYTES} are possible.")
    event = _model_of(line)
    body = _to_json(event, exclude_none=True)
    return CheckedEvent(event.kind, _with_id(body) if event.id is None else body, event.id)


def _model_of(line: bytes) -> Any:
    """Read it, and repair what is only unsafe text (controls, bytes outside UTF-8, half surrogates)."""
    try:
        return _validate(line)
    except ValidationError as error:
        problem = error
    kinds = {
        item["type"] for item in problem.errors(include_url=False, include_input=False, include_context=False)
    }
    # too short is also a chain whose links all have unsafe text
    if kinds - {UNSAFE, "json_invalid", "string_unicode", "too_short"}:
        raise BadLine(_reason(problem))
    try:
        return _validate(json.dumps(_safe(json.loads(line.decode("utf-8", "replace")))))
    except ValidationError as error:
        raise BadLine(_reason(error)) from None
    except (ValueError, RecursionError):
        raise BadLine("The line is no JSON.") from None


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return safe_characters(value)
    if isinstance(value, dict):
        return {safe_characters(key): _safe(inner) for key, inner in value.items()}
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
    if first["type"] == "string_pattern_mismatch":
        return f"{where}: {_FORMS[str(first['loc'][-1])]}"
    return safe_text(f"{where}: {first['msg']}.", 300)


def portions(lines: Sequence[bytes], most: int) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Cut a long intake so that no commit holds more lines, or much more bytes, than a batch should."""
    if len(lines) <= most and sum(map(len, lines)) <= _BYTES_AT_ONCE:
        yield 0, lines
        return
    start = size = 0
    for number, line in enumerate(lines):
        if number - start >= most or (size and size + len(line) > _BYTES_AT_ONCE):
            yield start, lines[start:number]
            start, size = number, 0
        size += len(line)
    yield start, lines[start:]
