"""What python-tuf refuses, as failures of docs/failures.md, told apart by what was asked for last."""

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    SlowRetrievalError,
    UnsignedMetadataError,
)

from tm_tui.link.failures import LinkFailure, failure
from tm_tui.link.types import Link
from tm_tui.text import safe_text

__all__ = ["METADATA_PATH", "TARGETS_PATH", "refusal"]

METADATA_PATH = "/v1/patterns/metadata/"
TARGETS_PATH = "/v1/patterns/targets/"


def refusal(error: RepositoryError | DownloadError, last: str, link: Link) -> LinkFailure:
    """The failure that stands for `error`; `last` is the path that was asked for last."""
    detail = "" if last.startswith(TARGETS_PATH) else safe_text(last.removeprefix(METADATA_PATH), 60)
    return failure(_code(error, last), "service", link.endpoint, link.proxy, detail=detail)


_CODES: tuple[tuple[type[Exception], str], ...] = (
    (UnsignedMetadataError, "pattern-signature"),
    (ExpiredMetadataError, "pattern-expired"),
    (LengthOrHashMismatchError, "pattern-mixed"),
    (DownloadLengthMismatchError, "pattern-too-large"),
    (SlowRetrievalError, "pattern-too-slow"),
    (DownloadHTTPError, "pattern-absent"),
)


def _code(error: RepositoryError | DownloadError, last: str) -> str:
    if isinstance(error, BadVersionNumberError):
        # Root and timestamp carry the sequence; what comes below them is compared with what they name.
        return "pattern-old" if last.endswith(("timestamp.json", "root.json")) else "pattern-mixed"
    if isinstance(error, LengthOrHashMismatchError) and last.startswith(TARGETS_PATH):
        return "pattern-damaged"
    return next((code for kind, code in _CODES if isinstance(error, kind)), "pattern-list-unreadable")
