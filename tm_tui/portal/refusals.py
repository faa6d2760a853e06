"""One language of refusals for both protocols of the portal: a stable code, a cause, a remedy."""

import errno
from collections.abc import Mapping

from tm_tui.errors import TmError
from tm_tui.portal.blobs.store import BlobsAway, BlobsFailed, BlobsFull
from tm_tui.text import safe_text

__all__ = ["Refused", "storage_refused"]


class Refused(TmError):
    """The portal says no. `code` is listed in docs/protocol.md; `status` is what HTTP answers."""

    def __init__(
        self,
        status: int,
        code: str,
        cause: str,
        remedy: str,
        *,
        close: bool = False,
        retry_after: int | None = None,
        more: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(cause, remedy)
        self.status = status
        self.code = code
        self.close = close
        """The rest of the request is not worth reading: end the connection after the answer."""
        self.retry_after = retry_after
        """Seconds after which it may be tried again, for 503."""
        self.more = dict(more or {})
        """Further members of the JSON body, beside `error`."""
        self._headers = dict(headers or {})

    @property
    def headers(self) -> dict[str, str]:
        """What goes with the answer over HTTP."""
        found = {**self._headers, **({"connection": "close"} if self.close else {})}
        return found if self.retry_after is None else {**found, "retry-after": str(self.retry_after)}


_RETRY_SECONDS = 5
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def storage_refused(error: OSError) -> Refused:
    """What keeps things stands in the way: 507 when it is full, 503 while it is away, else 500."""
    reason = safe_text(error.strerror or type(error).__name__)
    if isinstance(error, BlobsFailed):
        cause = f"What the portal keeps cannot be reached: {reason}."
        if isinstance(error, BlobsAway):
            return Refused(503, "busy", cause, "Try again in a moment.", retry_after=_RETRY_SECONDS)
        full = isinstance(error, BlobsFull)
        status, code = (507, "disk-full") if full else (500, "storage-failed")
        return Refused(status, code, cause, "Look into the portal's log, and the object store's.")
    if error.errno in _FULL:
        return Refused(
            507, "disk-full", "The portal's disk is full.", "Make room on it; the batch may come again."
        )
    return Refused(
        500, "storage-failed", f"The portal's disk failed: {reason}.", "Look into the portal's log."
    )
