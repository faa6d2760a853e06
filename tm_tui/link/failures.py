"""Every foreign failure becomes one LinkFailure here, once: nobody above ever sees a raw exception's text.

What a server says of its refusal (`{"error": {"code", "cause", "remedy"}}`, docs/protocol.md) is quoted
beside our own words, never instead of them: a server could say anything.
"""

import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpcore

from tm_tui.errors import TmError
from tm_tui.link.codes_of_connecting import WAYS
from tm_tui.link.codes_of_patterns import PATTERNS
from tm_tui.link.codes_of_servers import SERVERS
from tm_tui.link.codes_of_ssh import SSH
from tm_tui.link.codes_of_tls import TLS
from tm_tui.link.host_keys import HostKey
from tm_tui.link.os_failures import code_for_os_error, code_for_tls_error
from tm_tui.link.types import Endpoint, Proxy
from tm_tui.text import safe_text

__all__ = [
    "FAILURES",
    "LinkFailure",
    "ServerWords",
    "code_for_http_error",
    "failure",
    "translate",
    "words_in",
]

_MOST_BODY, _MOST_CODE, _MOST_WORDS = 64 << 10, 60, 180

FAILURES: dict[str, tuple[str, str]] = {**WAYS, **TLS, **SSH, **SERVERS, **PATTERNS}
"""The stable table: code -> (cause, remedy). docs/failures.md has a section for each code.

`{peer}` is who the stage talks to (in stage `proxy` the proxy), `{target}` the server; `{..._host}` is
without the port, and `{Peer}` begins a sentence.
"""

_TIMEOUTS = {
    "name": "name-timeout",
    "proxy": "proxy-timeout",
    "tcp": "tcp-timeout",
    "tls": "tls-timeout",
    "host_key": "ssh-timeout",
    "authentication": "ssh-login-timeout",
}
_CLOSED = {
    "proxy": "proxy-closed",
    "tcp": "tcp-refused",
    "tls": "tls-closed",
    "host_key": "ssh-closed",
    "authentication": "ssh-login-closed",
}


@dataclass(frozen=True, slots=True)
class ServerWords:
    """Safe to show, each at most 180 characters; a member that was missing is empty."""

    code: str
    cause: str
    remedy: str


def words_in(body: bytes) -> ServerWords | None:
    """Read the body of a refusal; None where it says nothing in this form. Never raises."""
    if len(body) > _MOST_BODY:
        return None
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    error = told.get("error") if isinstance(told, dict) else None
    if not isinstance(error, dict):
        return None
    code, cause, remedy = (error.get(name) for name in ("code", "cause", "remedy"))
    found = ServerWords(_safe(code, _MOST_CODE), _safe(cause, _MOST_WORDS), _safe(remedy, _MOST_WORDS))
    return found if found != ServerWords("", "", "") else None


def _safe(value: object, most: int) -> str:
    """Without the mark that ends a quotation, so that nobody's words run into ours."""
    return safe_text(value, most).replace('"', "'").strip() if isinstance(value, str) else ""


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


class LinkFailure(TmError):
    """A way to a server that did not work.

    `code` is a heading of docs/failures.md; `stage` is one of settings name proxy tcp tls host_key
    authentication service clock; `retry_after` is in seconds, as the server asked; `host_key` is the key that
    the server showed; `told` is what it said of its refusal, which stands in cause and remedy too.
    """

    def __init__(
        self,
        code: str,
        stage: str,
        cause: str,
        remedy: str,
        *,
        retry_after: float | None = None,
        host_key: HostKey | None = None,
        told: ServerWords | None = None,
    ) -> None:
        super().__init__(cause, remedy)
        self.code = code
        self.stage = stage
        self.retry_after = retry_after
        self.host_key = host_key
        self.told = told


def failure(
    code: str,
    stage: str,
    target: Endpoint,
    proxy: Proxy | None = None,
    *,
    detail: str = "",
    retry_after: float | None = None,
    host_key: HostKey | None = None,
    told: ServerWords | None = None,
) -> LinkFailure:
    """Make the failure of `code` with its texts filled in; `detail` may come from outside and is made safe.

    What the server `told` is quoted behind them. In stage `proxy` the peer that the texts speak of is the
    proxy.
    """
    cause, remedy = FAILURES[code]
    peer = proxy.endpoint if proxy and stage == "proxy" else target
    names = {
        "target": safe_text(target.authority),
        "host": safe_text(target.host),
        "port": target.port,
        "peer": safe_text(peer.authority),
        "Peer": f"The {'server' if peer is target else 'proxy'} {safe_text(peer.authority)}",
        "peer_host": safe_text(peer.host),
        "proxy": safe_text(proxy.endpoint.authority) if proxy else "the proxy",
    }
    text = cause.format_map(names)
    if detail:
        text = f"{text} ({safe_text(detail, 160)})"
    advice = remedy.format_map(names)
    if told is not None and told.cause:
        text = f'{text} It says: "{told.cause}"'
    if told is not None and told.remedy:
        advice = f'{advice} The server says: "{told.remedy}"'
    return LinkFailure(code, stage, text, advice, retry_after=retry_after, host_key=host_key, told=told)


def translate(error: BaseException, stage: str, target: Endpoint, proxy: Proxy | None = None) -> LinkFailure:
    """Classify a foreign exception by type, verify_code, errno and stage, along its causes and contexts."""
    chain = tuple(_chain(error))
    for one in chain:
        if isinstance(one, LinkFailure):
            return one
    # A bare TimeoutError is how a library's own, more telling timeout began, so it comes last.
    for one in sorted(chain, key=lambda one: type(one) is TimeoutError):
        code = _code_for(one, stage)
        if code:
            return failure(code, stage, target, proxy)
    return failure("link-failed", stage, target, proxy, detail=type(error).__name__)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what caused it, from the outside inwards; innermost facts are the most precise."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return iter(reversed(seen))


def _code_for(error: BaseException, stage: str) -> str | None:
    library = type(error).__module__.partition(".")[0]
    if library == "asyncssh":
        from tm_tui.link.ssh_failures import code_for_ssh_error

        return code_for_ssh_error(error, stage)
    if library == "httpcore":
        return code_for_http_error(error)
    if isinstance(error, ssl.SSLError):
        return code_for_tls_error(error, stage)
    if isinstance(error, TimeoutError) and not error.errno:
        return _TIMEOUTS.get(stage, "reply-timeout")
    if isinstance(error, (EOFError, ConnectionResetError, BrokenPipeError, ConnectionAbortedError)):
        return _CLOSED.get(stage, "reply-closed")
    return code_for_os_error(error, stage) if isinstance(error, OSError) else None
