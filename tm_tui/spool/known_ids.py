"""The ids that producers gave of late.

A producer that repeats itself after a lost answer is not taken twice.
"""

import re
import zlib
from collections import deque

from tm_tui.spool.batch import intact
from tm_tui.spool.database import SpoolDatabase
from tm_tui.spool.events import KINDS

__all__ = ["KnownIds", "is_lot"]

_WINDOW = 32_768
_LOTS = 1024
# No text in an event can look like this key. Ids made at intake stand first, and nobody repeats them.
_ID = re.compile(rb'^\{"seq":[0-9]+,(?!"id":"tm-[0-9a-f]{16}-)(.*"id"\s*:\s*"([^"]+)".*)', re.MULTILINE)

_LOT = re.compile(r"[0-9a-f]{8} [^\s]{1,64}(\n[0-9a-f]{8} [^\s]{1,64})*")


def is_lot(text: object) -> bool:
    """Whether this is a lot of ids as they are kept: a checksum and an id a line."""
    return isinstance(text, str) and _LOT.fullmatch(text) is not None


class KnownIds:
    """The newest 32,768 given ids, each with a checksum of its content.

    They are kept with the batches that are sealed; those of events not sealed yet are read from these at
    start.
    """

    def __init__(self, database: SpoolDatabase) -> None:
        self._ids: dict[str, int] = {}
        self._fresh: dict[str, int] = {}
        self._lots: deque[tuple[int, int]] = deque()
        for number, lot in database.known():
            if not is_lot(lot):
                continue
            names = [line.partition(" ") for line in lot.splitlines()]
            self._ids |= {name: int(check, 16) for check, _, name in names}
            self._lots.append((number, len(names)))
        self._next = self._lots[-1][0] + 1 if self._lots else 1
        for kind in KINDS:
            for chunk in database.newest(kind, _WINDOW):
                self._read(b"\n".join(intact(chunk.lines.splitlines(), chunk.checks)))
        self._trim()

    def _read(self, lines: bytes) -> None:
        for found in _ID.finditer(lines):
            self._ids[found[2].decode()] = self._fresh[found[2].decode()] = zlib.crc32(b"{" + found[1])

    def repeated(self, name: str, body: bytes) -> bool | None:
        """None: a new id, noted now. True: the same event again. False: another event under this id."""
        check = zlib.crc32(body)
        before = self._ids.get(name)
        if before is not None:
            return before == check
        self._ids[name] = self._fresh[name] = check
        return None

    def withdraw(self, names: list[str]) -> None:
        """Take notes back whose events did not reach the disk."""
        for name in names:
            self._ids.pop(name, None)
            self._fresh.pop(name, None)

    def save(self, database: SpoolDatabase) -> None:
        """Keep what is new (within the transaction that deletes the events)."""
        if self._fresh:
            lot = "\n".join(f"{check:08x} {name}" for name, check in self._fresh.items())
            database.know(self._next, lot, self._lots[0][0] if self._lots else 0)

    def saved(self) -> None:
        """The transaction is on the disk."""
        if self._fresh:
            self._lots.append((self._next, len(self._fresh)))
            self._next += 1
            self._fresh = {}
        while self._lots and (
            len(self._lots) > _LOTS or sum(size for _, size in self._lots) - self._lots[0][1] > _WINDOW
        ):
            self._lots.popleft()
        self._trim()

    def _trim(self) -> None:
        while len(self._ids) > 2 * _WINDOW:
            for name in list(self._ids)[:_WINDOW]:
                del self._ids[name]
