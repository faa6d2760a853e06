"""Blobs as objects of an S3 bucket. A name is given by a conditional put (RFC 9110, `If-None-Match: *`)."""

import errno
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import BufferedReader
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import S3Store

from tm_tui.portal.blobs.store import (
    Blob,
    BlobAbsent,
    BlobExists,
    BlobsAway,
    BlobsFailed,
    BlobsFull,
    checked_name,
)
from tm_tui.portal.breaker import Breaker
from tm_tui.text import safe_text

__all__ = ["S3Blobs"]

_AT_ONCE = 64 << 20
"""Bytes that are put in one request, which alone can be conditional: batches and parts of cases have less."""
_BUFFER = 4 << 20
_ABSENT = (NotFoundError, FileNotFoundError)
_STATUS = re.compile(r"status code: ([0-9]{3})")
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_AWAY = frozenset({"408", "429", "500", "502", "503", "504"})
_FULL = frozenset({"507", "QuotaExceeded", "XMinioStorageFull"})
_LOOK, _MOVE = "10s", "60s"
"""For a request that asks, or moves less than a MiB, and for one that moves more."""
_SMALL = 1 << 20
_RETRY: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=5)}


class _Reader(io.RawIOBase):
    """One object, fetched piece by piece: a slow reader keeps no request open."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        piece = self._fetch(self._at, end)
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def readall(self) -> bytes:
        """The rest; the base class would ask for 8 KiB at a time."""
        pieces = []
        while self._at < self._size:
            end = min(self._at + _BUFFER, self._size)
            pieces.append(self._fetch(self._at, end))
            self._at = end
        return b"".join(pieces)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        return self._at


class S3Blobs:
    """`bucket/prefix/<name>`. `config` is obstore's: endpoint, region, keys.

    A server that is away, or silent, is BlobsAway within 15 seconds, or 65 where many bytes were under way;
    where one waited in vain, those behind are told at once.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        config: Mapping[str, Any],
        *,
        plain: bool = False,
        at_once: int = _AT_ONCE,
    ) -> None:
        def store(seconds: str) -> S3Store:
            client: Any = {"connect_timeout": "5s", "timeout": seconds, "allow_http": plain}
            return S3Store(
                bucket,
                prefix=prefix or None,
                config=dict(config),  # type: ignore[arg-type] # the keys are checked by the library
                client_options=client,
                retry_config=_RETRY,
            )

        self._at_once = at_once
        self._looks, self._moves = store(_LOOK), store(_MOVE)
        self._breaker = Breaker(_told)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Ask the server in the block. Raises BlobAbsent, BlobExists, BlobsFailed."""
        with self._breaker.asking():
            try:
                yield
            except AlreadyExistsError:
                raise BlobExists(errno.EEXIST, os.strerror(errno.EEXIST)) from None
            except _ABSENT:
                raise BlobAbsent(errno.ENOENT, os.strerror(errno.ENOENT)) from None
            except BaseError as error:
                raise _failed(error) from None

    def put(self, name: str, source: Path) -> None:
        """Send the file in one request; more than 64 MiB in parts, after a look that the name is free.

        A reply that was lost makes a repeat meet its own name: that too is BlobExists.
        """
        name = checked_name(name)
        size = source.stat().st_size
        if size > _SMALL:
            self._look_for(name)
        if size > self._at_once:
            with self._asking(), _no_bucket():
                obstore.put(self._moves, name, source, use_multipart=True, max_concurrency=2)
            return
        data = source.read_bytes()
        with self._asking(), _no_bucket():
            obstore.put(self._of(size), name, data, mode="create", use_multipart=False)

    def _of(self, size: int) -> S3Store:
        return self._looks if size <= _SMALL else self._moves

    def _look_for(self, name: str) -> None:
        """Before much is sent: whether anybody answers. Raises BlobExists, BlobsFailed."""
        with suppress(BlobAbsent):
            self.size(name)
            raise BlobExists(errno.EEXIST, os.strerror(errno.EEXIST))

    def open(self, name: str) -> BufferedReader:
        """Read it by ranges."""
        size = self.size(name)

        def fetch(start: int, end: int) -> bytes:
            with self._asking():
                return bytes(obstore.get_range(self._of(end - start), name, start=start, end=end))

        return BufferedReader(_Reader(fetch, size), _BUFFER)

    def list(self, prefix: str) -> Iterator[Blob]:
        """Page by page."""
        pages = iter(obstore.list(self._looks, prefix.removesuffix("/") or None))
        while True:
            with self._asking(), _no_bucket():
                page = next(pages, None)
            if page is None:
                return
            for one in page:
                yield Blob(one["path"], one["size"], one["last_modified"].timestamp())

    def size(self, name: str) -> int:
        """As the server says."""
        with self._asking():
            return int(obstore.head(self._looks, checked_name(name))["size"])

    def delete(self, name: str) -> None:
        """Delete the object."""
        with suppress(BlobAbsent), self._asking():
            obstore.delete(self._looks, checked_name(name))


@contextmanager
def _no_bucket() -> Iterator[None]:
    """What is absent here is the bucket. Raises BlobsFailed."""
    try:
        yield
    except _ABSENT as error:
        raise _failed(error) from None


def _failed(error: Exception) -> BlobsFailed:
    """What the server says, or the library: behind its first line comes its own structure."""
    words = str(error)
    status, code, said = _STATUS.search(words), _CODE.search(words), _MESSAGE.search(words)
    if status is None:
        _, away, reason = words.partition(chr(10))[0].rpartition("HTTP error: ")
        if not away:
            return BlobsFailed(f"the object store fails: {safe_text(reason, 200)}")
        return BlobsAway(f"the object store does not answer: {safe_text(reason, 200)}")
    why = f"the object store answers {status[1]}" + (f": {safe_text(said[1], 200)}" if said else "")
    if status[1] in _FULL or (code and code[1] in _FULL):
        return BlobsFull(why)
    return BlobsAway(why) if status[1] in _AWAY else BlobsFailed(why)


def _told(error: BaseException) -> BlobsAway | None:
    return BlobsAway(error.why) if isinstance(error, BlobsAway) else None
