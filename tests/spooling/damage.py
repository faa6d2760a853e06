"""A disk that alters and cuts files: what a spool finds when it is opened again."""

import os
import random
from collections.abc import Sequence
from pathlib import Path

KINDS = ("database", "log", "batches")
LOG = "queue/events.db-wal"
_HEADER, _FRAME = 32, 4120


def without_room(spool: Path) -> None:
    """Cut off what the log never used of its room, so that damage meets what counts."""
    log = spool / LOG
    if log.exists():
        frames = -(-(len(log.read_bytes().rstrip(b"\0")) - _HEADER) // _FRAME)
        os.truncate(log, _HEADER + frames * _FRAME if frames >= 0 else 0)


def files_of(spool: Path, kind: str) -> Sequence[Path]:
    """The files of a spool that may be hit."""
    if kind == "batches":
        return sorted((spool / "batches").glob("*.zst"))
    name = {"database": "events.db", "log": "events.db-wal"}[kind]
    return [path for path in (spool / "queue" / name,) if path.exists() and path.stat().st_size]


def flip(path: Path, chance: random.Random) -> str:
    """Turn one bit round."""
    data = bytearray(path.read_bytes())
    place = chance.randrange(len(data))
    data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(data))
    return f"flipped a bit of {path.name} at {place} of {len(data)}"


def cut(path: Path, chance: random.Random) -> str:
    """Lose the end."""
    size = path.stat().st_size
    left = chance.randrange(size)
    with path.open("r+b") as file:
        file.truncate(left)
    return f"cut {path.name} to {left} of {size}"


def harm(spool: Path, kind: str, chance: random.Random) -> str:
    """Do one or the other to one file of this kind; tells what."""
    if chance.random() < 0.8:
        without_room(spool)
    found = files_of(spool, kind)
    if not found:
        return "nothing to damage"
    return chance.choice((flip, flip, cut))(chance.choice(found), chance)
