"""A case's bytes as blobs: a part for each piece that came, never changed, read one behind the other.

Any process may take the next piece. A part that was put and never counted, as of a process that was killed,
does no harm: the parts that lead from the first byte to the last are those that count, and all tell the same.
"""

import asyncio
import contextlib
import hashlib
import hmac
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from starlette.requests import ClientDisconnect

from tm_tui.portal.blobs.store import BlobAbsent, BlobExists, Blobs
from tm_tui.portal.cases import Case, Upload
from tm_tui.portal.refusals import Refused
from tm_tui.tasks import threaded

__all__ = ["Advance", "CaseParts", "Checksum", "case_bytes", "too_many", "wrong_checksum"]

Advance = Callable[[int], Awaitable[None]]
"""Told how many bytes are kept, where an upload broke off."""

_PART_BYTES = 32 << 20
_READ_BYTES = 1 << 20
_NAME = re.compile(r".*/([0-9]{12})-([0-9]{12})")
_NO_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of one PATCH must hash to."""

    algorithm: str
    digest: bytes


def too_many(announced: int) -> Refused:
    """More came than the upload has."""
    cause = f"The upload has {announced} bytes, and more came."
    return Refused(413, "too-large", cause, "Send what was announced.")


def wrong_checksum() -> Refused:
    """What came is not what was sent."""
    return Refused(460, "checksum-mismatch", "The bytes do not match their checksum.", "Send them again.")


@dataclass(frozen=True, slots=True)
class _Part:
    offset: int
    size: int
    name: str


@dataclass(slots=True)
class _Pieces:
    """What came of one PATCH, aside on this machine's disk in files of bounded size."""

    folder: Path
    start: int
    files: list[tuple[int, Path]] = field(default_factory=list)
    """From which byte of the upload on, and where."""
    size: int = 0

    def add(self, data: bytes, seen: "hashlib._Hash | None") -> None:
        """Raises OSError."""
        if seen is not None:
            seen.update(data)
        if not self.files or self.start + self.size - self.files[-1][0] >= _PART_BYTES:
            self.files.append((self.start + self.size, self.folder / f"{token_hex(16)}.part"))
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self.files[-1][1], flags, 0o600), "wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
        self.size += len(data)

    def forget(self) -> None:
        """Remove the files."""
        for _, path in self.files:
            path.unlink(missing_ok=True)


class CaseParts:
    """`cases/<upload>/<offset>-<size>`, in progress and whole. `aside` is a folder of this machine's disk."""

    def __init__(self, blobs: Blobs, aside: Path) -> None:
        self._blobs = blobs
        self._aside = aside

    def room(self) -> int:
        """A store of blobs has no end that it tells."""
        return _NO_LIMIT

    async def append(
        self, found: Upload, chunks: AsyncIterator[bytes], checksum: Checksum | None, advance: Advance
    ) -> int:
        """Take a piece, then put it; one whose checksum is wrong or missing its end is not put."""
        pieces, pending = _Pieces(self._aside, found.arrived), bytearray()
        seen = hashlib.new(checksum.algorithm) if checksum else None
        try:
            try:
                async for chunk in chunks:
                    pending += chunk
                    if found.arrived + pieces.size + len(pending) > found.bytes:
                        raise too_many(found.bytes)
                    if len(pending) >= _READ_BYTES:
                        await threaded(pieces.add, bytes(pending), seen)
                        pending.clear()
            except (ClientDisconnect, asyncio.CancelledError):
                if checksum is None:  # what came is right as far as anyone can tell: TLS watches over it
                    await self._keep(found, pieces, pending, seen)
                    await advance(found.arrived + pieces.size)
                raise
            if pending:
                await threaded(pieces.add, bytes(pending), seen)
                pending.clear()
            if checksum and seen and not hmac.compare_digest(seen.digest(), checksum.digest):
                raise wrong_checksum()
            await self._keep(found, pieces, pending, seen)
        finally:
            await threaded(pieces.forget)
        return found.arrived + pieces.size

    async def _keep(
        self, found: Upload, pieces: _Pieces, pending: bytearray, seen: "hashlib._Hash | None"
    ) -> None:
        if pending:
            await threaded(pieces.add, bytes(pending), seen)
        for offset, path in pieces.files:
            await threaded(self._put, found.upload, offset, path)

    def _put(self, upload: str, offset: int, path: Path) -> None:
        name = f"cases/{upload}/{offset:012d}-{path.stat().st_size:012d}"
        try:
            self._blobs.put(name, path)
        except BlobExists:  # of a process that was killed before it was counted, or a reply that was lost
            with self._blobs.open(name) as there, path.open("rb") as mine:
                while piece := mine.read(_READ_BYTES):
                    if there.read(len(piece)) != piece:
                        cause = "Other bytes came for this part of the upload before."
                        raise Refused(409, "other-content", cause, "Begin a new upload.") from None

    def is_whole(self, found: Upload) -> bool:
        """Whether all bytes are there, and are those that were announced. Raises OSError."""
        seen = hashlib.sha256()
        try:
            parts = _chain(self._blobs, found.upload, found.bytes)
            for piece in _read(self._blobs, parts) if found.sha256 else ():
                seen.update(piece)
        except BlobAbsent:
            return False
        return found.sha256 in {"", seen.hexdigest()}

    def finish(self, case: Upload) -> None:
        """The parts are the case."""

    def drop(self, upload: str) -> None:
        """Forget the bytes of an upload. Raises OSError."""
        for blob in tuple(self._blobs.list(f"cases/{upload}/")):
            self._blobs.delete(blob.name)


def case_bytes(blobs: Blobs, case: Case) -> Iterator[bytes]:
    """The bytes of a case, whichever way it came. Raises BlobAbsent, OSError."""
    with contextlib.suppress(BlobAbsent), blobs.open(f"cases/{case.file}") as file:
        while piece := file.read(_READ_BYTES):
            yield piece
        return
    yield from _read(blobs, _chain(blobs, case.upload, case.bytes))


def _read(blobs: Blobs, parts: list[_Part]) -> Iterator[bytes]:
    for part in parts:
        with blobs.open(part.name) as file:
            while piece := file.read(_READ_BYTES):
                yield piece


def _chain(blobs: Blobs, upload: str, size: int) -> list[_Part]:
    """The parts that lead from the first byte to the last. Raises BlobAbsent where one is missing."""
    found = [
        _Part(int(match[1]), int(match[2]), blob.name)
        for blob in blobs.list(f"cases/{upload}/")
        if (match := _NAME.fullmatch(blob.name))
    ]
    before: dict[int, _Part] = {}
    for part in sorted(found, key=lambda part: part.offset):
        if part.size and (part.offset == 0 or part.offset in before):
            before.setdefault(part.offset + part.size, part)
    chain, end = [], size
    while end:
        if end not in before:
            raise BlobAbsent(2, "a part of the case is missing")
        chain.append(before[end])
        end = before[end].offset
    return chain[::-1]
