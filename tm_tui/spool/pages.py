"""Rows out of what is left of an SQLite database, page by page: no damage hides what stands elsewhere.

SQLite reaches a row from the first page down through the tree; one bad page there and thousands of whole rows
are out of its reach. Here every page that looks like a leaf of a table is read: in the database, in its log,
and among those that are free by now. So rows come more than once, old ones too: the caller judges them.

Format: https://www.sqlite.org/fileformat2.html, sections 1.6 (leaf pages, overflow), 2.1 (records), 4 (log).
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

__all__ = ["DATABASE_MAGIC", "LOG_MAGIC", "PAGE", "Place", "Remains", "Value"]

PAGE = 4096
DATABASE_MAGIC, LOG_MAGIC = b"SQLite format 3\0", b"\x37\x7f\x06"
_LOG_HEADER, _FRAME_HEADER = 32, 24
_FRAME = _FRAME_HEADER + PAGE
_LEAF = 0x0D
_FIRST_PAGE_HEADER = 100
_MOST_LOCAL = PAGE - 35
_LEAST_LOCAL = (PAGE - 12) * 32 // 255 - 23
_MOST_PAYLOAD = 64 << 20
_MOST_COLUMNS = 32
_MOST_PAGES = 4 << 20
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}

Value = int | bytes | None
"""Text comes as bytes: who asks decides whether it can be read."""
_View = dict[int, int]
"""Which frame of a log holds a page."""


class Place(NamedTuple):
    """Where a row stands. In the order of rows by their keys."""

    key: int
    columns: int
    source: int
    page: int
    offset: int
    view: int


@dataclass(frozen=True, slots=True)
class _Source:
    """A file of pages: a database, or a log of them with a header before each."""

    descriptor: int
    pages: int
    before: int
    step: int

    def page(self, index: int) -> bytes:
        """One page, from 0; empty where the disk gives nothing."""
        with suppress(OSError):
            found = os.pread(self.descriptor, PAGE, self.before + index * self.step)
            return found if len(found) == PAGE else found + bytes(PAGE - len(found)) if found else b""
        return b""


class Remains:
    """The files of a database and of its logs, open for reading. Use it as a context manager."""

    def __init__(self, databases: Sequence[Path], logs: Sequence[Path]) -> None:
        self._sources: list[_Source] = []
        self._base: list[int] = []
        self._views: list[tuple[int, _View]] = [(-1, {})]
        """A log's source and what it holds of one generation; the first is no log at all."""
        self._of_frame: dict[tuple[int, int], tuple[int, int]] = {}
        for path in databases:
            if (source := self._open(path, 0, PAGE)) is not None:
                self._base.append(source)
        for path in logs:
            if (source := self._open(path, _LOG_HEADER + _FRAME_HEADER, _FRAME)) is not None:
                self._read_log(source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for source in self._sources:
            os.close(source.descriptor)

    def _open(self, path: Path, before: int, step: int) -> int | None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        size = max(0, os.fstat(descriptor).st_size - before)
        pages = min(_MOST_PAGES, -(-size // step))
        self._sources.append(_Source(descriptor, pages, before, step))
        return len(self._sources) - 1

    def _read_log(self, number: int) -> None:
        """Sort the frames of a log by their salts: each generation of the log has its own."""
        source, generations = self._sources[number], dict[bytes, int]()
        counts: Counter[int] = Counter()
        for index in range(source.pages):
            head = b""
            with suppress(OSError):
                head = os.pread(source.descriptor, _FRAME_HEADER, _LOG_HEADER + index * _FRAME)
            page, salts = int.from_bytes(head[:4]), head[8:16]
            if salts not in generations:
                generations[salts] = len(self._views)
                self._views.append((number, {}))
            view = generations[salts]
            self._views[view][1][page] = index
            self._of_frame[number, index] = page, view
            if page:  # else it is room that was never used
                counts[view] += 1
        if counts:
            self._newest = counts.most_common(1)[0][0]

    _newest = 0
    """The view of the largest generation: what lies over the database."""

    # --- rows

    def places(self) -> Iterator[Place]:
        """Every row that there seems to be, unsorted; some more than once."""
        for number, source in enumerate(self._sources):
            for index in range(source.pages):
                page = source.page(index)
                if number in self._base:
                    views = {0, self._newest}
                    start = 0 if index else _FIRST_PAGE_HEADER
                else:
                    at, view = self._of_frame[number, index]
                    views, start = {view}, _FIRST_PAGE_HEADER if at == 1 else 0
                for offset in _cells(page, start):
                    for view in views if _overflows(page, offset) else sorted(views)[:1]:
                        key, columns = _head(page, offset)
                        if columns:
                            yield Place(key, columns, number, index, offset, view)

    def values(self, place: Place) -> tuple[Value, ...]:
        """The columns of a row, () if they make none; the last one is cut where the rest cannot be read."""
        page = self._sources[place.source].page(place.page)
        size, at = _varint(page, place.offset)
        _, at = _varint(page, at)
        local = _local(size)
        payload = page[at : at + local]
        if local < size:
            payload += self._overflow(page[at + local : at + local + 4], size - local, place)
        return _record(payload)

    def _overflow(self, pointer: bytes, size: int, place: Place) -> bytes:
        parts: list[bytes] = []
        for _ in range(-(-size // (PAGE - 4))):
            page = self._page(int.from_bytes(pointer), place)
            if not page:
                break
            pointer = page[:4]
            parts.append(page[4:])
        return b"".join(parts)[:size]

    def _page(self, number: int, place: Place) -> bytes:
        """A page by its number, as a place's view shows it."""
        source, view = self._views[place.view]
        if number in view:
            return self._sources[source].page(view[number])
        base = place.source if place.source in self._base else next(iter(self._base), None)
        if base is None or not 0 < number <= self._sources[base].pages:
            return b""
        return self._sources[base].page(number - 1)


def _cells(page: bytes, start: int) -> Iterator[int]:
    """Where the cells of a leaf page begin; nothing for another page."""
    if len(page) < PAGE or page[start] != _LEAF:
        return
    count = int.from_bytes(page[start + 3 : start + 5])
    for pointer in range(start + 8, min(start + 8 + 2 * count, PAGE - 1), 2):
        offset = int.from_bytes(page[pointer : pointer + 2])
        if start + 8 < offset < PAGE - 4:
            yield offset


def _local(size: int) -> int:
    """How many bytes of a payload stand in its cell."""
    if size <= _MOST_LOCAL:
        return size
    kept = _LEAST_LOCAL + (size - _LEAST_LOCAL) % (PAGE - 4)
    return kept if kept <= _MOST_LOCAL else _LEAST_LOCAL


def _overflows(page: bytes, offset: int) -> bool:
    return _varint(page, offset)[0] > _MOST_LOCAL


def _head(page: bytes, offset: int) -> tuple[int, int]:
    """The key of a row and how many columns it has; 0 columns: this is no row."""
    size, at = _varint(page, offset)
    key, at = _varint(page, at)
    if not 0 < size <= _MOST_PAYLOAD:
        return 0, 0
    return key, len(_types(page[at:])[0])


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends (section 1.6)."""
    number = 0
    for place in range(at, min(at + 8, len(data))):
        number = number << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return number, place + 1
    if at + 8 < len(data):
        number = number << 8 | data[at + 8]
    return number - (1 << 64) if number >= 1 << 63 else number, at + 9


def _types(payload: bytes) -> tuple[list[int], int]:
    """What a record's columns are, and where they begin; none if this is no record."""
    end, at = _varint(payload, 0)
    types: list[int] = []
    while at < end <= len(payload) and len(types) < _MOST_COLUMNS:
        kind, at = _varint(payload, at)
        types.append(kind)
    return (types, end) if at == end else ([], 0)


def _record(payload: bytes) -> tuple[Value, ...]:
    types, at = _types(payload)
    values: list[Value] = []
    for kind in types:
        size = _INTEGERS.get(kind, (kind - 12) // 2 if kind >= 12 else 0)
        part = payload[at : at + size]
        at += size
        if kind in _INTEGERS:
            values.append(int.from_bytes(part, signed=True))
        elif kind >= 12:
            values.append(part)
        else:
            values.append({8: 0, 9: 1}.get(kind))
    return tuple(values)
