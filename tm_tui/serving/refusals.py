"""A request that is refused: the answer that says why, also before a request was read."""

from http import HTTPStatus

import msgspec
from starlette.responses import Response

from tm_tui.api.agent import ProblemInfo, Refusal
from tm_tui.api.shapes import Shape
from tm_tui.errors import Problem, TmError

__all__ = ["Refused", "answer", "refusal_message", "refusal_response"]

_NO_STORE = {"Cache-Control": "no-store"}
_PASSING = (429, 503)
"""What may be otherwise in a moment; a client is told in how many seconds to try again (RFC 9110, 10.2.3)."""
_RETRY_SECONDS = "2"


class Refused(TmError):
    """A request that gets `status` and a `Refusal`. `code` is a stable word."""

    def __init__(
        self, status: int, code: str, cause: str, remedy: str, problems: tuple[Problem, ...] = ()
    ) -> None:
        super().__init__(cause, remedy)
        self.status = status
        self.code = code
        self.problems = problems


def answer(value: Shape | tuple[Shape, ...], status: int = 200) -> Response:
    """Write a shape, or a list of shapes, as JSON."""
    return Response(
        msgspec.json.encode(value),
        status,
        media_type="application/json",
        headers=_NO_STORE,
    )


def refusal_response(refused: Refused) -> Response:
    """Write a refusal."""
    shown = tuple(ProblemInfo(field=p.field, cause=p.cause, remedy=p.remedy) for p in refused.problems)
    body = Refusal(code=refused.code, cause=refused.cause, remedy=refused.remedy, problems=shown)
    response = answer(body, refused.status)
    if refused.status in _PASSING:
        response.headers["Retry-After"] = _RETRY_SECONDS
    return response


def refusal_message(refused: Refused) -> bytes:
    """Write a refusal as a whole HTTP/1.1 message, for a connection that is closed after it."""
    response = refusal_response(refused)
    head = [f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}".encode(), b"connection: close"]
    head += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + bytes(response.body)
