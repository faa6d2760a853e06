"""The usual lines, checked many times faster than the models check them, and not one line more leniently.

What is read here the models of events.py would take as well, with the same content (a test compares them).
Everything else, right or wrong, is left to them: only they say why a line is refused.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

from msgspec import Meta as Rule
from msgspec import MsgspecError, Struct
from msgspec.json import Decoder

from tm_tui.spool.events import TIME_FORM, EventKind, EventType, Severity, Source, Status
from tm_tui.text import is_safe

__all__ = ["QuickEvent", "quick_events"]

_Word = Annotated[str, Rule(min_length=1, max_length=256)]
_Line = Annotated[str, Rule(max_length=1024)]
_Id = Annotated[str, Rule(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*\Z")]
_Ip = Annotated[str, Rule(pattern=r"^[0-9A-Fa-f:.]{2,45}\Z")]
_Mac = Annotated[str, Rule(pattern=r"^(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\Z")]
_Hash = Annotated[str, Rule(pattern=r"^[0-9A-Fa-f]{32,128}\Z")]
_is_time = re.compile(TIME_FORM.replace("(", "(?:")).fullmatch  # groups that nobody asks for are slower


class _Quick(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What may be missing is empty then: an empty value that was given is left to the models."""


class _Endpoint(_Quick, frozen=True, gc=False):
    hostname: _Word
    ip: _Ip = ""
    mac: _Mac = ""


class _Threat(_Quick, frozen=True, gc=False):
    name: _Word
    severity: Severity


class _ThreatEvent(_Quick, frozen=True, gc=False, tag_field="kind", tag="threat-event"):
    kind_: ClassVar[EventKind] = "threat-event"
    time: str
    endpoint: _Endpoint
    event_type: EventType
    source: Source
    status: Status
    threat: _Threat
    id: _Id = ""

    def keys(self) -> int:
        """How many keys it was written with."""
        return 10 + (self.id != "") + (self.endpoint.ip != "") + (self.endpoint.mac != "")


class _ChainLink(_Quick, frozen=True, gc=False):
    time: str
    actor: _Line
    action: _Line
    object: _Line
    parent: _Line = ""
    hash: _Hash = ""


class _RootCause(_Quick, frozen=True, gc=False, tag_field="kind", tag="root-cause"):
    kind_: ClassVar[EventKind] = "root-cause"
    time: str
    endpoint: _Endpoint
    threat_event_id: _Id
    chain: Annotated[tuple[_ChainLink, ...], Rule(min_length=1, max_length=200)]
    id: _Id = ""

    def keys(self) -> int:
        """How many keys it was written with."""
        chain = sum(4 + (link.parent != "") + (link.hash != "") for link in self.chain)
        return 6 + (self.id != "") + (self.endpoint.ip != "") + (self.endpoint.mac != "") + chain


QuickEvent = _ThreatEvent | _RootCause
_decode = Decoder(QuickEvent).decode
_BACKSLASH = b"\\"


def quick_events(lines: Sequence[bytes]) -> list[QuickEvent] | None:
    """Read lines that may be kept as they are, all of them; None: at least one needs a closer look.

    Such a line holds no escape but that of the backslash, no null and no key twice: each key has two quotes
    then, and so has each value but the two objects of a threat event, or the object and list of a root cause.
    """
    together = b"\n".join(lines)
    if b"\r" in together or not _is_safe(together):
        return None
    if _BACKSLASH in together and _BACKSLASH in together.replace(b"\\\\", b""):
        return None
    try:
        events = list(map(_decode, lines))
    except (MsgspecError, RecursionError):
        return None
    if not all(map(_is_time, _times(events))):
        return None
    # no line has fewer quotes than its keys need, so one with more cannot hide behind another
    quotes = 4 * sum([event.keys() for event in events]) - 4 * len(events)
    return events if together.count(b'"') == quotes else None


def _times(events: Sequence[QuickEvent]) -> Iterator[str]:
    for event in events:
        yield event.time
        if isinstance(event, _RootCause):
            yield from (link.time for link in event.chain)


def _is_safe(together: bytes) -> bool:
    """Control characters below the space are refused in strings by the decoder itself."""
    if together.isascii():
        return b"\x7f" not in together
    try:
        return is_safe(together.decode())
    except UnicodeDecodeError:
        return False
