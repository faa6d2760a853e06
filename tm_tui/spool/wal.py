"""SQLite silently ends its write-ahead log at the first damaged frame: here it is seen.

Format: https://www.sqlite.org/fileformat2.html, section 4 (the write-ahead log).
"""

import struct
from pathlib import Path

from tm_tui.spool.pages import PAGE

__all__ = ["is_whole"]

_HEADER = 32
_FRAME_HEADER = 24
_FRAME = _FRAME_HEADER + PAGE
_MAGIC = 0x377F0682  # checksums over little-endian words


def is_whole(wal: Path) -> bool:
    """Whether SQLite will read all that was committed to this log. Raises OSError.

    An end that was only being written is no damage: there is no commit behind it.
    """
    try:
        data = wal.read_bytes()
    except FileNotFoundError:
        return True
    frames = (len(data) - _HEADER) // _FRAME
    if frames < 1:
        return True
    if not _header_is_good(data):
        return False
    end = _last_commit(data, frames)
    return _good_frames(data, end) == end


def _checksum(data: bytes | memoryview, one: int, two: int) -> tuple[int, int]:
    words = struct.unpack(f"<{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


def _header_is_good(data: bytes) -> bool:
    magic, _, page = struct.unpack_from(">III", data)
    return (magic, page) == (_MAGIC, PAGE) and _checksum(data[:24], 0, 0) == struct.unpack_from(
        ">II", data, 24
    )


def _last_commit(data: bytes, frames: int) -> int:
    """How many frames there are up to the last commit of this log (older logs have other salts)."""
    last = 0
    for number in range(frames):
        at = _HEADER + number * _FRAME
        _, size, *_ = struct.unpack_from(">II", data, at)
        if data[at + 8 : at + 16] == data[16:24] and size:
            last = number + 1
    return last


def _good_frames(data: bytes, end: int) -> int:
    sums = struct.unpack_from(">II", data, 24)
    view = memoryview(data)
    for number in range(end):
        at = _HEADER + number * _FRAME
        sums = _checksum(view[at : at + 8], *sums)
        sums = _checksum(view[at + _FRAME_HEADER : at + _FRAME], *sums)
        if data[at + 8 : at + 16] != data[16:24] or sums != struct.unpack_from(">II", data, at + 16):
            return number
    return end
