"""Packing a case: its files under safe names and a manifest, as one tar.zst or zip. Blocks: for a thread.

A file that changes while it is read is packed as it was found, and told.
"""

import hashlib
import json
import os
import stat
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import zstandard

from tm_tui.atomic import Folder, storage_failure
from tm_tui.cases.names import Names, shown
from tm_tui.cases.sources import Entry, Sources
from tm_tui.errors import StorageFailed, TmError

__all__ = ["Form", "Limits", "Packed", "PackingStopped", "Taken", "pack"]

Form = Literal["tar.zst", "zip"]

_BLOCK = 1 << 18
_LOOK_AT_DISK = 16 << 20
_LEVEL = 3
_LATEST = 4_000_000_000.0  # 2096


@dataclass(frozen=True, slots=True)
class Limits:
    """What a case may hold, and what must stay free on the disk: the log queue needs it more."""

    files: int = 20_000
    bytes: int = 8 << 30
    reserve: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that was packed, as it was found."""

    path: Path
    identity: tuple[int, int, int, int]


@dataclass(slots=True)
class Packed:
    """What came of it. `notes` tells what was left out or changed meanwhile."""

    files: int = 0
    bytes: int = 0
    packed_bytes: int = 0
    sha256: str = ""
    notes: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)


class PackingStopped(Exception):
    """Somebody gave the case up, or the agent ends."""


class _Archive(Protocol):
    def add(self, name: str, size: int, modified: float, content: "IO[bytes]") -> None: ...


def pack(
    sources: Sources,
    chosen: Sequence[Path],
    target: Path,
    form: Form,
    about: dict[str, Any],
    *,
    stop: threading.Event,
    told: Callable[[int], None] = lambda _: None,
    limits: Limits | None = None,
) -> Packed:
    """Write `target`, fsynced. `told` hears how many bytes were read. Raises TmError, PackingStopped."""
    packing = _Packing(limits or Limits(), stop, told)
    try:
        with _written(target, packing.look_at_disk) as out, _archive(form, out) as archive:
            for source in chosen:
                for entry in sources.walk(source):
                    packing.take(entry, archive)
            packing.finish(archive, about)
        packing.done.packed_bytes, packing.done.sha256 = out.size, out.seen.hexdigest()
    except OSError as error:
        raise storage_failure(target, error) from None
    return packing.done


class _Packing:
    """One case on its way into an archive."""

    def __init__(self, limits: Limits, stop: threading.Event, told: Callable[[int], None]) -> None:
        self._limits, self._stop, self._told = limits, stop, told
        self._names = Names()
        self._listed: list[dict[str, Any]] = []
        self._left_out: list[dict[str, str]] = []
        self.done = Packed()

    def take(self, entry: Entry, archive: _Archive) -> None:
        """Pack one file, or write down why not."""
        path = shown(entry.path)
        if self._stop.is_set():
            raise PackingStopped
        if len(self._listed) + len(self._left_out) >= self._limits.files:
            cause = f"A case holds at most {self._limits.files} files, and there are more."
            raise TmError(cause, "Choose fewer, or pack them yourself and submit that file.")
        if entry.descriptor is None:
            self._left_out.append({"path": path, "why": entry.why})
            self.done.notes.append(f"{path} {entry.why}: left out.")
            return
        before = os.fstat(entry.descriptor)
        if self.done.bytes + before.st_size > self._limits.bytes:
            cause = f"A case holds at most {self._limits.bytes >> 20} MiB, and this is more."
            raise TmError(cause, "Choose less.")
        content = _Content(entry.descriptor, before.st_size, self._stop)
        name = self._names.name_for(entry.path)
        archive.add(name, before.st_size, _sane(before.st_mtime), content)  # type: ignore[arg-type]  # read is all
        changed = content.short or _state(os.fstat(entry.descriptor)) != _state(before)
        self.done.files += 1
        self.done.bytes += before.st_size
        self._told(self.done.bytes)
        modified = datetime.fromtimestamp(_sane(before.st_mtime), UTC).isoformat()
        told = {"name": name, "path": path, "bytes": before.st_size, "sha256": content.seen.hexdigest()}
        self._listed.append({**told, "modified_at": modified, "changed_while_packed": changed})
        if changed:
            self.done.notes.append(f"{path} changed while it was packed.")
        elif entry.full is not None:
            self.done.taken.append(Taken(entry.full, _state(before)))

    def finish(self, archive: _Archive, about: dict[str, Any]) -> None:
        """Write the manifest, which says what all the rest is."""
        if not self._listed:
            raise TmError("There is no file in what was chosen.", "Choose files, or a folder that has some.")
        manifest = {"manifest": 1, **about, "files": self._listed, "left_out": self._left_out}
        raw = json.dumps(manifest, indent=1).encode()
        archive.add("manifest.json", len(raw), time.time(), BytesIO(raw))

    def look_at_disk(self, folder: Path) -> None:
        """Leave room for what matters more than a case."""
        found = os.statvfs(folder)
        if found.f_bavail * found.f_frsize < self._limits.reserve:
            left = f"{self._limits.reserve >> 20} MiB"
            cause = f"The disk is nearly full: packing would leave less than {left} free."
            raise StorageFailed(cause, "Make room on this disk, or choose fewer files.")


def _sane(moment: float) -> float:
    """A time that every archive format can hold: files may bear any."""
    return min(max(0.0, moment), _LATEST)


def _state(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class _Content:
    """A file's bytes, exactly as many as were announced: what is missing in the end is zeros."""

    def __init__(self, descriptor: int, size: int, stop: threading.Event) -> None:
        self._descriptor, self._left, self._stop = descriptor, size, stop
        self.seen = hashlib.sha256()
        self.short = False

    def read(self, size: int = -1) -> bytes:
        if self._stop.is_set():
            raise PackingStopped
        wanted = min(self._left, _BLOCK if size < 0 else size)
        data = b""
        while len(data) < wanted and not self.short:
            piece = os.read(self._descriptor, wanted - len(data))
            self.short = not piece
            data += piece
        data += bytes(wanted - len(data))
        self._left -= len(data)
        self.seen.update(data)
        return data


class _Out(BufferedIOBase):
    """The archive's file: counted, hashed, and the disk looked at now and then."""

    def __init__(self, file: IO[bytes], look: Callable[[], None]) -> None:
        self._file, self._look = file, look
        self.size, self._looked = 0, -_LOOK_AT_DISK
        self.seen = hashlib.sha256()

    def write(self, data: Any) -> int:
        view = memoryview(data)
        if self.size - self._looked >= _LOOK_AT_DISK:
            self._looked = self.size
            self._look()
        self._file.write(view)
        self.seen.update(view)
        self.size += len(view)
        return len(view)


@contextmanager
def _written(target: Path, look: Callable[[Path], None]) -> Iterator[_Out]:
    with Folder.open(target.parent) as folder, folder.written(target.name, _BLOCK) as file:
        yield _Out(file, lambda: look(target.parent))


@contextmanager
def _archive(form: Form, out: _Out) -> Iterator[_Archive]:
    if form == "zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as zipped:
            yield _Zip(zipped)
        return
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    with (
        compressor.stream_writer(out, closefd=False) as writer,  # type: ignore[arg-type]  # write is all it needs
        tarfile.open(mode="w|", fileobj=writer, format=tarfile.PAX_FORMAT, bufsize=_BLOCK) as tar,
    ):
        yield _Tar(tar)


class _Tar:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def add(self, name: str, size: int, modified: float, content: IO[bytes]) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = size, int(modified), stat.S_IRUSR | stat.S_IWUSR
        self._tar.addfile(entry, content)


class _Zip:
    def __init__(self, zipped: zipfile.ZipFile) -> None:
        self._zip = zipped

    def add(self, name: str, size: int, modified: float, content: IO[bytes]) -> None:
        moment = max(time.gmtime(modified)[:6], (1980, 1, 1, 0, 0, 0))  # what the format can say
        entry = zipfile.ZipInfo(name, moment)
        entry.compress_type, entry.file_size = zipfile.ZIP_DEFLATED, size
        entry.external_attr = 0o600 << 16
        with self._zip.open(entry, "w", force_zip64=size >= 1 << 31) as writer:
            while data := content.read(_BLOCK):
                writer.write(data)
