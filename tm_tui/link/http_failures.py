"""What httpcore reports, as codes of docs/failures.md."""

import httpcore

__all__ = ["code_for_http_error"]


def code_for_http_error(error: BaseException) -> str | None:
    """A code for httpcore's own exceptions; None where an inner one says more."""
    if isinstance(error, httpcore.WriteTimeout):
        return "send-timeout"
    if isinstance(error, (httpcore.ReadTimeout, httpcore.PoolTimeout)):
        return "reply-timeout"
    if isinstance(error, (httpcore.ReadError, httpcore.WriteError)):
        return "reply-closed"
    if isinstance(error, httpcore.RemoteProtocolError):
        gone = "disconnected" in str(error) or "without sending complete" in str(error)
        return "reply-closed" if gone else "reply-not-understood"
    return None
