"""How far delivery has come, in a file of fixed size.

It can be written when the disk is full, with one fsync.

Two slots are written in turn, each with a number and a checksum, so that a torn write leaves the other whole.
"""

import json
import os
import zlib
from contextlib import suppress
from pathlib import Path

__all__ = ["Marks", "Newest"]

_SLOT = 512
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Marks:
    """A small mapping of names to whole numbers that survives kill -9, power loss and a full disk.

    Raises OSError where the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, _FLAGS, 0o600)
        self._number, self._values = self._newest(os.pread(self._file, 2 * _SLOT, 0))
        if os.fstat(self._file).st_size < 2 * _SLOT:
            os.pwrite(self._file, b" " * (2 * _SLOT), 0)
            self._write()

    def get(self, name: str, default: int = 0) -> int:
        """The value kept under `name`."""
        return self._values.get(name, default)

    def values(self) -> dict[str, int]:
        """All of them."""
        return dict(self._values)

    def put(self, **values: int) -> None:
        """Keep values; they are on the disk when this returns."""
        self._values |= values
        self._write()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self) -> None:
        self._number += 1
        text = json.dumps({"number": self._number, "values": self._values}).encode()
        slot = b"%08x %s" % (zlib.crc32(text), text)
        if len(slot) >= _SLOT:
            raise ValueError("The marks outgrow their slot.")
        os.pwrite(self._file, slot.ljust(_SLOT - 1) + b"\n", (self._number % 2) * _SLOT)
        os.fdatasync(self._file)

    @staticmethod
    def _newest(data: bytes) -> tuple[int, dict[str, int]]:
        found = [slot for slot in (_read(data[:_SLOT]), _read(data[_SLOT:])) if slot]
        return max(found, key=lambda slot: slot[0], default=(0, {}))


class Newest:
    """The newest number given to an event, noted at each commit without waiting for the disk.

    The events themselves are waited for. Should damage cut off their end, this tells how many there were.
    Raises OSError when it is opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, _FLAGS, 0o600)
        text, _, check = os.pread(self._file, _SLOT, 0).partition(b" ")
        self.number = int(text) if text.isdigit() and check == _check(text) else 0

    def note(self, number: int) -> None:
        """Keep it."""
        self.number = number
        text = b"%020d" % number
        with suppress(OSError):
            os.pwrite(self._file, text + b" " + _check(text), 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _check(text: bytes) -> bytes:
    return b"%08x\n" % zlib.crc32(text)


def _read(slot: bytes) -> tuple[int, dict[str, int]] | None:
    head, _, text = slot.strip().partition(b" ")
    if not text or head != b"%08x" % zlib.crc32(text):
        return None
    content = json.loads(text)
    return content["number"], content["values"]
