"""A case's bytes on this machine's disk: appended to one file, which gets its name when it is whole."""

import asyncio
import contextlib
import errno
import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import ClientDisconnect

from tm_tui.portal import cases
from tm_tui.portal.blobs.store import BlobAbsent
from tm_tui.portal.case_parts import Advance, Checksum, too_many, wrong_checksum
from tm_tui.portal.cases import Upload
from tm_tui.tasks import threaded

__all__ = ["CaseFiles"]

_WRITE_BYTES = 1 << 20
_RESERVE = 16 << 20


class CaseFiles:
    """`cases/<upload>.part`, and `cases/<Case ID>.<form>` once whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def part(self, upload: str) -> Path:
        """Where an upload in progress lies."""
        return self._folder / f"{upload}.part"

    def file(self, upload: Upload) -> Path:
        """Where a case lies."""
        return self._folder / f"{cases.case_id(upload.number or 0)}.{upload.form}"

    def room(self) -> int:
        """Bytes that a new case may have. Raises OSError."""
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize - _RESERVE

    async def append(
        self, found: Upload, chunks: AsyncIterator[bytes], checksum: Checksum | None, advance: Advance
    ) -> int:
        """Write behind what is there; bytes whose checksum is wrong or missing its end do not stay.

        Raises BlobAbsent when what counts as arrived is lost.
        """
        if await threaded(_size, self.part(found.upload)) < found.arrived:
            raise BlobAbsent(errno.ENOENT, "what arrived before is lost")
        pending, size = bytearray(), found.arrived
        seen = hashlib.new(checksum.algorithm) if checksum else None
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self.part(found.upload), flags, 0o600), "wb", buffering=0) as file:
            await threaded(file.truncate, found.arrived)
            file.seek(found.arrived)
            try:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > found.bytes:
                        raise too_many(found.bytes)
                    pending += chunk
                    if len(pending) >= _WRITE_BYTES:
                        await threaded(_put, file.fileno(), bytes(pending), seen)
                        pending.clear()
            except (ClientDisconnect, asyncio.CancelledError):
                if checksum is None:  # what came is right as far as anyone can tell: TLS watches over it
                    await threaded(_put, file.fileno(), bytes(pending), None)
                    await threaded(os.fsync, file.fileno())
                    await advance(file.tell())
                raise
            await threaded(_put, file.fileno(), bytes(pending), seen)
            if checksum and seen and not hmac.compare_digest(seen.digest(), checksum.digest):
                await threaded(file.truncate, found.arrived)
                raise wrong_checksum()
            await threaded(os.fsync, file.fileno())
        return size

    def is_whole(self, found: Upload) -> bool:
        """Whether all bytes are there, and are those that were announced. Raises OSError."""
        path = self.part(found.upload)
        if _size(path) != found.bytes:
            return False
        if not found.sha256:
            return True
        if not found.bytes:
            return hashlib.sha256().hexdigest() == found.sha256
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == found.sha256

    def finish(self, case: Upload) -> None:
        """Give a whole case its name; once more is nothing. Raises OSError."""
        part, file = self.part(case.upload), self.file(case)
        if file.exists():
            part.unlink(missing_ok=True)
            return
        if not case.bytes:
            part.touch(mode=0o600)
        if _size(part) != case.bytes or not part.exists():
            return
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            part.rename(file)
        descriptor = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def drop(self, upload: str) -> None:
        """Forget the bytes of an upload. Raises OSError."""
        self.part(upload).unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _put(descriptor: int, data: bytes, seen: "hashlib._Hash | None") -> None:
    if seen is not None:
        seen.update(data)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
