"""Bringing one packed case to the server: chunks read ahead and hashed on a thread, sent where it stands."""

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tm_tui.cases.record import Record
from tm_tui.cases.tus import Tus, Unmoved
from tm_tui.errors import StorageFailed
from tm_tui.link.failures import failure
from tm_tui.link.types import Endpoint

__all__ = ["PackDamaged", "Progress", "bring"]

_CHUNK_SECONDS = 10
_SMALLEST, _LARGEST = 1 << 18, 8 << 20
_PIECE = 1 << 16
_LARGE_PIECE = 1 << 18
_RATE_SECONDS = 15.0
_SETTLING = 1.0
_MOST_TRIES = 3
"""Chunks in a row that may not count before it is a failure."""
_CODES = {
    "gone": "http-not-found",
    "elsewhere": "case-offset",
    "mismatch": "case-checksum",
    "damaged": "case-checksum",
}

Keep = Callable[[str], Awaitable[None]]


class PackDamaged(StorageFailed):
    """The packed file on this disk is not what was packed."""

    def __init__(self) -> None:
        super().__init__("The packed case is damaged on this disk.", "Submit it again, and check the disk.")


class Progress:
    """How far an upload is, and how fast it went of late."""

    def __init__(self, size: int, now: Callable[[], float], changed: Callable[[], None]) -> None:
        self.size, self.sent = size, 0
        self.counted = 0
        """Bytes that the server has acknowledged in this attempt."""
        self._now, self._changed = now, changed
        self._began: float | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def stand(self, sent: int) -> None:
        """So much has gone out. Less than before: the server did not count it."""
        moment = self._now()
        if self._began is None:
            self._began = moment
        if moment - self._began < _SETTLING:  # what buffers take at once says nothing of the line
            self._seen.clear()
        if sent < self.sent:
            self._seen.clear()
        self.sent = sent
        self._seen.append((moment, sent))
        while len(self._seen) > 2 and self._seen[0][0] < moment - _RATE_SECONDS:
            self._seen.popleft()
        self._changed()

    @property
    def rate(self) -> float | None:
        """Bytes a second over the last moments; None before that can be said."""
        if len(self._seen) < 2:
            return None
        seconds = self._seen[-1][0] - self._seen[0][0]
        return (self._seen[-1][1] - self._seen[0][1]) / seconds if seconds > 0.2 else None

    @property
    def seconds_left(self) -> float | None:
        """At this rate."""
        rate = self.rate
        return (self.size - self.sent) / rate if rate else None


async def bring(
    tus: Tus,
    record: Record,
    pack: Path,
    about: dict[str, str],
    *,
    server: Endpoint,
    rate: float,
    keep: Keep,
    progress: Progress,
) -> None:
    """Upload until the server has all. `keep` puts the upload's address onto the disk before bytes go.

    Raises LinkFailure, and PackDamaged or StorageFailed for the file here.
    """
    offers = await tus.offers()
    if offers.most_bytes is not None and record.packed_bytes > offers.most_bytes:
        raise failure("case-too-large", "service", server, detail=f"it takes {offers.most_bytes} bytes")
    location = record.location if record.server == server.authority else ""
    offset: int | None = None
    for _ in range(_MOST_TRIES):
        if not location:
            location = await tus.create(record.packed_bytes, about)
            await keep(location)
        offset = await tus.offset(location, record.packed_bytes)
        if offset is not None:
            progress.stand(offset)
            sending = _Sending(
                tus=tus,
                location=location,
                pack=pack,
                size=record.packed_bytes,
                algorithm=offers.algorithm,
                chunk=_chunk_bytes(rate),
                piece=_PIECE if rate else _LARGE_PIECE,
                progress=progress,
            )
            problem = await sending.run(offset)
            if problem is None:
                return
            if problem == "damaged" and await asyncio.to_thread(_digest, pack) != record.sha256:
                raise PackDamaged
            if problem != "gone":
                await keep("" if problem == "damaged" else location)
                raise failure(_CODES[problem], "service", server)
        location = ""
        await keep("")
    raise failure("http-not-found", "service", server)


def _chunk_bytes(rate: float) -> int:
    """At a limit a chunk takes seconds, not minutes: what a cut connection costs is one at most."""
    return int(min(_LARGEST, max(_SMALLEST, rate * _CHUNK_SECONDS))) if rate else _LARGEST


@dataclass(slots=True)
class _Sending:
    """The chunks of one upload."""

    tus: Tus
    location: str
    pack: Path
    size: int
    algorithm: str
    chunk: int
    piece: int
    progress: Progress

    async def run(self, offset: int) -> Unmoved | None:
        """Send from `offset` to the end; None when the server has all."""
        tries = 0
        ahead = self._read(offset)
        try:
            while offset < self.size:
                data, digest = await ahead
                if not data:
                    raise PackDamaged
                ahead = self._read(offset + len(data))
                checksum = (self.algorithm, digest) if self.algorithm else None
                answer = await self.tus.append(
                    self.location, offset, len(data), self._pieces(data, offset), checksum
                )
                if isinstance(answer, int) and answer == offset + len(data):
                    self.progress.counted += len(data)
                    offset, tries = answer, 0
                else:
                    tries += 1
                    if isinstance(answer, str) and (answer in {"gone", "damaged"} or tries >= _MOST_TRIES):
                        return answer
                    found = await self.tus.offset(self.location, self.size)
                    if found is None:
                        return "gone"
                    offset = found
                    await _over(ahead)
                    ahead = self._read(offset)
                self.progress.stand(offset)
        finally:
            await _over(ahead)  # the thread must not outlive the file's other users
        return None

    def _read(self, offset: int) -> "asyncio.Future[tuple[bytes, bytes]]":
        size = max(0, min(self.chunk, self.size - offset))
        return asyncio.ensure_future(asyncio.to_thread(_chunk, self.pack, offset, size, self.algorithm))

    async def _pieces(self, data: bytes, offset: int) -> AsyncIterator[bytes]:
        view = memoryview(data)
        for start in range(0, len(data), self.piece):
            yield bytes(view[start : start + self.piece])
            self.progress.stand(offset + min(len(data), start + self.piece))


async def _over(reading: "asyncio.Future[tuple[bytes, bytes]]") -> None:
    """Wait for what was read ahead in vain; how that went matters no more."""
    await asyncio.wait({reading})
    if not reading.cancelled():
        reading.exception()


def _chunk(pack: Path, offset: int, size: int, algorithm: str) -> tuple[bytes, bytes]:
    """A part of the file and its digest. Raises PackDamaged when the file cannot give it."""
    try:
        with pack.open("rb") as file:
            data = os.pread(file.fileno(), size, offset)
            os.posix_fadvise(file.fileno(), offset, size, os.POSIX_FADV_DONTNEED)
    except OSError:
        raise PackDamaged from None
    return data, hashlib.new(algorithm, data).digest() if algorithm else b""


def _digest(pack: Path) -> str:
    try:
        with pack.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise PackDamaged from None
