"""What makes a file a batch (docs/protocol.md, "Batches"): name, checksum, and events within bounds."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader

import zstandard

from tm_tui.portal.refusals import Refused
from tm_tui.spool.log_line import MOST_LINE_BYTES, json_object
from tm_tui.status_server.protocol import APPLIANCE_PATTERN

__all__ = ["MOST_BYTES", "BatchName", "Contents", "checked_contents", "events", "is_appliance", "too_large"]

MOST_BYTES = 32 << 20
"""Bytes of a batch as it is sent."""
_MOST_PLAIN_BYTES = 256 << 20
_MOST_EVENTS = 1_000_000
_MOST_WINDOW = 8 << 20
_FEED_BYTES = 128
"""So little at a time that no 128 KiB blocks of repeated bytes become more than 4 MiB in one step."""

_NAME = re.compile(
    rf"(?P<appliance>{APPLIANCE_PATTERN})-(?P<sequence>[0-9]{{12}})-(?P<digest>[0-9a-f]{{16}})\.ndjson\.zst"
)
_APPLIANCE = re.compile(APPLIANCE_PATTERN)


def is_appliance(name: str) -> bool:
    """Whether an appliance may have this name."""
    return bool(_APPLIANCE.fullmatch(name))


@dataclass(frozen=True, slots=True)
class BatchName:
    """A well-formed name, and what it says."""

    text: str
    appliance: str
    sequence: int
    digest: str

    @classmethod
    def parse(cls, text: str) -> "BatchName | None":
        """Read `<appliance>-<12 digits>-<16 hex>.ndjson.zst`; None for anything else."""
        found = _NAME.fullmatch(text)
        return cls(text, found["appliance"], int(found["sequence"]), found["digest"]) if found else None


@dataclass(frozen=True, slots=True)
class Contents:
    """What a whole batch holds. `bytes` as sent; the `seq` are those of its events, if they have any."""

    kind: str
    events: int
    bytes: int
    first_seq: int | None
    last_seq: int | None


def _damaged(cause: str) -> Refused:
    return Refused(422, "damaged", f"The batch is damaged: {cause}", "Send it again from the sealed file.")


def too_large() -> Refused:
    """More bytes than a batch may have."""
    return Refused(413, "too-large", f"A batch has at most {MOST_BYTES} bytes.", "Split it.")


def checked_contents(
    file: BufferedReader, name: BatchName, each: Callable[[dict[str, object]], object] | None = None
) -> Contents:
    """Read a file through and compare it with its name; `each` is given every event.

    Raises Refused (422, 413).
    """
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = file.tell()
    if size > MOST_BYTES:
        raise too_large()
    if not digest.startswith(name.digest):
        raise _damaged("its checksum is not the one in its name.")
    file.seek(0)
    kind: str | None = None
    count, first, last = 0, None, None
    for count, event in enumerate(events(file), 1):
        if count > _MOST_EVENTS:
            raise Refused(413, "too-large", f"A batch has at most {_MOST_EVENTS} events.", "Split it.")
        kind = _kind(event, kind)
        if each is not None:
            each(event)
        seq = event.get("seq")
        if isinstance(seq, int) and 0 <= seq < 1 << 62:
            first, last = (
                (seq if first is None else min(first, seq)),
                (seq if last is None else max(last, seq)),
            )
    if kind is None:
        raise _damaged("there is no event in it.")
    return Contents(kind, count, size, first, last)


def _kind(event: dict[str, object], so_far: str | None) -> str:
    kind = event.get("kind")
    if not isinstance(kind, str) or not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", kind):
        raise _damaged("an event names no kind.")
    if so_far not in {None, kind}:
        raise _damaged("it has events of more than one kind.")
    return kind


def events(file: BufferedReader) -> Iterator[dict[str, object]]:
    """Each event of a batch, in bounded memory. Raises Refused (422, 413)."""
    for line in _lines(file):
        try:
            event = json_object(line)
        except ValueError:
            raise _damaged("a line is no JSON.") from None
        if event is None:
            raise _damaged("a line is no JSON object.")
        yield event


def _lines(file: BufferedReader) -> Iterator[bytes]:
    total, rest = 0, b""
    for plain in _plain(file):
        total += len(plain)
        if total > _MOST_PLAIN_BYTES:
            cause = f"A batch has at most {_MOST_PLAIN_BYTES} bytes when it is unpacked."
            raise Refused(413, "too-large", cause, "Split it.")
        *lines, rest = (rest + plain).split(b"\n")
        if len(rest) > MOST_LINE_BYTES or any(len(line) > MOST_LINE_BYTES for line in lines):
            raise _damaged(f"an event has more than {MOST_LINE_BYTES} bytes.")
        yield from lines
    if rest:
        raise _damaged("its last line has no end.")


def _plain(file: BufferedReader) -> Iterator[bytes]:
    """Unpack exactly one zstd frame (RFC 8878)."""
    decoder = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW).decompressobj()
    while piece := file.read(_FEED_BYTES):
        if decoder.eof:
            raise _damaged("there is something after its end.")
        try:
            yield decoder.decompress(piece)
        except zstandard.ZstdError:
            raise _damaged("it is no zstd file.") from None
    if not decoder.eof or decoder.unused_data:
        raise _damaged("its end is missing, or there is something after it.")
