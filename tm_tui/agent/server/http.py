"""Requests read the same way by every route, in bounds, and what a route raises as its answer."""

import asyncio
import os
import re
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tm_tui.agent.core import TrialOver, Who
from tm_tui.api.requests import Request as Body
from tm_tui.atomic import StorageAbsent, storage_failure
from tm_tui.errors import PasswordAgain, SettingsRefused, StorageFailed, TmError
from tm_tui.link.failures import LinkFailure
from tm_tui.serving.refusals import Refused, refusal_response
from tm_tui.settings.model import problems_of
from tm_tui.settings.revision import Claims
from tm_tui.settings.trial import TrialRuns
from tm_tui.values import crowded

if TYPE_CHECKING:
    from tm_tui.api.agent import SessionInfo

__all__ = [
    "MOST_BYTES",
    "body_of",
    "expected_revision",
    "on_refusal",
    "uid_of",
    "who_of",
]

MOST_BYTES = 1 << 20
"""Most bytes of a request's body."""
_MOST_ENTRIES = 2000
"""Most keys and entries of lists in a request; no call takes lists of more than a thousand."""
_BODY_SECONDS = 30.0

S = TypeVar("S", bound=Body)

_REVISION = re.compile(r'(?:"(0|[1-9][0-9]{0,8})"|(0|[1-9][0-9]{0,8}))')


async def body_of(
    request: Request, shape: type[S], most_bytes: int = MOST_BYTES, *, empty: S | None = None
) -> S:
    """Read a request's JSON; without a body it is `empty`, where that is possible.

    Raises Refused: 413 when it is too much, 408 when it does not come, 400 when it is not of this shape.
    """
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            raw = await _raw_body(request, most_bytes)
    except TimeoutError:
        cause = f"The request was not whole after {_BODY_SECONDS:.0f} s."
        raise Refused(408, "too-slow", cause, "Send it at once.") from None
    if not raw and empty is not None:
        return empty
    if crowded(raw, _MOST_ENTRIES):
        cause = f"The request has more than {_MOST_ENTRIES} keys and entries."
        raise Refused(413, "too-large", cause, "Send only what docs/control.md names.")
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        remedy = "See docs/control.md for the shape of requests."
        raise Refused(
            400, "bad-request", "The request is not understood.", remedy, problems_of(error)
        ) from None


async def _raw_body(request: Request, most_bytes: int) -> bytes:
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > most_bytes:
            cause = f"The request is larger than {most_bytes} bytes."
            raise Refused(413, "too-large", cause, "Send less at once.")
    return bytes(raw)


def who_of(request: Request) -> Who:
    """Who asks: the user by the kernel, tty and address by the client."""
    session: SessionInfo = request.state.session
    return Who(session.user, Claims(session.tty, session.ssh_from))


def uid_of(request: Request) -> int:
    """The number of the user who asks, by the kernel."""
    uid: int = request.state.peer.uid
    return uid


def expected_revision(request: Request) -> int:
    """Read If-Match (RFC 9110, 13.1.1), quotes or not. Refused: 428 without it, 400 for another form."""
    given = request.headers.get("if-match")
    if given is None:
        cause = "The request does not say on top of which revision it saves."
        raise Refused(428, "if-match-missing", cause, 'Send it as `If-Match: "3"`.')
    match = _REVISION.fullmatch(given)
    if not match:
        raise Refused(400, "bad-request", "If-Match holds no revision number.", 'Send it as `If-Match: "3"`.')
    return int(match[1] or match[2])


def on_refusal(_request: Request, error: Exception) -> Response:
    """Turn what a route raises into its answer (a Starlette exception handler)."""
    if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
        return refusal_response(_storage_refused(error))
    return refusal_response(_as_refused(error))


def _storage_refused(error: OSError) -> Refused:
    """What the disk, or a file's owner, does to a route is no bug of ours."""
    failure = storage_failure(Path(os.fsdecode(error.filename or "a file of the agent")), error)
    return Refused(507, "storage", failure.cause, failure.remedy)


_ANSWERS: tuple[tuple[type[TmError], int, str], ...] = (
    (StorageAbsent, 404, "not-found"),
    (StorageFailed, 507, "storage"),
    (TrialRuns, 409, "trial-runs"),
    (TrialOver, 409, "trial-over"),
    (TmError, 409, "refused"),
)
"""Status and code of what else a route raises; the first that fits."""


def _as_refused(error: Exception) -> Refused:
    match error:
        case Refused():
            return error
        case SettingsRefused():
            code = "password-again" if isinstance(error, PasswordAgain) else "settings-refused"
            return Refused(422, code, error.cause, error.remedy, error.problems)
        case LinkFailure():
            return Refused(502, error.code, error.cause, error.remedy)
        case TmError():
            status, code = next(found[1:] for found in _ANSWERS if isinstance(error, found[0]))
            return Refused(status, code, error.cause, error.remedy)
        case HTTPException():
            phrase = HTTPStatus(error.status_code).phrase
            return Refused(
                error.status_code, f"http-{error.status_code}", f"{phrase}.", "See docs/control.md."
            )
    return Refused(500, "internal", "The agent failed by a programming error.", "Look into the agent's log.")
