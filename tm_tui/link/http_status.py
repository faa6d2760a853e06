"""What an HTTP server answers, as failures of docs/failures.md."""

from collections.abc import Mapping

from tm_tui.link.failures import LinkFailure, failure, words_in
from tm_tui.link.http_headers import auth_schemes, retry_after_seconds
from tm_tui.link.types import Endpoint, Proxy

__all__ = ["for_status"]

_STATUS = {
    401: ("http-auth-refused", "authentication"),
    403: ("http-forbidden", "authentication"),
    404: ("http-not-found", "service"),
    405: ("http-method", "service"),
    407: ("http-proxy-auth", "service"),
    409: ("http-conflict", "service"),
    413: ("http-too-large", "service"),
    426: ("version-refused", "service"),
    429: ("http-busy", "service"),
    501: ("http-method", "service"),
    507: ("remote-disk-full", "service"),
    511: ("captive-portal", "service"),
}
_OF_PASSWORDS = frozenset({401, 407})
"""What a server says of these is not quoted: it could ask for a password in our name."""


def for_status(
    status: int,
    headers: Mapping[str, str],
    target: Endpoint,
    proxy: Proxy | None = None,
    *,
    body: bytes = b"",
) -> LinkFailure:
    """Make the failure of an HTTP answer that is no success (RFC 9110, section 15).

    Of a refusal (4xx) the server's own words in `body` are quoted.
    """
    told = words_in(body) if 400 <= status < 500 and status not in _OF_PASSWORDS else None
    code, stage = _STATUS.get(status, ("", "service"))
    if not code and status < 300:  # a page that says yes to everything, or no server of this protocol
        code = "reply-not-understood"
    elif not code and status < 400:
        code = "captive-portal"
    elif not code:
        code = "http-server-error" if status >= 500 else "http-refused"
    if (
        status == 401
        and (ways := auth_schemes([headers.get("www-authenticate", "")]))
        and "basic" not in ways
    ):
        code = "http-auth-method"
    if told is not None and told.code == "version-refused":
        code, stage = "version-refused", "service"
    if status == 400 and b"SSL certificate" in body:  # nginx and Apache, after the handshake
        code = "tls-client-certificate"
    wait = retry_after_seconds(headers)
    return failure(code, stage, target, proxy, detail=f"HTTP status {status}", retry_after=wait, told=told)
