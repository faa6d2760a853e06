"""What the spool keeps in files of fixed size, so that a full disk cannot keep it from being written.

It is how far delivery has come, and the clock by which waiting events age. Two slots are written in turn,
each with a number and a checksum, so that a torn write leaves the other whole.
"""

import json
import os
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tm_tui.atomic import overwrite
from tm_tui.clock import boot_id

__all__ = ["AgeClock", "Kept", "Marks", "Newest", "newest_copy"]

_SLOT = 512
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_MOST = 1 << 62


class Marks:
    """A small mapping of names to whole numbers that survives kill -9, power loss and a full disk.

    Raises OSError where the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, _FLAGS, 0o600)
        found = os.pread(self._file, 2 * _SLOT, 0)
        slots = [slot for slot in (_read(found[:_SLOT]), _read(found[_SLOT:])) if slot]
        self._number, self._values = max(slots, key=lambda slot: slot[0], default=(0, {}))
        self.lost = not slots
        """None can be read, or the spool is new."""
        if os.fstat(self._file).st_size < 2 * _SLOT:
            os.pwrite(self._file, found.ljust(2 * _SLOT), 0)
            self._write()

    def get(self, name: str, default: int = 0) -> int:
        """The value kept under `name`."""
        return self._values.get(name, default)

    def put(self, **values: int) -> None:
        """Keep values; they are on the disk when this returns."""
        self._values |= values
        self._write()

    def copy(self) -> str:
        """All of them, to be kept in another place too."""
        return _slot(self._number, self._values).decode()

    def mend(self, copy: str) -> None:
        """Take over what a copy knows better: what was noted before does not grow less."""
        if (found := _read(copy.encode())) is None:
            return
        self.lost = False
        if better := {name: value for name, value in found[1].items() if value > self.get(name)}:
            self._number = max(self._number, found[0])
            self.put(**better)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self) -> None:
        self._number += 1
        slot = _slot(self._number, self._values)
        if len(slot) >= _SLOT:
            raise ValueError("The marks outgrow their slot.")
        overwrite(self._file, slot.ljust(_SLOT - 1) + b"\n", (self._number % 2) * _SLOT)


class Kept(NamedTuple):
    """What `Newest` holds."""

    number: int = 0
    """The newest number given to an event."""
    age: int = 0
    """The spool's own clock (AgeClock) in milliseconds,"""
    monotonic: int = 0
    """what the machine's showed then,"""
    boot: str = ""
    """and in which boot that was; empty where nothing could be read."""


class Newest:
    """The newest number given to an event, and the spool's own clock, noted without waiting for the disk.

    The events themselves are waited for. Should damage cut off their end, this tells how many there were.
    Raises OSError when it is opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, _FLAGS, 0o600)
        self.kept = _kept(os.pread(self._file, _SLOT, 0).partition(b"\n")[0])
        self.lost = self.kept == Kept()
        """Nothing can be read, or the spool is new."""

    def note(self, kept: Kept) -> None:
        """Keep it."""
        self.kept = kept
        text = b"%020d %020d %020d %s" % (kept.number, kept.age, kept.monotonic, kept.boot.encode())
        with suppress(OSError):
            os.pwrite(self._file, b"%s %08x\n" % (text, zlib.crc32(text)), 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def newest_copy(copies: Iterable[str]) -> str | None:
    """The newest of some copies of marks, if any can be read."""
    found = [(slot[0], copy) for copy in copies if (slot := _read(copy.encode()))]
    return max(found, default=(0, None))[1]


def _kept(text: bytes) -> Kept:
    body, _, check = text.rpartition(b" ")
    if not body or check != b"%08x" % zlib.crc32(body):  # the check of nothing is eight zeros
        return Kept()
    number, *rest = body.decode().split(" ")
    return Kept(int(number), int(rest[0]), int(rest[1]), rest[2]) if rest else Kept(int(number))


def _slot(number: int, values: dict[str, int]) -> bytes:
    text = json.dumps({"number": number, "values": values}).encode()
    return b"%08x %s" % (zlib.crc32(text), text)


def _read(slot: bytes) -> tuple[int, dict[str, int]] | None:
    head, _, text = slot.strip().partition(b" ")
    if not text or head != b"%08x" % zlib.crc32(text):
        return None
    content = json.loads(text)
    values = {name: value for name, value in content["values"].items() if 0 <= value < _MOST}
    return content["number"], values


class AgeClock:
    """Milliseconds that never step, kept through restarts beside the newest number.

    `monotonic` gives seconds of this boot, `boot` names it. `oldest` is the reading at which the oldest event
    that waits was accepted: with nothing kept, the clock goes on from there, as if all had just come.
    """

    def __init__(
        self, newest: Newest, monotonic: Callable[[], float], oldest: int | None, boot: str | None = None
    ) -> None:
        self._newest, self._monotonic = newest, monotonic
        self._boot = (boot_id() if boot is None else boot) or "unknown"
        kept, now = newest.kept, self._now()
        self._began, self._at = kept.age if kept.boot else oldest or 0, now
        if kept.boot == self._boot and kept.monotonic <= now:
            self._at = kept.monotonic

    def now(self) -> int:
        """The reading of this moment."""
        return self._reading(self._now())

    def _reading(self, now: int) -> int:
        return self._began + max(0, now - self._at)

    def keep(self, number: int | None = None) -> None:
        """Note it, with the newest event's number if there is a newer one."""
        kept, now = self._newest.kept, self._now()
        number = kept.number if number is None else number
        self._newest.note(Kept(number, self._reading(now), now, self._boot))

    def _now(self) -> int:
        return round(self._monotonic() * 1000)
