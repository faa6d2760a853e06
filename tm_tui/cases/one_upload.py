"""Bringing one packed case to the server: chunks read ahead and hashed on a thread, sent where it stands."""

import asyncio
import hashlib
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tm_tui.cases.case_records import Record
from tm_tui.cases.tus import Tus, Unmoved
from tm_tui.errors import StorageFailed
from tm_tui.link.failures import failure
from tm_tui.link.types import Endpoint
from tm_tui.spoken import size

__all__ = ["PackDamaged", "Progress", "bring"]

_CHUNK_SECONDS = 10
_SMALLEST, _LARGEST, _FIRST = 1 << 18, 64 << 20, 4 << 20
_LEAST = 1 << 12
"""A proxy that does not let even so little through takes no uploads at all."""
_PIECE = 1 << 16
_LARGE_PIECE = 1 << 20
_RATE_SECONDS = 15.0
_SETTLING = 1.0
_MOST_TRIES = 3
"""Chunks in a row that may not count before it is a failure."""
_CODES = {
    "gone": "http-not-found",
    "elsewhere": "case-offset",
    "mismatch": "case-checksum",
    "damaged": "case-checksum",
    "large": "http-too-large",
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
        raise failure("case-too-large", "service", server, detail=f"it takes {size(offers.most_bytes)}")
    location = record.location if record.server == server.authority else ""
    offset: int | None = None
    for _ in range(_MOST_TRIES):
        if not location:
            location = await tus.create(record.packed_bytes, about, tidy=offers.termination)
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
                chunk=_at_most(_chunk_bytes(rate) if rate else _FIRST, tus.most_chunk),
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
    """A chunk takes seconds, not minutes, as far as the rate is known: a cut connection costs one at most."""
    return int(min(_LARGEST, max(_SMALLEST, rate * _CHUNK_SECONDS)))


def _at_most(chunk: int, most: int | None) -> int:
    return chunk if most is None else min(chunk, most)


@dataclass(slots=True)
class _Sending:
    """The chunks of one upload. Each is read twice: hashed while the one before goes out, then sent."""

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
        ahead = self._look(offset)
        try:
            while offset < self.size:
                size, digest = await ahead
                ahead = self._look(offset + size)
                began = time.monotonic()
                pieces = self._pieces(offset, size)
                checksum = (self.algorithm, digest) if self.algorithm else None
                answer = await self.tus.append(self.location, offset, size, pieces, checksum)
                if answer == offset + size:
                    self.progress.counted += size
                    offset, tries = offset + size, 0
                    fitting = _chunk_bytes(size / max(0.001, time.monotonic() - began))
                    self.chunk = _at_most(fitting, self.tus.most_chunk)
                elif answer == "large" and size > _LEAST:
                    self.chunk = self.tus.most_chunk = max(_LEAST, size // 2)
                    await _over(ahead)
                    ahead = self._look(offset)
                else:
                    tries += 1
                    lasting = answer in {"gone", "damaged", "large"}
                    if isinstance(answer, str) and (lasting or tries >= _MOST_TRIES):
                        return answer
                    found = await self.tus.offset(self.location, self.size)
                    if found is None:
                        return "gone"
                    offset = found
                    await _over(ahead)
                    ahead = self._look(offset)
                self.progress.stand(offset)
        finally:
            await _over(ahead)  # the thread must not outlive the file's other users
        return None

    def _look(self, offset: int) -> "asyncio.Future[tuple[int, bytes]]":
        """The size of the chunk at `offset`, and its digest."""
        size = max(0, min(self.chunk, self.size - offset))
        return asyncio.ensure_future(asyncio.to_thread(_hashed, self.pack, offset, size, self.algorithm))

    async def _pieces(self, offset: int, size: int) -> AsyncIterator[bytes]:
        end = offset + size
        while offset < end:
            data = await asyncio.to_thread(_read, self.pack, offset, min(self.piece, end - offset))
            yield data
            offset += len(data)
            self.progress.stand(offset)


async def _over(looking: "asyncio.Future[tuple[int, bytes]]") -> None:
    """Wait until the thread has read ahead; nobody needs what it has read."""
    await asyncio.wait({looking})
    if not looking.cancelled():
        looking.exception()


def _hashed(pack: Path, offset: int, size: int, algorithm: str) -> tuple[int, bytes]:
    """Raises PackDamaged when the file cannot give so much."""
    seen = hashlib.new(algorithm or "sha256")
    end = offset + size if algorithm else offset
    while offset < end:
        data = _read(pack, offset, min(_LARGE_PIECE, end - offset))
        seen.update(data)
        offset += len(data)
    return size, seen.digest()


def _read(pack: Path, offset: int, size: int) -> bytes:
    """Raises PackDamaged when there is nothing to read."""
    try:
        with pack.open("rb", buffering=0) as file:
            data = os.pread(file.fileno(), size, offset)
    except OSError:
        raise PackDamaged from None
    if not data:
        raise PackDamaged
    return data


def _digest(pack: Path) -> str:
    try:
        with pack.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise PackDamaged from None
