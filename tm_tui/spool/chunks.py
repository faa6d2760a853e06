"""Between events, chunks and batches: numbering at intake, choosing and checking at sealing."""

import zlib
from array import array
from collections.abc import Callable, Iterable, Sequence

from tm_tui.spoken import count
from tm_tui.spool.batch import checks_of, intact
from tm_tui.spool.events import KINDS
from tm_tui.spool.intake import CheckedEvent
from tm_tui.spool.rows import Chunk

__all__ = ["Note", "joined", "numbered_chunks"]

Note = Callable[[str], None]
"""Takes a whole sentence for the admin about what damage to the disk has cost."""


def numbered_chunks(events: Sequence[CheckedEvent], first: int, at: int) -> list[Chunk]:
    """Give each event its `seq`, counting from `first`, and put those of a kind together."""
    found = []
    for kind in KINDS:
        mine = [(seq, event.body) for seq, event in enumerate(events, first) if event.kind == kind]
        if mine:
            lines = [b'{"seq":%d,%s' % (seq, body[1:]) for seq, body in mine]
            checks = array("I", map(zlib.crc32, lines)).tobytes()
            found.append(
                Chunk(kind, mine[0][0], mine[-1][0], len(mine), at, checks, b"\n".join(lines) + b"\n")
            )
    return found


def joined(chunks: Iterable[Chunk], note: Note) -> tuple[bytes, bytes]:
    """The lines of several chunks and their checksums; lines that the disk has altered are left out."""
    lines: list[bytes] = []
    checks: list[bytes] = []
    for chunk in chunks:
        if checks_of(chunk.lines) == chunk.checks:
            lines.append(chunk.lines)
            checks.append(chunk.checks)
            continue
        whole = intact(chunk.lines.splitlines(), chunk.checks)
        altered = count(chunk.events - len(whole), "event")
        note(f"The disk has altered {altered} in the log queue: left out.")
        lines += [line + b"\n" for line in whole]
        checks.append(array("I", map(zlib.crc32, whole)).tobytes())
    return b"".join(lines), b"".join(checks)
