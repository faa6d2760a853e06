"""One at a time, among all requests of all processes that share a home: a lock of the kernel's for each name.

Who is killed lets go at once. On a folder that several machines mount, the lock is that of NFS 4.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import struct
from collections.abc import AsyncIterator
from pathlib import Path

from tm_tui.clock import Clock

__all__ = ["turn"]

_LOOK_SECONDS = 0.05
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@contextlib.asynccontextmanager
async def turn(file: Path, name: str, seconds: float, clock: Clock) -> AsyncIterator[None]:
    """Have `name` for us alone while the block runs. Raises TimeoutError after `seconds`, OSError.

    The lock is on one byte of `file`, which stays empty.
    """
    never = asyncio.Event()
    descriptor = os.open(file, _FLAGS, 0o600)
    try:
        place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])
        wanted = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
        async with asyncio.timeout(seconds):
            while not _locked(descriptor, wanted):
                await clock.wait(never, _LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int, wanted: bytes) -> bool:
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
    except BlockingIOError:
        return False
    return True
