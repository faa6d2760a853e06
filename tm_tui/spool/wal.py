"""SQLite silently ends its write-ahead log at the first damaged frame.

Here what stands behind it is won back.

Format: https://www.sqlite.org/fileformat2.html, section 4 (the write-ahead log).
"""

import os
import struct
from pathlib import Path

__all__ = ["mend_header", "mend_wal"]

_HEADER = 32
_FRAME_HEADER = 24
_PAGE = 4096
_FRAME = _FRAME_HEADER + _PAGE
_MAGIC = 0x377F0682  # checksums over little-endian words
_VERSION = 3007000
_DATABASE_HEADER = b"SQLite format 3\0\x10\x00\x02\x02\x00\x40\x20\x20"
"""The first 24 bytes of every database of ours: page size 4096, write-ahead log."""
_DATABASE_HEADER_SIZE = 100
_MOST_DATABASE = 64 << 30


def mend_header(database: Path) -> None:
    """Write a database's constant beginning again, and give a cut file its length.

    SQLite reads nothing of a file that is shorter than it should be; with holes at its end it reads the rest.
    Raises OSError.
    """
    with database.open("r+b") as file:
        header = file.read(_DATABASE_HEADER_SIZE)
        if not header.startswith(_DATABASE_HEADER):
            file.seek(0)
            file.write(_DATABASE_HEADER)
        pages = int.from_bytes(header[28:32])
        size = file.seek(0, os.SEEK_END)
        if size < pages * _PAGE <= _MOST_DATABASE:
            file.truncate(pages * _PAGE)


def mend_wal(wal: Path) -> bool:
    """Make the frames behind a damaged one count again; True if there were any. Raises OSError.

    An end that was only being written is no damage: there is no commit behind it. A page that was altered
    stays altered, so a log that was mended must be read with suspicion (`salvage`).
    """
    try:
        data = bytearray(wal.read_bytes())
    except FileNotFoundError:
        return False
    frames = (len(data) - _HEADER) // _FRAME
    if frames < 1:
        return False
    header_is_good = _header_is_good(data)
    if not header_is_good:
        _make_header(data)
    end = _last_commit(data, frames)
    good = _good_frames(data, end)
    if header_is_good and good == end:
        return False
    _sum_again(data, end)
    wal.write_bytes(data[: _HEADER + end * _FRAME])
    return end > 0


def _checksum(data: bytes | bytearray | memoryview, one: int, two: int) -> tuple[int, int]:
    words = struct.unpack(f"<{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


def _header_is_good(data: bytearray) -> bool:
    magic, version, page = struct.unpack_from(">III", data)
    whole = _checksum(data[:24], 0, 0) == struct.unpack_from(">II", data, 24)
    return (magic, version, page) == (_MAGIC, _VERSION, _PAGE) and whole


def _make_header(data: bytearray) -> None:
    """The salts stand in each frame, the rest is constant or does not matter."""
    salts = data[_HEADER + 8 : _HEADER + 16]
    struct.pack_into(">IIII", data, 0, _MAGIC, _VERSION, _PAGE, 0)
    data[16:24] = salts
    struct.pack_into(">II", data, 24, *_checksum(data[:24], 0, 0))


def _last_commit(data: bytearray, frames: int) -> int:
    """How many frames there are up to the last commit of this log (older logs have other salts)."""
    last = 0
    for number in range(frames):
        at = _HEADER + number * _FRAME
        _, size, *_ = struct.unpack_from(">II", data, at)
        if data[at + 8 : at + 16] == data[16:24] and size:
            last = number + 1
    return last


def _good_frames(data: bytearray, end: int) -> int:
    sums = struct.unpack_from(">II", data, 24)
    view = memoryview(data)
    for number in range(end):
        at = _HEADER + number * _FRAME
        sums = _checksum(view[at : at + 8], *sums)
        sums = _checksum(view[at + _FRAME_HEADER : at + _FRAME], *sums)
        if data[at + 8 : at + 16] != data[16:24] or sums != struct.unpack_from(">II", data, at + 16):
            return number
    return end


def _sum_again(data: bytearray, end: int) -> None:
    sums = struct.unpack_from(">II", data, 24)
    for number in range(end):
        at = _HEADER + number * _FRAME
        sums = _checksum(data[at : at + 8], *sums)
        sums = _checksum(data[at + _FRAME_HEADER : at + _FRAME], *sums)
        data[at + 8 : at + 16] = data[16:24]
        struct.pack_into(">II", data, at + 16, *sums)
