"""How python-tuf's client gets its files: over our link, so through our proxy, trust and bandwidth limit.

The library blocks, so it runs in a thread and calls coroutines of the event loop; the thread ends when the
task that waits for it is cancelled. A server that sends too slowly is given up.
"""

import asyncio
import concurrent.futures
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from tuf.api.exceptions import DownloadHTTPError, DownloadLengthMismatchError, SlowRetrievalError
from tuf.ngclient.fetcher import FetcherInterface

from tm_tui.link.failures import LinkFailure
from tm_tui.link.http_status import for_status
from tm_tui.link.https import LinkClient
from tm_tui.patterns.root_keys import usable_root

__all__ = ["LinkFetcher", "LoopCalls", "Patience", "Stopped", "in_thread"]

T = TypeVar("T")

_AT_ONCE = 64 << 10
_MOMENT = 0.1
_LITTLE = 2.0
_ABSENT = frozenset({403, 404})
"""What a static file server says of a file that is not there; TUF asks for such files on purpose."""


class Stopped(Exception):
    """The task that wanted this is over: the thread ends too."""


class LoopCalls:
    """Runs coroutines in the event loop for a thread, one at a time, until it is stopped."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._guard = threading.Lock()
        self._current: concurrent.futures.Future[Any] | None = None
        self._stopped = False

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait in this thread for what the coroutine gives. Raises Stopped, and what it raises."""
        with self._guard:
            if self._stopped:
                coroutine.close()
                raise Stopped
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._current = future
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise Stopped from None

    def check(self) -> None:
        """Raise Stopped if it is over: between long pieces of work that ask nothing of the loop."""
        if self._stopped:
            raise Stopped

    def stop(self) -> None:
        """End the call that is under way, and refuse further ones."""
        with self._guard:
            self._stopped = True
            if self._current is not None:
                self._current.cancel()


async def in_thread(function: Callable[[LoopCalls], T]) -> T:
    """Run `function` in a thread of its own. Cancelled, this waits until the thread has ended."""
    calls = LoopCalls(asyncio.get_running_loop())
    work = asyncio.ensure_future(asyncio.to_thread(function, calls))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        calls.stop()
        await asyncio.wait({work})
        if not work.cancelled():
            work.exception()  # looked at, so that nobody reports it as forgotten
        raise


@dataclass(frozen=True, slots=True)
class Patience:
    """In each `seconds` at least `least` bytes must come, or half of what our own limit lets through.

    No file takes longer than `whole` seconds, however steadily it drips.
    """

    seconds: float = 30.0
    least: int = 4096
    whole: float = 86400.0


class LinkFetcher(FetcherInterface):
    """Fetches for one check. `last` is the path that was asked for last; `rate` our own limit, 0: none.

    What the link cannot do comes as LinkFailure. Bodies lie in unnamed files in `folder`, never in memory.
    """

    def __init__(
        self, calls: LoopCalls, client: LinkClient, folder: Path, *, rate: float, patience: Patience
    ) -> None:
        self._calls = calls
        self._client = client
        self._folder = folder
        self._patience = patience
        self._least = patience.least
        if rate:
            self._least = int(min(patience.least, rate * patience.seconds / 2))
        self.last = ""
        self._looked: dict[str, bytes | DownloadHTTPError] = {}

    def _fetch(self, url: str) -> Iterator[bytes]:
        base = str(self._client.base_url).rstrip("/")
        self.last = url.removeprefix(base)
        download = _Download(self._client, url, self._patience.seconds)
        piece = self._calls(download.open())
        started = began = time.monotonic()
        size = 0
        try:
            while piece:
                size += len(piece)
                if (now := time.monotonic()) - began >= self._patience.seconds:
                    if size < self._least or now - started >= self._patience.whole:
                        raise SlowRetrievalError(f"{size} bytes in {now - began:.0f} s")
                    began, size = now, 0
                yield piece
                piece = b"" if download.ended else self._calls(download.some())
        finally:
            if not download.ended:
                with suppress(Stopped):  # then the client is closed as a whole
                    self._calls(download.close())

    def look(self, url: str, max_length: int) -> bytes:
        """`download_bytes`; who asks for this file next is told the same. Raises as that does."""
        try:
            self._looked[url] = data = self.download_bytes(url, max_length)
        except DownloadHTTPError as absent:
            self._looked[url] = absent
            raise
        return data

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """As the interface has it. Raises RepositoryError for a root with keys that are not used here."""
        data = self._looked.pop(url, None)
        if isinstance(data, DownloadHTTPError):
            raise data
        if data is None:
            data = super().download_bytes(url, max_length)
        if url.endswith(".root.json"):
            usable_root(data)
        return data

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """As the interface has it, with the file on the disk of `folder`. Raises OSError if that is full."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            size = 0
            for piece in self.fetch(url):
                size += len(piece)
                if size > max_length:
                    raise DownloadLengthMismatchError(f"over {max_length} bytes")
                file.write(piece)
            file.seek(0)
            yield file


class _Download:
    """One reply. Its methods run in the event loop, called from a thread: a small file comes in one call."""

    def __init__(self, client: LinkClient, url: str, seconds: float) -> None:
        self._client = client
        self._url = url
        self._seconds = seconds
        self._pieces: AsyncIterator[bytes]
        self.ended = True
        """Nothing more comes, and nothing is open."""

    async def open(self) -> bytes:
        """Ask, and return the first bytes. Raises DownloadHTTPError if the file is not there, LinkFailure."""
        link = self._client.link
        response = await self._client.send(self._client.build_request("GET", self._url), stream=True)
        self._response, self._pieces = response, response.aiter_raw()
        if response.status_code in _ABSENT:
            await self._read_away()
            raise DownloadHTTPError("absent", response.status_code)
        if response.status_code != 200:
            await self.close()
            raise for_status(response.status_code, response.headers, link.endpoint, link.proxy)
        self.ended = False
        try:
            return await self.some()
        except BaseException:
            await self.close()
            raise

    async def some(self) -> bytes:
        """The next bytes, as many as come within a moment; none at the end. Raises SlowRetrievalError."""
        now = asyncio.get_running_loop().time
        until = now() + _MOMENT
        found, size = list[bytes](), 0
        try:
            async with asyncio.timeout(self._seconds):
                while size < _AT_ONCE and now() < until:
                    if not (piece := await anext(self._pieces, b"")):
                        await self.close()
                        break
                    found.append(piece)
                    size += len(piece)
        except TimeoutError:
            raise SlowRetrievalError(f"nothing in {self._seconds:.0f} s") from None
        return b"".join(found)

    async def _read_away(self) -> None:
        """Read what says that there is no such file, so that the connection is kept; nobody waits long."""
        size = 0
        try:
            async with asyncio.timeout(min(self._seconds, _LITTLE)):
                while size < _AT_ONCE and (piece := await anext(self._pieces, b"")):
                    size += len(piece)
        except (TimeoutError, LinkFailure):
            return  # the status has said it
        finally:
            await self.close()

    async def close(self) -> None:
        """Hang up, wherever it stands."""
        self.ended = True
        await self._response.aclose()
