"""Blobs as objects of an S3 bucket. A name is given by a conditional put (RFC 9110, `If-None-Match: *`)."""

import errno
import io
import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from io import BufferedReader
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import S3Store

from tm_tui.portal.blobs.store import Blob, BlobAbsent, BlobExists, BlobsFailed, checked_name
from tm_tui.text import safe_text

__all__ = ["S3Blobs"]

_AT_ONCE = 64 << 20
"""Bytes that are put in one request, which alone can be conditional: batches and parts of cases have less."""
_BUFFER = 4 << 20
_ABSENT = (NotFoundError, FileNotFoundError)
_ERRORS = (BaseError, FileNotFoundError)
"""The second one means the bucket, where it does not mean the object."""
_STATUS = re.compile(r"status code: ([0-9]{3})")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_CLIENT = {"connect_timeout": "10s", "timeout": "120s"}
_RETRY: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}


class _Reader(io.RawIOBase):
    """One object, fetched piece by piece: a slow reader keeps no request open."""

    def __init__(self, reader: "obstore.ReadableFile") -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._reader.read(len(buffer))
        except _ERRORS as error:
            raise _failed(error) from None
        buffer[: len(piece)] = memoryview(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()


class S3Blobs:
    """`bucket/prefix/<name>`. `config` is obstore's: endpoint, region, keys."""

    def __init__(
        self,
        bucket: str,
        prefix: str,
        config: Mapping[str, Any],
        *,
        plain: bool = False,
        at_once: int = _AT_ONCE,
    ) -> None:
        client: Any = {**_CLIENT, "allow_http": plain}
        self._at_once = at_once
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            config=dict(config),  # type: ignore[arg-type] # the keys are checked by the library
            client_options=client,
            retry_config=_RETRY,
        )

    def put(self, name: str, source: Path) -> None:
        """Send the file in one request; more than 64 MiB in parts, after a look that the name is free.

        A reply that was lost makes a repeat meet its own name: that too is BlobExists.
        """
        name = checked_name(name)
        if source.stat().st_size > self._at_once:
            self._put_in_parts(name, source)
            return
        data = source.read_bytes()
        try:
            obstore.put(self._store, name, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            raise BlobExists(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        except _ERRORS as error:
            raise _failed(error) from None

    def _put_in_parts(self, name: str, source: Path) -> None:
        try:
            self.size(name)
        except BlobAbsent:
            pass
        else:
            raise BlobExists(errno.EEXIST, os.strerror(errno.EEXIST))
        try:
            obstore.put(self._store, name, source, use_multipart=True, max_concurrency=2)
        except _ERRORS as error:
            raise _failed(error) from None

    def open(self, name: str) -> BufferedReader:
        """Read it by ranges."""
        try:
            found = obstore.open_reader(self._store, checked_name(name), buffer_size=_BUFFER)
        except _ABSENT:
            raise BlobAbsent(errno.ENOENT, os.strerror(errno.ENOENT)) from None
        except _ERRORS as error:
            raise _failed(error) from None
        return BufferedReader(_Reader(found), 1 << 16)

    def list(self, prefix: str) -> Iterator[Blob]:
        """Page by page."""
        try:
            for page in obstore.list(self._store, prefix.removesuffix("/") or None):
                for one in page:
                    yield Blob(one["path"], one["size"], one["last_modified"].timestamp())
        except _ERRORS as error:
            raise _failed(error) from None

    def size(self, name: str) -> int:
        """As the server says."""
        try:
            return int(obstore.head(self._store, checked_name(name))["size"])
        except _ABSENT:
            raise BlobAbsent(errno.ENOENT, os.strerror(errno.ENOENT)) from None
        except _ERRORS as error:
            raise _failed(error) from None

    def delete(self, name: str) -> None:
        """Delete the object."""
        try:
            obstore.delete(self._store, checked_name(name))
        except _ABSENT:
            return
        except _ERRORS as error:
            raise _failed(error) from None


def _failed(error: Exception) -> BlobsFailed:
    """What the server says, or the library: behind its first line comes its own structure."""
    words = str(error)
    status, said = _STATUS.search(words), _MESSAGE.search(words)
    if status and said:
        return BlobsFailed(f"the object store answers {status[1]}: {safe_text(said[1], 200)}")
    return BlobsFailed(f"the object store fails: {safe_text(words.partition(chr(10))[0], 200)}")
