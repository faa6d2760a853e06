"""A sealed batch: an immutable file whose name tells what is in it, so repeating a delivery is harmless."""

import errno
import hashlib
import os
import re
import stat
import zlib
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import zstandard

from tm_tui.atomic import opened, put_new, read_all, sync_folder
from tm_tui.clock import moment_of
from tm_tui.spool.events import KINDS, EventKind
from tm_tui.spool.trace import Trace, untraced
from tm_tui.status_server.protocol import APPLIANCE_PATTERN

__all__ = [
    "Batch",
    "BatchDamaged",
    "file_of",
    "pack",
    "read_lines",
    "readable_lines",
    "seal",
    "seq_of",
]

_NAME = re.compile(rf"({APPLIANCE_PATTERN})-([0-9]{{12}})-([0-9a-f]{{16}})\.ndjson\.zst")
_SEQ = re.compile(rb'\{"seq":([0-9]{1,18}),')
_KIND = rb'"kind"\s*:\s*"%s"'
_MOST_RAW = 64 << 20
"""Bytes that a batch may have unpacked; more is no batch of ours."""


class BatchDamaged(ValueError):
    """A batch file is not what its name says."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is known of a sealed batch.

    `first` and `last` are the `seq` of its ends; bytes are those on disk.
    """

    name: str
    kind: EventKind
    first: int
    last: int
    events: int
    bytes: int
    sealed_at: datetime
    oldest_at: int
    """When its oldest event was accepted, in milliseconds of the spool's own clock (AgeClock)."""


def seq_of(line: bytes) -> int:
    """The `seq` that each line of ours begins with. Raises BatchDamaged."""
    if found := _SEQ.match(line):
        return int(found[1])
    raise BatchDamaged("A line does not begin with its seq.")


def ends_of(lines: bytes) -> tuple[int, int]:
    """The `seq` of the first and of the last line. Raises BatchDamaged."""
    return seq_of(lines), seq_of(lines[lines.rfind(b"\n", 0, -1) + 1 :])


def pack(lines: bytes) -> bytes:
    """Compress whole lines: one zstd frame with a checksum."""
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(lines)


def name_for(appliance: str, first: int, packed: bytes) -> str:
    """`<appliance>-<12-digit sequence>-<first 16 hex of sha256>.ndjson.zst` (docs/protocol.md)."""
    return f"{appliance}-{first:012d}-{hashlib.sha256(packed).hexdigest()[:16]}.ndjson.zst"


def seal(
    folder: Path,
    appliance: str,
    lines: bytes,
    *,
    kind: EventKind,
    oldest_at: int,
    now: datetime,
    trace: Trace = untraced,
) -> Batch:
    """Write a batch file so that it is there whole, or not at all. Raises OSError, and leaves nothing then.

    The rename is the moment of sealing: from then on the file stands for its events, whatever else is lost.
    """
    first, last = ends_of(lines)
    packed = pack(lines)
    name = name_for(appliance, first, packed)
    new = folder / f".new-{name}"
    try:
        new.unlink(missing_ok=True)  # of one that a kill left half written
        put_new(new, packed)
        trace("rename")
        new.replace(folder / name)
        trace("renamed")
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    sealed_at = moment(milliseconds(now))
    return Batch(name, kind, first, last, lines.count(b"\n"), len(packed), sealed_at, oldest_at)


def file_of(folder: Path, batch: Batch) -> bytes:
    """The bytes to deliver, compared with their name. Raises BatchDamaged, OSError."""
    data = read_file(folder / batch.name)
    check_name(batch.name, data)
    return data


def read_file(path: Path) -> bytes:
    """The bytes of a file that should be a batch.

    Raises BatchDamaged for what is no plain file, too large, or not given out by the disk; other OSError.
    """
    try:
        with opened(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC) as file:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise BatchDamaged("This is no plain file.")
            data = read_all(file, _MOST_RAW)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO, errno.EIO}:
            raise BatchDamaged("It cannot be read.") from None
        raise
    if len(data) > _MOST_RAW:
        raise BatchDamaged("No batch is so large.")
    return data


def misplaced(folder: Path, batch: Batch) -> Path | None:
    """The file that has this batch's content under another name, if there is one. Raises OSError."""
    for path in folder.iterdir():
        with suppress(BatchDamaged):
            if path.name != batch.name and path.lstat().st_size == batch.bytes:
                check_name(batch.name, read_file(path))
                return path
    return None


def is_name(name: str) -> bool:
    """Whether this is the name of a batch."""
    return _NAME.fullmatch(name) is not None


def kind_of_line(line: bytes) -> EventKind | None:
    """The kind that a line of ours names, if it does."""
    return next((kind for kind in KINDS if is_of(kind, line)), None)


def appliance_of(name: str) -> str | None:
    """The appliance that a batch's name names; None if it is no name of a batch."""
    parts = _NAME.fullmatch(name)
    return parts[1] if parts else None


def check_name(name: str, data: bytes) -> str:
    """Compare a batch's bytes with its name; returns the appliance. Raises BatchDamaged."""
    parts = _NAME.fullmatch(name)
    if not parts:
        raise BatchDamaged("This is no name of a batch.")
    if hashlib.sha256(data).hexdigest()[:16] != parts[3]:
        raise BatchDamaged("The content is not the one that the name stands for.")
    return parts[1]


def read_lines(folder: Path, batch: Batch) -> bytes:
    """All lines of a batch. Raises BatchDamaged, OSError."""
    return unpack(file_of(folder, batch))


def unpack(packed: bytes) -> bytes:
    """All lines of a batch's bytes, which zstd's own checksum vouches for.

    What stands behind them is left out. Raises BatchDamaged.
    """
    try:
        if not 0 < zstandard.frame_content_size(packed) <= _MOST_RAW:
            raise BatchDamaged("No batch holds so much.")
        lines = zstandard.ZstdDecompressor().decompress(packed)
    except zstandard.ZstdError:
        raise BatchDamaged("The compressed data is damaged.") from None
    if not lines.endswith(b"\n"):
        raise BatchDamaged("The content is cut off.")
    return lines


def readable_lines(packed: bytes) -> Iterator[bytes]:
    """The whole lines that a damaged batch still gives, from its beginning; they may be altered.

    Byte by byte, as the library gives out nothing of a piece in which it finds an error.
    """
    rest = b""
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    with suppress(zstandard.ZstdError):
        for place in range(len(packed)):
            if part := unpacker.decompress(packed[place : place + 1]):
                *whole, rest = (rest + part).split(b"\n")
                yield from whole


def checks_of(lines: bytes) -> bytes:
    """A CRC-32 for each line, so that what is left of a damaged file can be told from what was altered."""
    return array("I", map(zlib.crc32, lines.splitlines())).tobytes()


def intact(lines: Iterable[bytes], checks: bytes) -> list[bytes]:
    """Those lines whose CRC-32 is among `checks`, each once and in the order of the checks.

    Damage to compressed data repeats whole lines at wrong places.
    """
    places = {check: place for place, check in enumerate(array("I", checks[: len(checks) // 4 * 4]))}
    found = {places[check]: line for line in lines if (check := zlib.crc32(line)) in places}
    return [found[place] for place in sorted(found)]


def kind_of(lines: bytes) -> EventKind:
    """The kind of the events in a batch, by its first line. Raises BatchDamaged."""
    if kind := kind_of_line(lines[: lines.find(b"\n")]):
        return kind
    raise BatchDamaged("The content is of no known kind.")


def is_of(kind: EventKind, line: bytes) -> bool:
    """Whether a line of ours is of this kind."""
    return re.search(_KIND % kind.encode(), line) is not None


def moment(milliseconds: int) -> datetime:
    """A time as the spool keeps it: milliseconds since 1970."""
    return moment_of(milliseconds / 1000)


def milliseconds(when: datetime) -> int:
    """The reverse of `moment`."""
    return round(when.timestamp() * 1000)
